"""Conversations kept in SQL."""

from __future__ import annotations

from pathlib import Path

import pytest
from rasa.core.tracker_store import SQLTrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, ActiveLoop, BotUttered, SlotSet, UserUttered
from rasa.shared.core.slots import TextSlot
from sqlalchemy.exc import SQLAlchemyError

from bot.conversation_store import ConversationStore, UnknownEventError

DOMAIN = Domain.from_dict(
    {
        "slots": {
            "order_number": {
                "type": "text",
                "influence_conversation": False,
                "mappings": [{"type": "custom"}],
            }
        }
    }
)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'bot.db'}"


@pytest.fixture
def store(url: str) -> ConversationStore:
    return ConversationStore(domain=DOMAIN, host=url)


async def hold(store: ConversationStore, text: str, number: str) -> None:
    tracker = await store.get_or_create_tracker("c1.1", append_action_listen=False)
    tracker.update(ActionExecuted("action_listen"))
    parsed = {"language": {"chosen": "he"}, "understanding": {"label": "inform"}}
    tracker.update(
        UserUttered(text, {"name": "inform"}, [], parsed, message_id=f"m-{number}", metadata={"market": "IL"})
    )
    tracker.update(SlotSet("order_number", number))
    tracker.update(ActiveLoop("track_order_form"))
    tracker.update(BotUttered("תודה", {"buttons": [{"title": "1", "payload": "order:1"}]}, {"topic": None}))
    await store.save(tracker)


async def test_conversation_comes_back_as_it_was(store: ConversationStore, url: str) -> None:
    await hold(store, "48213 🙂", "48213")
    await hold(store, "77-1203", "77-1203")
    # Another process, or the same after a restart.
    tracker = await ConversationStore(domain=DOMAIN, host=url).retrieve("c1.1")
    assert tracker is not None
    messages = [event for event in tracker.events if isinstance(event, UserUttered)]
    assert [message.text for message in messages] == ["48213 🙂", "77-1203"]
    assert messages[0].parse_data["language"] == {"chosen": "he"}
    assert (messages[1].message_id, messages[1].metadata) == ("m-77-1203", {"market": "IL"})
    assert tracker.get_slot("order_number") == "77-1203"
    assert tracker.active_loop_name == "track_order_form"
    replies = [event for event in tracker.events if isinstance(event, BotUttered)]
    assert replies[0].data["buttons"] == [{"title": "1", "payload": "order:1"}]
    assert len(tracker.events) == 10


async def test_saving_twice_writes_once(store: ConversationStore) -> None:
    await hold(store, "1", "1")
    tracker = await store.retrieve("c1.1")
    assert tracker is not None
    before = len(tracker.events)
    await store.save(tracker)
    tracker.update(SlotSet("order_number", None))
    await store.save(tracker)
    await store.save(tracker)
    again = await store.retrieve("c1.1")
    assert again is not None
    assert len(again.events) == before + 1


async def test_conversations_are_kept_apart(store: ConversationStore) -> None:
    await hold(store, "1", "1")
    assert await store.retrieve("c1.2") is None


async def test_rasas_own_store_reads_the_same_table(store: ConversationStore, url: str) -> None:
    await hold(store, "48213", "48213")
    tracker = await SQLTrackerStore(domain=DOMAIN, host=url).retrieve("c1.1")
    assert tracker is not None
    assert tracker.get_slot("order_number") == "48213"
    assert isinstance(tracker.slots["order_number"], TextSlot)


async def test_event_of_another_version_is_an_error_and_not_a_gap(store: ConversationStore) -> None:
    await hold(store, "1", "1")
    with store.engine.begin() as connection:
        connection.execute("UPDATE events SET data = '{\"event\": \"stack\"}' WHERE type_name = 'slot'")
    with pytest.raises(UnknownEventError, match="stack"):
        await store.retrieve("c1.1")


async def test_database_that_is_gone_is_an_error(store: ConversationStore) -> None:
    with store.engine.begin() as connection:
        connection.execute("DROP TABLE events")
    with pytest.raises(SQLAlchemyError):
        await store.retrieve("c1.1")
