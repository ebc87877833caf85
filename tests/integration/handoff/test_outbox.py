"""Channels that push: in order, once a message, with backoff, and the outcome is known."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from handoff.bus import InProcessBus
from handoff.channels.base import DeliveryError
from handoff.channels.registry import ChannelRegistry
from handoff.clock import utc_now
from handoff.conversations import repository, service
from handoff.conversations.models import Author, Contact, Conversation, Delivery
from handoff.conversations.outbox import BACKOFF_S, Outbox
from handoff.database import Base, Database
from handoff.testing import FakePushingChannel


class SetClock:
    def __init__(self) -> None:
        self.now: datetime = utc_now() + timedelta(seconds=1)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}", InProcessBus())
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield database
    await database.close()


async def _say(database: Database, channel: FakePushingChannel, *texts: str) -> uuid.UUID:
    async with database.transaction() as session:
        contact = Contact(id=uuid.uuid4(), vendor_contact_id="+972500000000")
        conversation = Conversation(id=uuid.uuid4(), contact_id=contact.id, channel="fake")
        session.add(contact)
        await session.flush()
        session.add(conversation)
        await session.flush()
        conversation = await repository.lock_conversation(session, conversation.id)
        for text in texts:
            service.say(session, conversation, channel.traits, Author.BOT, text)
    return conversation.id


async def _states(database: Database, conversation_id: uuid.UUID) -> list[Delivery]:
    async with database.reading() as session:
        return [message.delivery for message in await repository.list_messages(session, conversation_id)]


async def test_messages_go_out_in_order_and_once(database: Database) -> None:
    channel, clock = FakePushingChannel(), SetClock()
    outbox = Outbox(database, ChannelRegistry([channel]), clock)
    conversation_id = await _say(database, channel, "one", "two", "three")
    while await outbox.deliver_due():
        pass
    assert [message.text for message in channel.sent] == ["one", "two", "three"]
    assert await outbox.deliver_due() == 0
    assert set(await _states(database, conversation_id)) == {Delivery.SENT}
    assert len({message.idempotency_key for message in channel.sent}) == 3
    assert {message.recipient for message in channel.sent} == {"+972500000000"}


async def test_retry_waits_and_keeps_the_order(database: Database) -> None:
    channel, clock = FakePushingChannel(errors=[DeliveryError("busy", may_retry=True)]), SetClock()
    outbox = Outbox(database, ChannelRegistry([channel]), clock)
    conversation_id = await _say(database, channel, "one", "two")
    await outbox.deliver_due()
    assert channel.sent == [], "the second must not overtake the first"
    assert await outbox.deliver_due() == 0
    clock.now += timedelta(seconds=BACKOFF_S[0] + 1)
    while await outbox.deliver_due():
        pass
    assert [message.text for message in channel.sent] == ["one", "two"]
    assert set(await _states(database, conversation_id)) == {Delivery.SENT}


async def test_final_refusal_is_failed_and_the_rest_goes_on(database: Database) -> None:
    channel, clock = FakePushingChannel(errors=[DeliveryError("window closed", may_retry=False)]), SetClock()
    outbox = Outbox(database, ChannelRegistry([channel]), clock)
    conversation_id = await _say(database, channel, "one", "two")
    while await outbox.deliver_due():
        pass
    assert await _states(database, conversation_id) == [Delivery.FAILED, Delivery.SENT]
    async with database.reading() as session:
        events = await service.list_rendered_events(session, conversation_id, 0)
    failed = [event for event in events if event["kind"] == "delivery" and event["state"] == "failed"]
    assert failed[0]["internal"] == {"error": "window closed"}


async def test_giving_up_after_the_last_retry(database: Database) -> None:
    errors = [DeliveryError("busy", may_retry=True) for _ in range(len(BACKOFF_S) + 1)]
    channel, clock = FakePushingChannel(errors=errors), SetClock()
    outbox = Outbox(database, ChannelRegistry([channel]), clock)
    conversation_id = await _say(database, channel, "one")
    for _ in range(len(BACKOFF_S) + 1):
        await outbox.deliver_due()
        clock.now += timedelta(seconds=max(BACKOFF_S) + 1)
    assert await _states(database, conversation_id) == [Delivery.FAILED]
    assert channel.errors == []


def _counted(state: str) -> float:
    labels = {"channel": "fake", "state": state}
    return REGISTRY.get_sample_value("dragoman_deliveries_total", labels) or 0.0


async def test_what_becomes_of_deliveries_is_counted(database: Database) -> None:
    states = ("sent", "retried", "failed")
    before = {state: _counted(state) for state in states}
    errors = [DeliveryError("busy", may_retry=True), DeliveryError("window closed", may_retry=False)]
    channel, clock = FakePushingChannel(errors=errors), SetClock()
    outbox = Outbox(database, ChannelRegistry([channel]), clock)
    await _say(database, channel, "one", "two", "three")
    for _ in range(4):
        await outbox.deliver_due()
        clock.now += timedelta(seconds=max(BACKOFF_S) + 1)
    grown = {state: _counted(state) - before[state] for state in states}
    assert grown == {"sent": 2, "retried": 1, "failed": 1}
