"""Tokens and identity signatures."""

from __future__ import annotations

import hashlib
import hmac

from handoff.channels.web import verification


def test_identity_is_what_the_documentation_says() -> None:
    expected = hmac.new(b"secret", b"42\nanna@example.com", hashlib.sha256).hexdigest()
    assert verification.sign_identity("secret", "42", "anna@example.com") == expected


def test_signature_binds_id_and_email() -> None:
    signature = verification.sign_identity("secret", "42", "anna@example.com")
    assert verification.is_identity("secret", "42", "anna@example.com", signature)
    assert not verification.is_identity("secret", "43", "anna@example.com", signature)
    assert not verification.is_identity("secret", "42", "eve@example.com", signature)
    assert not verification.is_identity("other", "42", "anna@example.com", signature)
    assert not verification.is_identity("secret", "42", "anna@example.com", "\ud800")


def test_token_opens_its_own_conversation_only() -> None:
    token = verification.make_token()
    assert verification.is_token(token, verification.hash_token(token))
    assert not verification.is_token(verification.make_token(), verification.hash_token(token))
    assert not verification.is_token(token, None)
