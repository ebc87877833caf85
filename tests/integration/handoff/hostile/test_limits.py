"""What one address, contact, conversation or agent may ask for, and all of them together."""

from __future__ import annotations

import httpx
import pytest

from handoff.rate_limits import RateLimit
from tests.integration.handoff.conftest import Running
from tests.integration.handoff.hostile.test_access import IDENTITY, RIGHT


def tighten(limit: RateLimit, burst: float) -> None:
    """Allow so many, and no more for as long as a test takes."""
    limit._burst = burst
    limit._rate = 1 / 60


async def test_guessing_from_one_address_is_slowed_whatever_the_account(service: Running) -> None:
    tighten(service.services.limits.sign_in, 3.0)
    answers = [
        await service.http.post("/api/v1/session", json={"email": f"{number}@x.example", "password": "guess"})
        for number in range(5)
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1


@pytest.mark.parametrize("trust", [False, True])
async def test_only_the_proxys_word_is_believed_about_the_address(service: Running, trust: bool) -> None:
    object.__setattr__(service.services.settings, "trust_proxy", trust)
    tighten(service.services.limits.conversations, 2.0)
    statuses = []
    for number in range(6):
        headers = [
            ("X-Forwarded-For", f"10.0.0.{number}"),
            ("X-Forwarded-For", f"10.9.9.{number}, 203.0.113.7"),
            ("Forwarded", f"for=10.0.1.{number}"),
            ("X-Real-IP", f"10.0.2.{number}"),
        ]
        response = await service.http.post("/api/v1/web/conversations", json={}, headers=headers)
        statuses.append(response.status_code)
    assert statuses == [201, 201, 429, 429, 429, 429]
    if trust:
        response = await service.http.post(
            "/api/v1/web/conversations", json={}, headers={"X-Forwarded-For": "203.0.113.8"}
        )
        assert response.status_code == 201


async def test_one_agents_calls_are_limited(service: Running) -> None:
    tighten(service.services.limits.agent_calls, 2.0)
    customer = await service.open_customer()
    anna, bruno = await service.sign_in("Anna"), await service.sign_in("Bruno")
    path = f"/api/v1/conversations/{customer.conversation_id}/read"
    answers: list[httpx.Response] = [await anna.post(path) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [204, 204, 429]
    assert (answers[-1].json()["code"], "retry-after" in answers[-1].headers) == ("rate_limited", True)
    assert (await bruno.post(path)).status_code == 204


async def test_receipts_and_typing_are_limited_and_messages_still_go_through(service: Running) -> None:
    tighten(service.services.limits.frames, 5.0)
    customer = await service.open_customer()
    for number in range(6):
        await customer.send(type="read", seq=number)
    error = await customer.wait_for(lambda frame: frame["type"] == "error")
    assert error["code"] == "rate_limited"
    await customer.say("hi")
    assert await customer.hear("bot") == "echo: hi"


async def test_contact_and_address_have_limits_over_all_their_conversations(service: Running) -> None:
    limits = service.services.limits
    tighten(limits.messages, 3.0)
    identity = {**IDENTITY, "signature": RIGHT}
    first, second = (
        await service.open_customer(identity=identity),
        await service.open_customer(identity=identity),
    )
    for number in range(2):
        await first.say(f"a{number}")
        await first.hear("bot")
    await second.say("b0")
    await second.hear("bot")
    await second.say("b1", "b1")
    error = await second.wait_for(lambda frame: frame["type"] == "error")
    assert (error["code"], error["id"]) == ("rate_limited", "b1")
    limits.address_messages._buckets.clear()
    tighten(limits.address_messages, 1.0)
    strangers = [await service.open_customer() for _ in range(2)]
    await strangers[0].say("c0")
    await strangers[0].hear("bot")
    await strangers[1].say("c1")
    error = await strangers[1].wait_for(lambda frame: frame["type"] == "error")
    assert error["code"] == "rate_limited"


async def test_more_than_the_service_takes_on_is_told_to_come_back(service: Running) -> None:
    service.services.limits.backpressure._most = 2
    service.bot.delay_s = 1.0
    customers = [await service.open_customer(language="it") for _ in range(4)]
    for customer in customers:
        await customer.say("hello", "m")
    answers = [
        await customer.wait_for(lambda frame: frame["type"] in ("accepted", "error"))
        for customer in customers
    ]
    busy = [answer for answer in answers if answer["type"] == "error"]
    assert len(busy) == 2
    assert {(answer["code"], answer["id"]) for answer in busy} == {("busy", "m")}
    assert "molte richieste" in busy[0]["message"]
    assert busy[0]["retry_after_s"] >= 1
