from __future__ import annotations

import pytest

from actions.commerce.memory import MemoryCommerce
from actions.proof import Proof, find_email, find_proven_order, verified_email
from tests.unit.actions.shop import DAVIDE, GIULIA, make_order


@pytest.mark.parametrize(
    ("text", "email"),
    [
        ("Giulia@Posta.Example", "giulia@posta.example"),
        ("  giulia@posta.example. ", "giulia@posta.example"),
        ("it's <giulia+shop@posta.co.uk>, thanks", "giulia+shop@posta.co.uk"),
        ("המייל שלי: noa.barak@doar.example", "noa.barak@doar.example"),
        ("giulia at posta", None),
        ("giulia@posta", None),
        ("@posta.example", None),
        ("48213", None),
    ],
)
def test_address_is_found_in_a_sentence(text, email):
    assert find_email(text) == email


@pytest.mark.parametrize("metadata", [None, {}, {"contact": None}, {"contact": {"verified_email": None}}])
def test_nobody_is_vouched_for_without_the_services_word(metadata):
    assert verified_email({"text": "giulia@posta.example", "metadata": metadata}) is None


def test_verified_address_is_folded():
    assert verified_email({"metadata": {"contact": {"verified_email": " Giulia@Posta.Example"}}}) == GIULIA


@pytest.mark.parametrize(
    ("signed_in", "given", "proof"),
    [
        (None, GIULIA, Proof.EMAIL),
        (None, " GIULIA@posta.example ", Proof.EMAIL),
        (GIULIA, None, Proof.SIGNED_IN),
        (GIULIA, DAVIDE, Proof.SIGNED_IN),
        (DAVIDE, GIULIA, Proof.EMAIL),
    ],
)
async def test_either_address_proves_the_order(signed_in, given, proof):
    commerce = MemoryCommerce([make_order(email="Giulia@Posta.example")])
    found = await find_proven_order(commerce, "TM-48213", signed_in, given)
    assert found is not None
    assert found[1] is proof


@pytest.mark.parametrize(
    ("number", "signed_in", "given"),
    [
        ("TM-48213", None, None),
        ("TM-48213", None, ""),
        ("TM-48213", None, DAVIDE),
        ("TM-48213", DAVIDE, DAVIDE),
        ("TM-99999", GIULIA, GIULIA),
        ("TM-99999", None, "no such order"),
    ],
)
async def test_nothing_else_proves_it(number, signed_in, given):
    assert await find_proven_order(MemoryCommerce([make_order()]), number, signed_in, given) is None
