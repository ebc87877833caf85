"""Who a widget is: the conversation's token, and the shop's signature on a signed-in user. Pure functions."""

from __future__ import annotations

import hashlib
import hmac
import secrets


def make_token() -> str:
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def is_token(token: str, token_hash: str | None) -> bool:
    return token_hash is not None and hmac.compare_digest(hash_token(token), token_hash)


def sign_identity(secret: str, vendor_contact_id: str, email: str | None) -> str:
    """Return the signature of a signed-in user: hex HMAC-SHA256 over id, newline, e-mail (docs/widget.md)."""
    signed = f"{vendor_contact_id}\n{email or ''}".encode("utf-8", "surrogatepass")
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def is_identity(secret: str, vendor_contact_id: str, email: str | None, signature: str) -> bool:
    expected = sign_identity(secret, vendor_contact_id, email)
    return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogatepass"))
