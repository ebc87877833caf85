"""Conversations kept in SQL, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    ActionExecutionRejected,
    ActiveLoop,
    BotUttered,
    SlotSet,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker
from sqlalchemy.exc import SQLAlchemyError

from bot.conversation_store import (
    TURNS_SEEN,
    ConversationChangedError,
    ConversationStore,
    Turn,
    _use_write_ahead_log,
)
from bot.stored_events import UnknownEventError
from tests.servers import Postgres, running_postgres

FORM = "track_order_form"
SENDER = "c1.1"
SLOT = {"type": "text", "influence_conversation": False, "mappings": [{"type": "custom"}]}
DOMAIN = Domain.from_dict({"slots": {name: dict(SLOT) for name in ("order_number", "requested_slot")}})


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with running_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'bot.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    name = f"d{abs(hash(request.node.name)):x}"
    server.create_database(name)
    return server.url(name)


@pytest.fixture
def stores() -> Iterator[list[ConversationStore]]:
    """Those that a test has opened, to be closed behind it."""
    opened: list[ConversationStore] = []
    yield opened
    for store in opened:
        store.close()


@pytest.fixture
def open_store(url: str, stores: list[ConversationStore]) -> Any:
    def open_one() -> ConversationStore:
        stores.append(ConversationStore(domain=DOMAIN, host=url))
        return stores[-1]

    return open_one


@pytest.fixture
def store(open_store: Any) -> ConversationStore:
    found: ConversationStore = open_store()
    return found


async def begin(store: ConversationStore, message_id: str) -> DialogueStateTracker:
    tracker = await store.read(SENDER, message_id)
    assert isinstance(tracker, DialogueStateTracker)
    return tracker


def say(tracker: DialogueStateTracker, number: str, text: str = "…") -> None:
    tracker.update(ActionExecuted("action_listen"))
    parsed = {"language": {"chosen": "he"}, "understanding": {"label": "inform"}}
    tracker.update(
        UserUttered(text, {"name": "inform"}, [], parsed, message_id=f"m-{number}", metadata={"market": "IL"})
    )
    tracker.update(SlotSet("order_number", number))
    tracker.update(ActiveLoop(FORM))
    tracker.update(BotUttered("תודה", {"buttons": [{"title": "1", "payload": "order:1"}]}, {"topic": None}))


async def hold(store: ConversationStore, number: str, text: str = "…") -> None:
    tracker = await begin(store, f"m-{number}")
    say(tracker, number, text)
    await store.save(tracker)


async def test_conversation_comes_back_as_it_was(store: ConversationStore, open_store: Any) -> None:
    await hold(store, "48213", "48213 🙂\x00\ud83d")
    await hold(store, "77-1203", "77-1203")
    # Another process, or the same after a restart.
    tracker = await open_store().retrieve(SENDER)
    assert tracker is not None
    messages = [event for event in tracker.events if isinstance(event, UserUttered)]
    assert [message.text for message in messages] == ["48213 🙂\x00\ud83d", "77-1203"]
    assert messages[0].parse_data["language"] == {"chosen": "he"}
    assert (messages[1].message_id, messages[1].metadata) == ("m-77-1203", {"market": "IL"})
    assert tracker.get_slot("order_number") == "77-1203"
    assert tracker.active_loop_name == FORM
    replies = [event for event in tracker.events if isinstance(event, BotUttered)]
    assert replies[0].data["buttons"] == [{"title": "1", "payload": "order:1"}]
    assert len(tracker.events) == 10


async def test_only_the_latest_turns_are_read_and_what_the_others_left(store: ConversationStore) -> None:
    for number in range(TURNS_SEEN + 3):
        await hold(store, str(number))
    tracker = await begin(store, "m-next")
    messages = [event for event in tracker.events if isinstance(event, UserUttered)]
    assert [message.message_id for message in messages] == [
        f"m-{number}" for number in range(3, TURNS_SEEN + 3)
    ]
    whole = await store.retrieve(SENDER)
    assert whole is not None
    assert tracker.current_slot_values() == whole.current_slot_values()
    assert tracker.active_loop_name == whole.active_loop_name


async def test_state_outlives_the_turns_that_made_it(store: ConversationStore) -> None:
    tracker = await begin(store, "m-0")
    say(tracker, "48213")
    tracker.update(ActionExecuted(FORM))
    tracker.update(ActionExecutionRejected(FORM))
    await store.save(tracker)
    for number in range(TURNS_SEEN + 1):
        tracker = await begin(store, f"m-{number + 1}")
        tracker.update(ActionExecuted("action_listen"))
        tracker.update(UserUttered("…", {"name": "faq"}, message_id=f"m-{number + 1}"))
        tracker.update(SlotSet("requested_slot", None))
        await store.save(tracker)
    tracker = await begin(store, "m-next")
    assert tracker.get_slot("order_number") == "48213"
    assert (tracker.active_loop_name, tracker.is_active_loop_rejected) == (FORM, True)


async def test_message_that_was_answered_gives_its_turn_however_long_ago(store: ConversationStore) -> None:
    for number in range(8):
        await hold(store, str(number))
    turn = await store.read(SENDER, "m-1")
    assert isinstance(turn, Turn)
    assert (turn.slots, turn.active_loop) == ({"order_number": "1"}, FORM)
    assert isinstance(turn.events[0], UserUttered)
    assert turn.events[0].message_id == "m-1"
    assert isinstance(turn.events[-1], BotUttered)


async def test_saving_twice_writes_once(store: ConversationStore) -> None:
    await hold(store, "1")
    tracker = await store.retrieve(SENDER)
    assert tracker is not None
    before = len(tracker.events)
    await store.save(tracker)
    tracker.update(SlotSet("order_number", None))
    await store.save(tracker)
    await store.save(tracker)
    again = await store.retrieve(SENDER)
    assert again is not None
    assert len(again.events) == before + 1


async def test_conversations_are_kept_apart(store: ConversationStore) -> None:
    await hold(store, "1")
    assert await store.retrieve("c1.2") is None
    assert await store.keys() == [SENDER]


async def test_turn_is_refused_when_another_came_first(store: ConversationStore, open_store: Any) -> None:
    other = open_store()
    await hold(store, "1")
    mine, theirs = await begin(store, "m-2"), await begin(other, "m-3")
    say(mine, "2")
    say(theirs, "3")
    await other.save(theirs)
    with pytest.raises(ConversationChangedError):
        await store.save(mine)
    whole = await store.retrieve(SENDER)
    assert whole is not None
    assert [event.message_id for event in whole.events if isinstance(event, UserUttered)] == ["m-1", "m-3"]


@pytest.mark.parametrize("message", ["m-1", "m-{number}"], ids=["same message", "different messages"])
async def test_racing_for_one_turn_one_wins(open_store: Any, message: str) -> None:
    racers, rounds = 4, 5
    won: list[str] = []
    start = threading.Barrier(racers)

    def race(number: int) -> None:
        store = open_store()

        async def run() -> None:
            for lap in range(rounds):
                message_id = f"{lap}-{message.format(number=number)}"
                start.wait()
                tracker = await store.read(SENDER, message_id)
                start.wait()
                if isinstance(tracker, Turn):
                    raise AssertionError("nobody has saved yet")
                tracker.update(UserUttered("…", {"name": "faq"}, message_id=message_id))
                try:
                    await store.save(tracker)
                    won.append(message_id)
                except ConversationChangedError:
                    continue

        asyncio.run(run())

    await open_store().check()
    threads = [threading.Thread(target=race, args=(number,)) for number in range(racers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    whole = await open_store().retrieve(SENDER)
    stored = [event.message_id for event in whole.events if isinstance(event, UserUttered)]
    assert len(stored) == rounds
    assert sorted(stored) == sorted(won)


async def test_many_rasas_may_start_at_once(open_store: Any) -> None:
    stores = [open_store() for _ in range(4)]
    await asyncio.gather(*(asyncio.to_thread(asyncio.run, store.check()) for store in stores))
    await hold(stores[0], "1")
    assert await stores[3].retrieve(SENDER) is not None


def test_new_database_that_is_locked_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "bot.db"
    other = sqlite3.connect(file, timeout=0, check_same_thread=False, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    timer = threading.Timer(0.1, other.execute, ["COMMIT"])
    timer.start()
    connection = sqlite3.connect(file, timeout=0)
    _use_write_ahead_log(connection)
    timer.join()
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    other.close()


def test_new_database_that_stays_locked_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.conversation_store.SQLITE_TIMEOUT_SECONDS", 0.05)
    other = sqlite3.connect(tmp_path / "bot.db", timeout=0, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    connection = sqlite3.connect(tmp_path / "bot.db", timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        _use_write_ahead_log(connection)
    connection.close()
    other.close()


async def test_event_of_another_version_is_an_error_and_not_a_gap(store: ConversationStore) -> None:
    await hold(store, "1")
    with store.engine.begin() as connection:
        connection.execute('UPDATE bot_turns SET events = \'[{"event": "stack"}]\'')
    with pytest.raises(UnknownEventError, match="stack"):
        await store.retrieve(SENDER)


async def test_database_that_is_gone_is_an_error_without_what_was_written(store: ConversationStore) -> None:
    await store.check()
    tracker = await begin(store, "m-1")
    say(tracker, "1", "my secret question")
    with store.engine.begin() as connection:
        connection.execute("DROP TABLE bot_turns")
    with pytest.raises(SQLAlchemyError) as told:
        await store.save(tracker)
    assert "secret" not in str(told.value)
    with pytest.raises(SQLAlchemyError):
        await store.check()


async def test_connection_that_died_is_replaced_unnoticed(
    postgres: Postgres, stores: list[ConversationStore]
) -> None:
    postgres.create_database("dies")
    store = ConversationStore(domain=DOMAIN, host=postgres.url("dies"))
    stores.append(store)
    await hold(store, "1")
    postgres.stop()
    with pytest.raises(SQLAlchemyError):
        await store.retrieve(SENDER)
    postgres.start()
    assert await store.retrieve(SENDER) is not None
    # This time nobody asked while it was away: the pool's connection is dead, and nobody knows.
    postgres.stop()
    postgres.start()
    await hold(store, "2")


async def test_store_starts_before_its_database_does(
    postgres: Postgres, stores: list[ConversationStore]
) -> None:
    postgres.create_database("late")
    postgres.stop()
    store = ConversationStore(domain=DOMAIN, host=postgres.url("late"))
    stores.append(store)
    with pytest.raises(SQLAlchemyError):
        await store.check()
    postgres.start()
    await hold(store, "1")
