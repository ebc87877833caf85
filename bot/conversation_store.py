"""Where Rasa keeps its conversations: one row a turn, written with one statement, in SQLite or PostgreSQL.

Any number of Rasas may share the table. A turn is the next of its conversation or is not written at all: of
two that were taken at the same time, the database refuses the second, and of a message id it holds one turn.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa
from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecutionRejected, ActiveLoop, Event, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import QueuePool

from bot.stored_events import read_events

# How many of the latest turns the bot sees. What lies further back counts only for what it has left in slots
# and form; so the hundredth turn costs what the third does. Rules look at the message before this one
# (bot.components.recent_rule_policy), giving up at the two before it (bot.failures).
TURNS_SEEN = 2

# Seconds to wait for another process's write, or for a database that does not answer.
SQLITE_TIMEOUT_SECONDS = 5
CONNECT_TIMEOUT_SECONDS = 3
STATEMENT_TIMEOUT_MS = 5000

TURNS = sa.Table(
    "bot_turns",
    sa.MetaData(),
    sa.Column("sender_id", sa.String(255), primary_key=True),
    # From 1, without gaps.
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("message_id", sa.String(255)),
    sa.Column("taken_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    # Rasa's events, as a JSON array.
    sa.Column("events", sa.Text, nullable=False),
    # What they and all before them have left: {"slots": {…}, "loop": …, "rejected": …}.
    sa.Column("state", sa.Text, nullable=False),
    sa.UniqueConstraint("sender_id", "message_id", name="bot_turns_message_once"),
)

# What a tracker remembers of the table: how many turns are there, and how many of its own events they cover.
_STORED = "_stored"

_T = TypeVar("_T")


class ConversationChangedError(RuntimeError):
    """Another Rasa has taken a turn of this conversation since it was read; nothing was written."""


@dataclass(frozen=True)
class Turn:
    """A turn that was taken: its events, the customer's message first, and what they left."""

    events: list[Event]
    slots: dict[str, Any]
    active_loop: str | None


class ConversationStore(TrackerStore):
    """Rasa's tracker store for turns (bot.turn)."""

    def __init__(
        self,
        domain: Domain | None = None,
        host: str | None = None,
        event_broker: EventBroker | None = None,
        **kwargs: Any,
    ) -> None:
        """Prepare to connect; the table is made with the first connection, where there is none.

        Args:
            domain: Slots of the trackers; Rasa sets it when the model is loaded.
            host: An SQLAlchemy URL: sqlite:///var/bot.db, postgresql://user:password@host/database.
            event_broker: Rasa's, if any.
            kwargs: Rasa's other settings.
        """
        super().__init__(domain, event_broker, **kwargs)
        self.engine = _engine(sa.engine.make_url(host))
        self._has_table = False
        self._kept: Connection | None = None

    async def read(self, sender_id: str, message_id: str) -> Turn | DialogueStateTracker:
        """Return the turn of that message, if it was taken already, or else the conversation's latest turns.

        Raises:
            SQLAlchemyError: The database does not answer.
            UnknownEventError: The table holds what this version of Rasa does not know.
        """
        rows = await self._run(lambda connection: connection.execute(
            _LATEST, {"sender": sender_id, "message": message_id, "seen": TURNS_SEEN}
        ).all())  # fmt: skip
        for row in rows:
            if row.message_id == message_id:
                return _turn(row)
        if not rows:
            return self._tracker(sender_id, 0, [], [])
        first, *later = rows
        if first.number == 1 and len(rows) <= TURNS_SEEN:
            return self._tracker(sender_id, rows[-1].number, [], rows)
        return self._tracker(sender_id, rows[-1].number, _state_events(json.loads(first.state)), later)

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        """Return the whole conversation, or None. Raises SQLAlchemyError or UnknownEventError."""
        rows = await self._run(lambda connection: connection.execute(_ALL, {"sender": sender_id}).all())
        return self._tracker(sender_id, rows[-1].number, [], rows) if rows else None

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Write the events that came since the tracker was read, as one turn.

        Raises:
            ConversationChangedError: There is another turn since then, or one of the same message.
            SQLAlchemyError: The database does not answer.
        """
        turns, known = getattr(tracker, _STORED, (0, 0))
        new = list(islice(tracker.events, known, None))
        if not new:
            return
        await self.stream_events(tracker)
        row = {
            "sender_id": tracker.sender_id,
            "number": turns + 1,
            "message_id": next((event.message_id for event in new if isinstance(event, UserUttered)), None),
            # Escaped: half characters, which JSON can carry and no database takes, and NUL among them.
            "events": json.dumps([event.as_dict() for event in new]),
            "state": json.dumps(_state(tracker)),
        }
        try:
            await self._run(lambda connection: connection.execute(_INSERT, row), writes=True)
        except sa.exc.IntegrityError as error:
            raise ConversationChangedError(f"turn {turns + 1} of {tracker.sender_id} is taken") from error
        setattr(tracker, _STORED, (turns + 1, len(tracker.events)))

    async def keys(self) -> list[str]:
        """Return the ids of all conversations. Raises SQLAlchemyError."""
        query = sa.select(TURNS.c.sender_id).distinct()
        found = await self._run(lambda connection: connection.execute(query).scalars().all())
        return [str(sender_id) for sender_id in found]

    async def check(self) -> None:
        """Raises SQLAlchemyError where the database does not answer."""
        await self._run(lambda connection: connection.execute(sa.select(TURNS.c.number).limit(1)).all())

    def close(self) -> None:
        """Close the connections."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None
        self.engine.dispose()

    def _tracker(
        self, sender_id: str, turns: int, before: list[Event], rows: Sequence[Any]
    ) -> DialogueStateTracker:
        events = before + [event for row in rows for event in read_events(json.loads(row.events))]
        tracker = DialogueStateTracker.from_events(
            sender_id, events, self.domain.slots if self.domain else []
        )
        setattr(tracker, _STORED, (turns, len(events)))
        return tracker

    async def _run(self, work: Callable[[Connection], _T], *, writes: bool = False) -> _T:
        """Do some work on a connection; twice where the first one turns out to be dead, unless it writes."""
        if self.engine.dialect.name == "sqlite":
            # Half a millisecond; a thread would cost more.
            return self._work(work)
        try:
            return await asyncio.to_thread(self._work, work)
        except sa.exc.DBAPIError as error:
            # A pool that tried every connection first would cost a round trip a turn.
            if writes or not error.connection_invalidated:
                raise
        return await asyncio.to_thread(self._work, work)

    def _work(self, work: Callable[[Connection], _T]) -> _T:
        if not self._has_table:
            _make_table(self.engine)
            self._has_table = True
        if self.engine.dialect.name != "sqlite":
            with self.engine.begin() as connection:
                return work(connection)
        # There is one thread and one file: taking a connection from the pool would cost as much as the query.
        if self._kept is None:
            self._kept = self.engine.connect()
        with self._kept.begin():
            return work(self._kept)


