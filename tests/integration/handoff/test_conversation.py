"""A customer's conversation with the bot: accepted once, answered once, in order, in their language."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

from handoff.testing import FakeBot, make_result
from tests.integration.handoff.conftest import Running, make_settings, running_service


async def test_message_is_accepted_and_answered(service: Running) -> None:
    customer = await service.open_customer(language="it")
    message_id = await customer.say("ciao")
    accepted = await customer.wait_for(lambda frame: frame["type"] == "accepted")
    assert accepted["id"] == message_id
    if "echo: ciao" not in customer.texts("bot"):
        assert await customer.hear("bot") == "echo: ciao"
    assert service.bot.calls[0].metadata["language_hint"] == "it"


async def test_repeated_id_is_accepted_again_and_answered_once(service: Running) -> None:
    customer = await service.open_customer()
    message_id = str(uuid.uuid4())
    for _ in range(3):
        await customer.say("once", message_id)
    await customer.hear("bot")
    await customer.say("next")
    await customer.wait_for(
        lambda frame: frame.get("kind") == "message" and frame["message"]["text"] == "echo: next"
    )
    accepted = [frame for frame in customer.frames if frame.get("id") == message_id]
    assert len({frame["seq"] for frame in accepted}) == 1
    assert customer.texts("bot") == ["echo: once", "echo: next"]
    assert len(service.bot.calls) == 2


async def test_quick_messages_are_answered_in_order(service: Running) -> None:
    service.bot.delay_s = 0.02
    customer = await service.open_customer()
    for number in range(15):
        await customer.say(str(number))
    while len(customer.texts("bot")) < 15:
        await customer.receive()
    assert customer.texts("bot") == [f"echo: {number}" for number in range(15)]


async def test_history_is_complete_after_a_reconnect(service: Running) -> None:
    customer = await service.open_customer()
    await customer.say("one")
    await customer.hear("bot")
    seen = customer.seq
    await customer.disconnect()
    await customer.connect(after=0)
    while customer.seq < seen or len(customer.texts("bot")) < 2:
        await customer.receive()
    seqs = [event["seq"] for event in customer.events]
    assert seqs[len(seqs) // 2 :] == sorted(set(seqs))
    assert "internal" not in str(customer.frames)


async def test_two_sockets_of_one_conversation_see_the_same(service: Running) -> None:
    first = await service.open_customer()
    second = await service.open_customer(connect=False)
    second.conversation_id, second.token = first.conversation_id, first.token
    await second.connect()
    await first.say("hello")
    await first.hear("bot")
    assert await second.hear("bot") == "echo: hello"
    assert second.texts("customer") == ["hello"]


async def test_language_change_is_told_to_the_socket(service: Running) -> None:
    service.bot.script = lambda request: make_result(request, "ok", language="he")
    customer = await service.open_customer(language="it")
    await customer.say("שלום")
    event = await customer.wait_for(lambda frame: frame.get("kind") == "language")
    assert (event["language"], event["direction"]) == ("he", "rtl")


async def test_bot_that_fails_twice_answers_in_the_end(service: Running) -> None:
    service.bot.failures = 2
    customer = await service.open_customer()
    await customer.say("still there?")
    assert await customer.hear("bot") == "echo: still there?"


async def test_bot_that_answers_wrongly_means_handoff(service: Running) -> None:
    service.bot.failures, service.bot.may_pass = 99, False
    customer = await service.open_customer(language="en")
    await customer.say("anybody?")
    assert "colleague" in await customer.hear("notice")
    assert len(service.bot.calls) == 3
    anna = await service.sign_in()
    queue = (await anna.get("/api/v1/queue")).json()
    assert [line["reason"] for line in queue["waiting"]] == ["bot_unavailable"]


async def test_message_pending_at_a_stop_is_answered_after_the_start(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    slow = FakeBot(delay_s=30)
    async with running_service(settings, slow) as before:
        customer = await before.open_customer()
        await customer.say("do not lose me")
        await customer.wait_for(lambda frame: frame["type"] == "accepted")
        while not slow.calls:
            await asyncio.sleep(0.01)
        for task in before.services.worker.running_tasks():
            task.cancel()
    async with running_service(settings, FakeBot()) as after:
        customer.base_url = after.base_url
        await customer.connect(after=0)
        assert await customer.hear("bot") == "echo: do not lose me"
        assert customer.texts("customer")[-1] == "do not lose me"


async def test_button_payload_reaches_the_bot(service: Running) -> None:
    customer = await service.open_customer()
    await customer.say("Returns", payload="/label{}")
    await customer.hear("bot")
    assert service.bot.calls[0].payload == "/label{}"
