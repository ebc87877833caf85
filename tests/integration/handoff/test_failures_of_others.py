"""What other systems let happen to their users, each by its name there: none of it happens here.

The names in brackets are the reports: project and issue.
"""

from __future__ import annotations

import asyncio
from typing import Any

from handoff.channels.web.verification import sign_identity
from handoff.queue.models import Reason
from handoff.testing import make_result
from locales import catalogue
from tests.customer import Customer
from tests.integration.handoff.conftest import SECRET, Running

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
