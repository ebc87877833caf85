"""Turns over HTTP: who may ask, what is refused, and that a repeat changes nothing."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import pytest
from aiohttp import web
from rasa.shared.core.events import UserUttered
from threadpoolctl import threadpool_info, threadpool_limits

from bot import service_channel
from bot.service_channel import ChannelSettingsError, ServiceChannel
from tests.integration.bot.conftest import SECRET, Bot, Customer, FakeActions


@pytest.mark.parametrize("secret", ["wrong", SECRET + "x", SECRET[:-1], "é" * 22])
async def test_stranger_gets_nothing(bot: Bot, secret: str) -> None:
    customer = Customer(bot)
    headers = {"Authorization": f"Bearer {secret}".encode()}
    response = await bot.client.post(
        "/webhooks/service/turn", json=customer.request("hello"), headers=headers
    )
    assert (response.status_code, response.json()["code"]) == (401, "unauthorised")
    response = await bot.client.post("/webhooks/service/turn", json=customer.request("hello"))
    assert response.status_code == 401
    assert await bot.events(customer.sender_id) == []


@pytest.mark.parametrize("secret", [None, "", "short"])
def test_channel_does_not_start_without_a_secret(secret: str | None) -> None:
    with pytest.raises(ChannelSettingsError, match="DRAGOMAN_INTERNAL_SECRET"):
        ServiceChannel.from_credentials({"secret": secret})


@pytest.mark.parametrize(
    ("document", "status", "code"),
    [
        (b"{", 400, "malformed_turn"),
        (b"", 400, "malformed_turn"),
        (b"\xff", 400, "malformed_turn"),
        ([], 400, "malformed_turn"),
        ({"text": "hello"}, 400, "malformed_turn"),
        ({"sender_id": "a", "message_id": "b", "text": "x" * 4001, "metadata": {}}, 413, "text_too_long"),
    ],
)
async def test_what_is_no_turn_is_refused_with_a_reason(
    bot: Bot, document: Any, status: int, code: str
) -> None:
    response = await bot.post(document)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.json()["message"]


async def test_readiness_can_be_asked_without_the_secret(bot: Bot) -> None:
    response = await bot.client.get("/webhooks/service/")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_repeat_of_a_message_gives_the_same_answer_and_changes_nothing(bot: Bot) -> None:
    customer = Customer(bot, language="en")
    request = customer.request("how much is delivery")
    first = await bot.post(request)
    events = len(await bot.events(customer.sender_id))
    assert (await bot.post(request)).json() == first.json()
    assert len(await bot.events(customer.sender_id)) == events
    # Later too, when the conversation has gone on.
    await customer.say("hello")
    assert (await bot.post(request)).json() == first.json()


async def test_repeat_does_not_ask_the_shop_again(bot: Bot, actions: FakeActions) -> None:
    customer = Customer(bot, language="en")
    await customer.say("where is my order")
    await customer.say("48213")
    request = customer.request("b.may@mail.example")
    first = (await bot.post(request)).json()
    called = len(actions.called)
    assert (await bot.post(request)).json() == first
    assert len(actions.called) == called


async def test_two_copies_at_once_are_one_turn(bot: Bot) -> None:
    customer = Customer(bot, language="en")
    request = customer.request("how much is delivery")
    answers = await asyncio.gather(*(bot.post(request) for _ in range(5)))
    assert len({answer.text for answer in answers}) == 1
    messages = [event for event in await bot.events(customer.sender_id) if isinstance(event, UserUttered)]
    assert len(messages) == 1


async def test_conversations_do_not_wait_for_each_other(bot: Bot, actions: FakeActions) -> None:
    actions.delay_seconds = 0.5
    slow, quick = Customer(bot, language="en"), Customer(bot, language="en")
    waiting = asyncio.create_task(slow.say("where is my order"))
    await asyncio.sleep(0.1)
    await quick.say("how much is delivery")
    assert not waiting.done()
    await waiting


@pytest.mark.parametrize("failing", ["validate_track_order_form", "action_ask_order_number"])
async def test_failing_action_fails_the_turn_and_leaves_no_trace(
    bot: Bot, actions: FakeActions, failing: str
) -> None:
    customer = Customer(bot, language="en")
    await customer.say("hello")
    before = len(await bot.events(customer.sender_id))
    actions.fail = lambda name: web.Response(status=500) if name == failing else None
    request = customer.request("where is my order")
    response = await bot.post(request)
    assert (response.status_code, response.json()["code"]) == (503, "turn_failed")
    assert len(await bot.events(customer.sender_id)) == before
    actions.fail = lambda name: None
    again = await bot.post(request)
    assert again.status_code == 200
    assert again.json()["task"] == "track_order"


async def test_action_server_that_is_away_fails_only_what_needs_it(bot: Bot, actions: FakeActions) -> None:
    assert bot.agent.processor is not None
    bot.agent.processor.action_endpoint.url = "http://127.0.0.1:9/webhook"  # type: ignore[union-attr]
    customer = Customer(bot, language="en")
    assert (await bot.post(customer.request("where is my order"))).status_code == 503
    assert (await customer.say("how much is delivery"))["replies"]
    assert (await customer.say("can I speak to a person"))["handoff"] == {"reason": "requested"}


async def test_turn_that_takes_too_long_is_given_up(bot: Bot, actions: FakeActions) -> None:
    actions.delay_seconds = 5
    customer = Customer(bot, language="en")
    request = customer.request("where is my order")
    response = await bot.post(request)
    assert (response.status_code, response.json()["code"]) == (503, "turn_failed")
    assert await bot.events(customer.sender_id) == []
    actions.delay_seconds = 0
    assert (await bot.post(request)).status_code == 200


async def test_database_that_is_gone_fails_the_turn(bot: Bot) -> None:
    await bot.store.check()
    with bot.store.engine.begin() as connection:
        connection.execute("ALTER TABLE bot_turns RENAME TO elsewhere")
    customer = Customer(bot, language="en")
    request = customer.request("hello")
    assert (await bot.post(request)).status_code == 503
    with bot.store.engine.begin() as connection:
        connection.execute("ALTER TABLE elsewhere RENAME TO bot_turns")
    assert (await bot.post(request)).status_code == 200


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"events": [{"event": "stack"}]}'])
async def test_rubbish_from_the_action_server_fails_the_turn(
    bot: Bot, actions: FakeActions, body: bytes
) -> None:
    customer = Customer(bot, language="en")
    request = customer.request("where is my order")
    actions.fail = lambda name: web.Response(body=body)
    response = await bot.post(request)
    assert (response.status_code, response.json()["code"]) == (503, "turn_failed")
    assert await bot.events(customer.sender_id) == []
    actions.fail = lambda name: None
    assert (await bot.post(request)).json()["task"] == "track_order"


async def test_long_conversation_goes_on_as_a_short_one(bot: Bot) -> None:
    customer, other = Customer(bot, language="en"), Customer(bot, language="en")
    for _ in range(12):
        await customer.say("hello")
    await other.say("hello")
    for text in (
        "where is my order",
        "how much is delivery",
        "hello",
        "48213",
        "b.may@mail.example",
        "hello",
    ):
        long, short = await customer.say(text), await other.say(text)
        assert {**long, "message_id": None} == {**short, "message_id": None}


async def test_form_is_still_open_after_many_interruptions(bot: Bot) -> None:
    customer = Customer(bot, language="en")
    await customer.say("where is my order")
    await customer.say("48213")
    for _ in range(6):
        answer = await customer.say("how much is delivery")
        assert (answer["task"], answer["slots"]["order_number"]) == ("track_order", "48213")
    assert (await customer.say("b.may@mail.example"))["task"] is None


async def test_huge_body_is_refused(bot: Bot) -> None:
    for body in (b'{"text": "' + b"x" * 300_000 + b'"}', b"[" * 100_000):
        response = await bot.post(body)
        assert response.status_code in (400, 413)


async def test_not_ready_while_the_database_does_not_answer(bot: Bot) -> None:
    await bot.store.check()
    with bot.store.engine.begin() as connection:
        connection.execute("ALTER TABLE bot_turns RENAME TO elsewhere")
    response = await bot.client.get("/webhooks/service/")
    assert (response.status_code, response.json()) == (503, {"status": "no database"})
    with bot.store.engine.begin() as connection:
        connection.execute("ALTER TABLE elsewhere RENAME TO bot_turns")
    assert (await bot.client.get("/webhooks/service/")).status_code == 200


async def test_fault_of_ours_is_told_as_one(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: Any) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr(service_channel, "render_turn", break_down)
    response = await bot.post(Customer(bot, language="en").request("hello"))
    assert (response.status_code, response.json()["code"]) == (500, "internal_error")


@pytest.mark.parametrize(
    "text",
    [
        "/greet",
        "/request_human",
        " /restart",
        "//session_start",
        '/inform{"order_number": "1"}',
        "/",
        "///",
        "/back@1.0",
    ],
)
async def test_text_is_never_a_command(bot: Bot, text: str) -> None:
    customer, other = Customer(bot, language="en"), Customer(bot, language="en")
    answer, plain = await customer.say(text), await other.say(text.strip().lstrip("/"))
    assert answer["understanding"] == plain["understanding"]
    assert (answer["handoff"], answer["entities"]) == (plain["handoff"], plain["entities"])
    (message,) = [event for event in await bot.events(customer.sender_id) if isinstance(event, UserUttered)]
    assert message.text == text.strip()
    assert message.intent["confidence"] < 1


@pytest.mark.parametrize("text", ["", " ", "👍", "?", "\u200b", "\ud83d", "x" * 4000, "\x00"])
async def test_odd_text_gets_an_answer(bot: Bot, text: str) -> None:
    customer = Customer(bot, language="en")
    body = customer.request(text)
    response = await bot.client.post(
        "/webhooks/service/turn",
        content=json.dumps(body),
        headers={"Authorization": f"Bearer {SECRET}"},
    )
    assert response.status_code == 200
    assert response.json()["replies"]


async def test_forged_payload_is_only_text(bot: Bot) -> None:
    customer = Customer(bot, language="en")
    answer = await customer.say("hello", payload=f"label:{uuid.uuid4()}")
    assert answer["understanding"]["label"] == "greet"


async def test_a_message_is_not_shared_among_threads(bot: Bot) -> None:
    """Those that wait for the next sum would take another core from the other turns."""
    with threadpool_limits(limits=2, user_api="blas"):
        await Customer(bot).say("ciao")
        pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
        assert pools
        assert {pool["num_threads"] for pool in pools} == {1}
