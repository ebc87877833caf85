"""What other systems let happen to their users, each by its name there: none of it happens here.

The names in brackets are the reports: project and issue.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from handoff.channels.web.verification import sign_identity
from handoff.clock import Clock
from handoff.queue.models import Reason
from handoff.testing import FakeBot, make_result
from locales import catalogue
from locales.support_hours import SupportHours
from tests.customer import Customer
from tests.integration.handoff.conftest import SECRET, Running, make_settings, running_service

BURST = 20


async def _until_answered(customer: Customer, count: int) -> list[str]:
    async with asyncio.timeout(30):
        while len(customer.texts("bot")) < count:
            await customer.receive(30)
    return customer.texts("bot")


async def test_twenty_messages_at_once_all_appear_in_order_and_are_all_answered(service: Running) -> None:
    """[chatwoot#13556, #15131]"""
    customer = await service.open_customer()
    said = [f"message {number}" for number in range(BURST)]
    for text in said:
        await customer.say(text)
    assert await _until_answered(customer, BURST) == [f"echo: {text}" for text in said]
    assert customer.texts("customer") == said


async def test_one_click_on_a_weak_line_is_one_message(service: Running) -> None:
    """[chatwoot#9314, #13359] The same message over two sockets at the same moment."""
    customer = await service.open_customer()
    twin = Customer(service.base_url, {"conversation_id": customer.conversation_id, "token": customer.token})
    await twin.connect()
    await asyncio.gather(*(each.say("once, please", "the-click") for each in (customer, twin) * 3))
    await customer.hear("bot")
    await customer.say("and this")
    await customer.hear("bot")
    assert customer.texts("customer") == ["once, please", "and this"]
    assert customer.texts("bot") == ["echo: once, please", "echo: and this"]


async def test_two_quick_messages_are_two_calls_of_the_bot_and_no_more(service: Running) -> None:
    """[chatwoot#11901]"""
    customer = await service.open_customer()
    await customer.say("one")
    await customer.say("two")
    await _until_answered(customer, 2)
    assert [call.text for call in service.bot.calls] == ["one", "two"]


async def test_first_messages_of_two_tabs_at_once_are_of_one_contact(service: Running) -> None:
    """[chatwoot#13359]"""
    identity = {
        "id": "42",
        "email": "a@example.com",
        "signature": sign_identity(SECRET, "42", "a@example.com"),
    }
    opened = await asyncio.gather(
        *(service.http.post("/api/v1/web/conversations", json={"identity": identity}) for _ in range(4))
    )
    assert {response.status_code for response in opened} == {201}
    customers = [Customer(service.base_url, response.json()) for response in opened]
    for customer in customers:
        await customer.connect()
        await customer.say("hello")
        await customer.hear("bot")
    contacts = {str(call.metadata["contact"]) for call in service.bot.calls}
    assert len(contacts) == 1


async def test_agent_who_starts_to_answer_silences_the_bot(service: Running) -> None:
    """[evolution-api#2536, rasa-agent-bot-demo#12, fazer-ai/agents#433]"""
    customer = await service.open_customer(language="en")
    await customer.say("hello")
    await customer.hear("bot")
    anna = await service.sign_in("Anna")
    path = f"/api/v1/conversations/{customer.conversation_id}"
    refused = await anna.post(f"{path}/messages", json={"id": "1", "text": "Hi"})
    assert refused.status_code == 409, "nobody writes beside the bot"
    assert (await anna.post(f"{path}/take")).status_code == 204
    assert (await anna.post(f"{path}/messages", json={"id": "1", "text": "Hi"})).status_code == 201
    assert await customer.hear("agent") == "Hi"
    await customer.say("thank you")
    await customer.wait_for(lambda frame: frame["type"] == "accepted")
    assert service.services.worker.running_tasks() == [], "nobody asks the bot"
    assert len(service.bot.calls) == 1


async def test_agents_answer_told_again_is_not_said_again(service: Running) -> None:
    """[fazer-ai/agents#499] The agent's own id decides, also when a customer has used the same one."""
    customer = await service.open_customer()
    await customer.say("agent", "same-id")
    await customer.hear("notice")
    anna = await service.sign_in("Anna")
    path = f"/api/v1/conversations/{customer.conversation_id}"
    await anna.post(f"{path}/take")
    for _ in range(3):
        answer = await anna.post(f"{path}/messages", json={"id": "same-id", "text": "I am here"})
        assert answer.status_code == 201
    await anna.post(f"{path}/messages", json={"id": "next", "text": "still"})
    while customer.texts("agent")[-1:] != ["still"]:
        await customer.receive()
    assert customer.texts("agent") == ["I am here", "still"]


async def test_handoff_is_told_to_the_customer_in_their_language_and_to_the_agents(service: Running) -> None:
    """[chatwoot#13881, #5077, #9461, botpress#4284]"""
    service.bot.script = lambda request: make_result(request, language="vi", handoff=Reason.REQUESTED)
    customer = await service.open_customer(language="en")
    await customer.say("cho mình gặp nhân viên")
    assert await customer.hear("notice") == catalogue.text("service", "notice.handoff.requested", "vi")
    anna = await service.sign_in("Anna")
    waiting: list[dict[str, Any]] = (await anna.get("/api/v1/queue")).json()["waiting"]
    assert [line["conversation_id"] for line in waiting] == [customer.conversation_id]


async def test_conversation_that_came_back_is_not_handed_over_again_at_once(service: Running) -> None:
    """[chatwoot#13880, #15068, fazer-ai/agents#457]"""
    customer = await service.open_customer(language="en")
    anna = await service.sign_in("Anna")
    path = f"/api/v1/conversations/{customer.conversation_id}"
    for end, body in (("hand-back", {}), ("resolve", {"reason": "solved"})):
        await customer.say("agent")
        await customer.hear("notice")
        assert (await anna.post(f"{path}/take")).status_code == 204
        assert (await anna.post(f"{path}/{end}", json=body)).status_code == 204
        await customer.say(f"after {end}")
        assert await customer.hear("bot") == f"echo: after {end}"
    senders = [call.sender_id for call in service.bot.calls]
    assert len(set(senders)) == 3, "the bot's memory of why it gave up is left behind each time"


# Hours of work


def _clock_in_rome(text: str) -> Clock:
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Rome"))
    return lambda: moment


@pytest.mark.parametrize(
    ("now", "date", "time"),
    [
        # The clocks change in the night to Sunday, 25 October: on Monday the team comes at nine all the same.
        ("2026-10-23T18:00", "lunedì 26 ottobre", "09:00"),
        ("2026-03-27T23:30", "lunedì 30 marzo", "09:00"),
        ("2026-11-25T08:59", "mercoledì 25 novembre", "09:00"),
    ],
)
async def test_customer_who_is_handed_over_at_night_hears_when_somebody_is_back(
    tmp_path: Path, bot: FakeBot, now: str, date: str, time: str
) -> None:
    """[chatwoot#2882]"""
    settings = make_settings(tmp_path, tell_support_hours=True)
    async with running_service(settings, bot, clock=_clock_in_rome(now)) as service:
        customer = await service.open_customer(language="it", market="IT")
        await customer.say("agent")
        await customer.hear("notice")
        assert await customer.hear("notice") == catalogue.text(
            "service", "notice.team_away", "it", date=date, time=time
        )
        # Told once: what is written while waiting brings no second notice.
        await customer.say("?")
        agent = await service.sign_in()
        await agent.post(f"/api/v1/conversations/{customer.conversation_id}/take")
        assert "Anna" in await customer.hear("notice")
        assert len(customer.texts("notice")) == 3


@pytest.mark.parametrize("now", ["2026-10-26T09:00", "2026-03-30T17:59"])
async def test_customer_who_is_handed_over_in_hours_of_work_is_not_told_of_them(
    tmp_path: Path, bot: FakeBot, now: str
) -> None:
    """[chatwoot#2882] Summer time has just begun or ended."""
    settings = make_settings(tmp_path, tell_support_hours=True)
    async with running_service(settings, bot, clock=_clock_in_rome(now)) as service:
        customer = await service.open_customer(language="it", market="IT")
        await customer.say("agent")
        assert await customer.hear("notice")
        agent = await service.sign_in()
        await agent.post(f"/api/v1/conversations/{customer.conversation_id}/take")
        await customer.hear("notice")
        assert len(customer.texts("notice")) == 2


async def test_nobody_is_said_to_be_away_while_an_agent_works_late(tmp_path: Path, bot: FakeBot) -> None:
    settings = make_settings(tmp_path, tell_support_hours=True)
    async with running_service(settings, bot, clock=_clock_in_rome("2026-11-25T23:00")) as service:
        agent = await service.sign_in()
        assert (await agent.get("/api/v1/queue")).status_code == 200
        customer = await service.open_customer(language="it", market="IT")
        await customer.say("agent")
        await customer.hear("notice")
        await agent.post(f"/api/v1/conversations/{customer.conversation_id}/take")
        assert "Anna" in await customer.hear("notice")


async def test_hours_that_cross_midnight_are_hours_of_work_after_it() -> None:
    """[chatwoot#5254] Every market's own hours: tests/unit/locales/test_support_hours.py."""
    hours = SupportHours.parse({"fri": "18:00-02:00"}, "Europe/Rome")
    assert hours.is_open(_clock_in_rome("2026-11-28T01:59")())
    assert not hours.is_open(_clock_in_rome("2026-11-28T02:00")())
