"""What goes over the wire, against tests/contracts/turn.schema.json, to which the service keeps as well."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.integration.bot.conftest import Bot, Customer

CONTRACTS = Path(__file__).parents[2] / "contracts"
SCHEMA = json.loads((CONTRACTS / "turn.schema.json").read_text(encoding="utf-8"))


def complaints(part: str, document: Any) -> list[str]:
    validator = Draft202012Validator({**SCHEMA, "$ref": f"#/$defs/{part}"})
    return [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(document)]


def test_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "path", sorted((CONTRACTS / "examples").glob("turn_*.json")), ids=lambda path: path.stem
)
def test_examples_keep_to_the_schema(path: Path) -> None:
    example = json.loads(path.read_text(encoding="utf-8"))
    assert complaints("request", example["request"]) == []
    assert complaints("response", example["response"]) == []


@pytest.mark.parametrize(
    "text",
    [
        "good morning",
        "quanto costa la spedizione",
        "where is my order",
        "#48213",
        "48213 b.may@mail.example",
        "can I speak to a person",
        "do you speak German",
        "can we speak Italian",
        "blorp wibble frotz",
        "",
    ],
)
async def test_every_kind_of_response_keeps_to_the_schema(bot: Bot, text: str) -> None:
    customer = Customer(
        bot, language_hint="it", market="IT", contact={"name": "Anna", "verified_email": None}
    )
    request = customer.request(text)
    assert complaints("request", request) == []
    response = await bot.post(request)
    assert response.status_code == 200
    assert complaints("response", response.json()) == []


async def test_problems_keep_to_the_schema(bot: Bot) -> None:
    for response in (await bot.post(b"{"), await bot.post({}), await bot.post({}, secret="wrong")):
        assert complaints("problem", response.json()) == []


def shape(reply: dict[str, Any]) -> tuple[str | None, list[str]]:
    """Leave out the words: those are the catalogues' and the articles' affair."""
    return reply["topic"], [button["payload"] for button in reply["buttons"]]


async def test_example_requests_get_what_the_examples_say(bot: Bot) -> None:
    for path in sorted((CONTRACTS / "examples").glob("turn_*.json")):
        example = json.loads(path.read_text(encoding="utf-8"))
        response = (await bot.post(example["request"])).json()
        expected = example["response"]
        assert response["message_id"] == expected["message_id"]
        assert response["language"]["chosen"] == expected["language"]["chosen"]
        assert response["understanding"]["decision"] == expected["understanding"]["decision"]
        assert response["understanding"]["label"] == expected["understanding"]["label"]
        assert response["handoff"] == expected["handoff"]
        assert [shape(reply) for reply in response["replies"]] == [
            shape(reply) for reply in expected["replies"]
        ]
        assert (response["task"], response["entities"]) == (expected["task"], expected["entities"])
