"""Rasa away, slow or talking nonsense: the customer hears of it in time, and a person or the answer comes."""

from __future__ import annotations

import asyncio

import pytest

from tests.customer import Customer
from tests.integration.handoff.conftest import Running
from tests.integration.handoff.faults.conftest import QUICK, Start
from tests.integration.handoff.faults.people import (
    DELAYED,
    HANDED_OFF,
    WITHIN_S,
    check_log,
    hear,
    listen_for,
    said_to,
    say_and_hear,
)
from tests.integration.handoff.faults.rasa import WRONG, Rasa, State, reply_to

FAULTS = [state for state in State if state is not State.WELL]


async def find_reasons(service: Running) -> list[str]:
    agent = await service.sign_in()
    queue = (await agent.get("/api/v1/queue")).json()
    await agent.aclose()
    return [entry["reason"] for entry in queue["items"]]


@pytest.mark.parametrize("fault", FAULTS)
async def test_customer_hears_the_truth_in_time_and_a_person_takes_over(
    rasa: Rasa, start: Start, fault: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handoff.worker.POLL_S", 0.1)
    await rasa.become(fault)
    async with start(**QUICK) as service:
        customer = await service.open_customer(language="en")
        waited_s, first = await say_and_hear(customer, "where is my order")
        assert waited_s < WITHIN_S
        assert first == (HANDED_OFF if fault in WRONG else DELAYED)
        await hear(customer, HANDED_OFF)
        assert said_to(customer) == [first, HANDED_OFF] if first == DELAYED else [HANDED_OFF]
        assert await find_reasons(service) == ["bot_unavailable"]
        # Neither a flood of calls, nor one that goes on after somebody else has taken over.
        assert len(rasa.calls) <= 8
        await rasa.become(State.WELL)
        await customer.send(type="leave_queue")
        await customer.say("hello again")
        await hear(customer, reply_to("hello again"))
        await listen_for(customer, 0.3)
        assert customer.texts("bot") == [reply_to("hello again")], "no late answer to what a person had"
        await check_log(service.services.database, customer, "where is my order", "hello again")


@pytest.mark.parametrize("fault", [State.DOWN, State.HANGING, State.UNAVAILABLE, State.ACTIONS_DOWN])
async def test_bot_that_comes_back_in_time_answers_everything_once_and_in_order(
    rasa: Rasa, start: Start, fault: State
) -> None:
    await rasa.become(fault)
    async with start(**{**QUICK, "bot_patience_s": 20}) as service:
        customers = [await service.open_customer(language="en") for _ in range(4)]
        texts = ["one", "two", "three"]
        for customer in customers:
            for text in texts:
                await customer.say(text)
        for customer in customers:
            await hear(customer, DELAYED)
        await rasa.become(State.WELL)
        for customer in customers:
            await hear(customer, reply_to("three"))
            await listen_for(customer, 0.1)
            assert said_to(customer) == [DELAYED, *map(reply_to, texts)]
            await check_log(service.services.database, customer, *texts)


async def test_breaker_keeps_calls_away_and_closes_with_the_first_answer(rasa: Rasa, start: Start) -> None:
    await rasa.become(State.UNAVAILABLE)
    async with start(**{**QUICK, "bot_patience_s": 3.5}) as service:
        customers = [await service.open_customer(language="en") for _ in range(20)]
        await asyncio.gather(*(say_and_hear(customer, "hello") for customer in customers))
        calls = len(rasa.calls)
        # Each customer's first call may be under way before the first has failed.
        assert calls <= 20 + 5
        assert service.services.bot.down_for_s() > 0
        for customer in customers:
            await hear(customer, HANDED_OFF)
        # One probe a second, and some for an unlucky schedule; without the breaker it would be eighty.
        assert len(rasa.calls) - calls <= 8
        await rasa.become(State.WELL)
        late = await service.open_customer(language="en")
        assert (await say_and_hear(late, "hello"))[1] == reply_to("hello")
        assert service.services.bot.down_for_s() == 0
        again = [await service.open_customer(language="en") for _ in range(8)]
        heard = await asyncio.gather(*(say_and_hear(customer, "hello") for customer in again))
        assert [text for _, text in heard] == [reply_to("hello")] * 8


async def test_bot_that_has_been_away_for_long_is_not_waited_for(rasa: Rasa, start: Start) -> None:
    await rasa.become(State.DOWN)
    async with start(**QUICK) as service:
        first = [await service.open_customer(language="en") for _ in range(2)]
        await asyncio.gather(*(say_and_hear(customer, "hello") for customer in first))
        for customer in first:
            await hear(customer, HANDED_OFF)
        second = await service.open_customer(language="en")
        waited_s, text = await say_and_hear(second, "hello")
        assert (text, waited_s < WITHIN_S) == (HANDED_OFF, True)
        assert said_to(second) == [HANDED_OFF]
        await rasa.become(State.WELL)
        third = await service.open_customer(language="en")
        assert (await say_and_hear(third, "hello"))[1] == reply_to("hello"), "it is asked all the same"


async def test_turns_without_the_action_server_don_t_keep_others_from_the_bot(
    rasa: Rasa, start: Start
) -> None:
    rasa.only["my order"] = State.ACTIONS_DOWN
    async with start(**{**QUICK, "bot_patience_s": 4}) as service:
        unlucky = [await service.open_customer(language="en") for _ in range(8)]
        await asyncio.gather(*(say_and_hear(customer, "my order") for customer in unlucky))
        lucky = await service.open_customer(language="en")
        assert (await say_and_hear(lucky, "opening hours"))[1] == reply_to("opening hours")
        assert service.services.bot.down_for_s() == 0
        for customer in unlucky:
            await hear(customer, HANDED_OFF)
            assert said_to(customer) == [DELAYED, HANDED_OFF]


async def test_two_hundred_who_wait_for_a_slow_bot_hear_of_it_in_time(rasa: Rasa, start: Start) -> None:
    """With the settings as shipped: 32 turns at a time, ten seconds each."""
    await rasa.become(State.SLOW)
    async with start() as service:
        customers = [await service.open_customer(language="en") for _ in range(200)]
        heard = await asyncio.gather(*(say_and_hear(customer, "hello") for customer in customers))
        waits = sorted(waited_s for waited_s, _ in heard)
        assert {text for _, text in heard} == {DELAYED}
        assert waits[-1] < WITHIN_S, waits[::20]
        await rasa.become(State.WELL)

        async def be_answered(customer: Customer) -> None:
            await hear(customer, reply_to("hello"), 30)
            assert said_to(customer) == [DELAYED, reply_to("hello")]

        await asyncio.gather(*map(be_answered, customers))
        assert len(rasa.answered) == 200