_BY_SENDER = TURNS.c.sender_id == sa.bindparam("sender")
_COLUMNS = (TURNS.c.number, TURNS.c.message_id, TURNS.c.events, TURNS.c.state)
_INSERT = TURNS.insert()
_ALL = sa.select(*_COLUMNS).where(_BY_SENDER).order_by(TURNS.c.number)
# One more than the bot sees, for the state that they begin with.
_LATEST = (
    sa.select(*_COLUMNS)
    .where(
        _BY_SENDER,
        sa.or_(
            TURNS.c.number
            >= sa.select(sa.func.max(TURNS.c.number)).where(_BY_SENDER).scalar_subquery()
            - sa.bindparam("seen"),
            TURNS.c.message_id == sa.bindparam("message"),
        ),
    )
    .order_by(TURNS.c.number)
)


def turn_just_taken(tracker: DialogueStateTracker) -> Turn:
    """Return the latest turn of a tracker."""
    events = list(tracker.events)
    start = next(
        position for position in range(len(events) - 1, -1, -1) if isinstance(events[position], UserUttered)
    )
    state = _state(tracker)
    return Turn(events[start:], state["slots"], state["loop"])


def _turn(row: Any) -> Turn:
    events = read_events(json.loads(row.events))
    start = next(position for position, event in enumerate(events) if isinstance(event, UserUttered))
    state = json.loads(row.state)
    return Turn(events[start:], state["slots"], state["loop"])


def _state(tracker: DialogueStateTracker) -> dict[str, Any]:
    slots = {name: slot.value for name, slot in tracker.slots.items() if slot.value != slot.initial_value}
    return {
        "slots": slots,
        "loop": tracker.active_loop_name,
        "rejected": tracker.is_active_loop_rejected,
    }


def _state_events(state: dict[str, Any]) -> list[Event]:
    """Return events that bring a new tracker into the state."""
    events: list[Event] = [SlotSet(name, value) for name, value in state["slots"].items()]
    if state["loop"]:
        events.append(ActiveLoop(state["loop"]))
    if state["rejected"]:
        events.append(ActionExecutionRejected(state["loop"]))
    return events


def _engine(url: sa.engine.url.URL) -> Engine:
    # Parameters are what customers have written: nothing for logs.
    if url.get_backend_name() != "sqlite":
        limits = {
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "tcp_user_timeout": STATEMENT_TIMEOUT_MS,
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS}",
        }
        return sa.create_engine(
            url, connect_args=limits, pool_timeout=CONNECT_TIMEOUT_SECONDS, hide_parameters=True
        )
    engine = sa.create_engine(
        url,
        poolclass=QueuePool,
        connect_args={"check_same_thread": False, "timeout": SQLITE_TIMEOUT_SECONDS},
        hide_parameters=True,
    )

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        # A power cut may lose the last turns, but never damages the file; the service's database is the
        # record.
        _use_write_ahead_log(connection)
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Change a new database to it; one that has it stays as it is. Raises sqlite3.OperationalError."""
    until = time.monotonic() + SQLITE_TIMEOUT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            # Of two that change it at once SQLite refuses one immediately, however long it was to wait.
            if "locked" not in str(error) or time.monotonic() > until:
                raise
        time.sleep(0.01)


def _make_table(engine: Engine) -> None:
    try:
        TURNS.create(engine, checkfirst=True)
    except sa.exc.DBAPIError:
        # Another Rasa that started at the same moment may have made it in between.
        if not sa.inspect(engine).has_table(TURNS.name):
            raise
