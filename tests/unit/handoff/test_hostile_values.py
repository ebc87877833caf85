"""Pure functions that strangers' values reach, with whatever hypothesis thinks of: only their own errors."""

from __future__ import annotations

import ipaddress
import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handoff.channels.web.errors import InvalidFrameError
from handoff.channels.web.payloads import parse_frame
from handoff.channels.web.verification import hash_token, is_identity, is_token
from handoff.conversations.errors import EmptyMessageError, MessageTooLongError
from handoff.conversations.text import clean_text
from handoff.rate_limits import network_of
from handoff.rendering import list_accepted_languages
from locales.languages import find_language
from locales.markets import find_market

# Lone surrogates included: JSON can carry them.
TEXTS = st.text(st.characters(exclude_categories=()), max_size=200)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)
KINDS = st.sampled_from(["hello", "message", "typing", "delivered", "read", "leave_queue", "ping", "?"])
bounded = settings(max_examples=300, deadline=None, derandomize=True, database=None)


@bounded
@given(st.binary(max_size=300) | TEXTS)
def test_bytes_are_a_frame_or_a_named_error(raw: bytes | str) -> None:
    with suppress(InvalidFrameError):
        parse_frame(raw)


@bounded
@given(KINDS, st.dictionaries(st.sampled_from(["id", "text", "payload", "seq", "after", "token"]), VALUES))
def test_json_is_a_frame_or_a_named_error(kind: str, values: dict[str, object]) -> None:
    with suppress(InvalidFrameError):
        parse_frame(json.dumps({"type": kind, **values}))


@bounded
@given(TEXTS)
def test_cleaned_text_can_be_kept_by_every_database(text: str) -> None:
    try:
        cleaned = clean_text(text, 150)
    except (EmptyMessageError, MessageTooLongError):
        return
    assert "\x00" not in cleaned
    cleaned.encode("utf-8")
    assert clean_text(cleaned, 150) == cleaned


@bounded
@given(TEXTS)
def test_header_and_tags_name_a_language_or_none(text: str) -> None:
    list_accepted_languages(text)
    find_language(text)
    find_market(text)


@bounded
@given(TEXTS, TEXTS, TEXTS)
def test_made_up_tokens_and_signatures_fit_nothing(value: str, email: str, signature: str) -> None:
    assert not is_token(value, hash_token(value + "x"))
    assert not is_token(value, None)
    assert not is_identity("secret", value, email, signature)


@bounded
@given(st.ip_addresses().map(str) | TEXTS)
def test_every_address_has_a_network(address: str) -> None:
    network_of(address)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:203.0.113.7", "203.0.113.7", True),
        ("fe80::1%eth0", "fe80::2", True),
        ("not an address", "1.2.3.4:80", True),
    ],
)
def test_addresses_of_one_network_count_together(one: str, other: str, is_same: bool) -> None:
    assert (network_of(one) == network_of(other)) is is_same


def test_ipv6_address_counts_as_its_network() -> None:
    assert ipaddress.ip_network(network_of("2001:db8::1")).prefixlen == 64
