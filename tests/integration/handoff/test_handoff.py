"""From the bot to a person and back: one owner at a time, told once, nobody talked over."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path

import jsonschema

from handoff.queue.repository import list_handoffs_of
from handoff.testing import FakeBot, make_result
from locales import catalogue
from tests.customer import Customer
from tests.integration.handoff.conftest import Running, make_settings, running_service

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "contracts" / "handoff_packet.schema.json").read_text(encoding="utf-8")
)


async def _waiting_customer(service: Running, language: str = "en") -> Customer:
    customer = await service.open_customer(language=language)
    await customer.say("first question")
    await customer.hear("bot")
    await customer.say("agent")
    await customer.hear("notice")
    return customer


async def test_whole_way_to_a_person_and_back(service: Running) -> None:
    customer = await _waiting_customer(service)
    anna = await service.sign_in("Anna")
    path = f"/api/v1/conversations/{customer.conversation_id}"

    line = (await anna.get("/api/v1/queue")).json()["waiting"][0]
    assert (line["conversation_id"], line["reason"], line["language"]) == (
        customer.conversation_id,
        "requested",
        "en",
    )

    assert (await anna.post(f"{path}/take")).status_code == 204
    assert "Anna" in await customer.hear("notice")
    written = await anna.post(f"{path}/messages", json={"id": "a1", "text": "Ciao, sono Anna"})
    assert written.status_code == 201
    assert await customer.hear("agent") == "Ciao, sono Anna"

    await customer.say("grazie")
    await asyncio.sleep(0.3)
    assert len(service.bot.calls) == 2, "the bot keeps silent while an agent has the conversation"

    assert (await anna.post(f"{path}/hand-back", json={})).status_code == 204
    assert "Anna" in await customer.hear("notice")
    await customer.say("ancora una domanda")
    assert await customer.hear("bot") == "echo: ancora una domanda"
    assert service.bot.calls[-1].sender_id == f"{customer.conversation_id}.2", "the bot starts afresh"

    owners = [event["owner"] for event in customer.events if event["kind"] == "owner"]
    assert owners == ["waiting", "agent", "bot"]


async def test_of_two_agents_one_wins(service: Running) -> None:
    customer = await _waiting_customer(service)
    anna, bruno = await service.sign_in("Anna"), await service.sign_in("Bruno")
    path = f"/api/v1/conversations/{customer.conversation_id}"
    answers = await asyncio.gather(*(agent.post(f"{path}/take") for agent in (anna, bruno) * 3))
    winners = {("anna", "bruno")[n % 2] for n, answer in enumerate(answers) if answer.status_code == 204}
    assert len(winners) == 1
    assert {answer.status_code for answer in answers} == {204, 409}
    await customer.hear("notice")
    loser = bruno if winners == {"anna"} else anna
    refused = await loser.post(f"{path}/messages", json={"id": "x", "text": "me too"})
    assert refused.status_code == 409
    assert refused.json()["code"] == "wrong_owner"


async def test_late_bot_answer_never_follows_a_takeover(service: Running) -> None:
    anna = await service.sign_in()
    service.bot.delay_s = 60
    customer = await service.open_customer()
    await customer.say("slow question")
    await customer.wait_for(lambda frame: frame["type"] == "accepted")
    while not service.bot.calls:
        await asyncio.sleep(0.01)
    path = f"/api/v1/conversations/{customer.conversation_id}"
    assert (await anna.post(f"{path}/take")).status_code == 204
    await customer.hear("notice")
    # The bot answers only now, and its answer finds the conversation in other hands.
    service.bot.answer_now()
    while service.services.worker.running_tasks():
        await asyncio.sleep(0.01)
    await anna.post(f"{path}/messages", json={"id": "1", "text": "I have it"})
    await customer.hear("agent")
    assert customer.texts("bot") == []


async def test_customer_leaves_the_queue(service: Running) -> None:
    customer = await _waiting_customer(service, language="en")
    await customer.send(type="leave_queue")
    assert "left the queue" in await customer.hear("notice")
    await customer.say("hello again")
    assert await customer.hear("bot") == "echo: hello again"
    anna = await service.sign_in()
    assert (await anna.get("/api/v1/queue")).json()["waiting"] == []
    taken = await anna.post(
        f"/api/v1/conversations/{customer.conversation_id}/resolve", json={"reason": "solved"}
    )
    assert taken.status_code == 409


async def test_resolved_conversation_opens_again_with_the_bot(service: Running) -> None:
    customer = await _waiting_customer(service)
    anna = await service.sign_in()
    path = f"/api/v1/conversations/{customer.conversation_id}"
    await anna.post(f"{path}/take")
    assert (await anna.post(f"{path}/resolve", json={"reason": "solved"})).status_code == 204
    await customer.hear("notice")
    await customer.hear("notice")
    await customer.say("one more thing")
    assert await customer.hear("bot") == "echo: one more thing"
    view = (await anna.get(path)).json()
    assert view["owner"] == "bot"


async def test_agent_message_sent_twice_is_written_once(service: Running) -> None:
    customer = await _waiting_customer(service)
    anna = await service.sign_in()
    path = f"/api/v1/conversations/{customer.conversation_id}"
    await anna.post(f"{path}/take")
    ids = {
        (await anna.post(f"{path}/messages", json={"id": "same", "text": "once"})).json()["message_id"]
        for _ in range(3)
    }
    assert len(ids) == 1
    await customer.hear("agent")
    assert customer.texts("agent") == ["once"]


async def test_packet_holds_to_its_schema_and_tells_the_truth(service: Running) -> None:
    order = {"number": "TM-48213", "status": "shipped", "as_of": "2026-11-21T10:00:00+00:00"}

    def script(request):  # type: ignore[no-untyped-def]
        if request.text == "where is it":
            return make_result(request, "on its way", label="track_order", slots={"order": order})
        return make_result(request, label="complaint", decision="answer", handoff="complaint")

    service.bot.script = script
    customer = await service.open_customer(language="en", market="IT")
    await customer.say("where is it")
    await customer.hear("bot")
    await customer.say("<script>alert(1)</script> I am angry")
    await customer.hear("notice")
    await customer.say("hurry up")
    anna = await service.sign_in()
    path = f"/api/v1/conversations/{customer.conversation_id}/packet"
    async with asyncio.timeout(5):
        while "hurry up" not in str(body := (await anna.get(path)).json()):
            await asyncio.sleep(0.05)
    packet = body["packet"]
    jsonschema.validate(packet, SCHEMA)
    assert packet["reason"] == "complaint"
    assert packet["priority"] == {"level": 2, "why": ["reason:complaint"]}
    assert packet["orders"] == [order]
    assert packet["mood"][-1]["mood"] == "negative"
    assert [line["text"] for line in packet["transcript"] if line["author"] == "customer"] == [
        "where is it",
        "<script>alert(1)</script> I am angry",
        "hurry up",
    ]
    assert "TM-48213" in body["summary"]


async def test_stepping_in_unasked_is_a_handoff_too(service: Running) -> None:
    customer = await service.open_customer(language="en")
    await customer.say("first question")
    await customer.hear("bot")
    anna = await service.sign_in()
    path = f"/api/v1/conversations/{customer.conversation_id}"
    assert (await anna.post(f"{path}/take")).status_code == 204
    assert "Anna" in await customer.hear("notice")

    queue = (await anna.get("/api/v1/queue")).json()
    assert queue["waiting"] == []
    [line] = queue["taken"]
    assert (line["conversation_id"], line["reason"], line["agent"], line["last_message"]) == (
        customer.conversation_id,
        "stepped_in",
        "Anna",
        "first question",
    )
    body = (await anna.get(f"{path}/packet")).json()
    jsonschema.validate(body["packet"], SCHEMA)
    assert "An agent stepped in without being asked." in body["summary"]

    resolve = {"reason": "spam", "note": "a test of ours"}
    assert (await anna.post(f"{path}/resolve", json=resolve)).status_code == 204
    assert (await anna.get("/api/v1/queue")).json()["taken"] == []
    async with service.services.database.reading() as session:
        [handoff] = await list_handoffs_of(session, uuid.UUID(customer.conversation_id))
    assert (handoff.state, handoff.resolution, handoff.note) == ("resolved", "spam", "a test of ours")

    await customer.say("agent")
    await customer.hear("notice")
    [line] = (await anna.get("/api/v1/queue")).json()["waiting"]
    assert line["priority"] == 3, "who was answered unasked does not come back to the queue"


async def test_waiting_conversation_survives_a_restart(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    async with running_service(settings, FakeBot()) as before:
        customer = await _waiting_customer(before)
        anna = await before.sign_in()
        token = anna.headers["authorization"]
    async with running_service(settings, FakeBot()) as after:
        customer.base_url = after.base_url
        ready = await customer.connect()
        assert ready["conversation"]["owner"] == "waiting"
        assert ready["conversation"]["queue_position"] == 1
        after.http.headers["authorization"] = token
        path = f"/api/v1/conversations/{customer.conversation_id}"
        assert (await after.http.post(f"{path}/take")).status_code == 204
        assert "Anna" in await customer.hear("notice")


async def test_waiting_customers_hear_of_their_place(service: Running) -> None:
    first, second = await _waiting_customer(service), await _waiting_customer(service)
    place = await second.wait_for(lambda frame: frame["type"] == "queue")
    assert place["position"] == 2
    await first.send(type="leave_queue")
    place = await second.wait_for(lambda frame: frame["type"] == "queue")
    assert place["position"] == 1


async def test_agent_who_writes_another_language_does_not_change_the_customers(service: Running) -> None:
    customer = await _waiting_customer(service, language="nl")
    agent = await service.sign_in(name="Giulia", language="it")
    path = f"/api/v1/conversations/{customer.conversation_id}"
    assert (await agent.post(f"{path}/take")).status_code == 204
    assert await customer.hear("notice") == catalogue.text(
        "service", "notice.agent_joined", "nl", agent="Giulia"
    )
    text = "Buongiorno, un momento solo: verifico con il magazzino e torno subito da lei."
    assert (await agent.post(f"{path}/messages", json={"id": "1", "text": text})).status_code == 201
    assert await customer.hear("agent") == text
    await customer.say("ok")
    assert (await agent.post(f"{path}/hand-back", json={})).status_code == 204
    assert await customer.hear("notice") == catalogue.text(
        "service", "notice.handed_back", "nl", agent="Giulia"
    )
    await customer.say("en nu?")
    await customer.hear("bot")
    assert service.bot.calls[-1].metadata["language"] == "nl"
    assert not [event for event in customer.events if event["kind"] == "language"]
