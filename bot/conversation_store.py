"""Where Rasa keeps its conversations: its own SQL table, read and written with one statement each a turn."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from rasa.core.tracker_store import SQLTrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import Event
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.utils.common import all_subclasses
from sqlalchemy.engine import Engine
from sqlalchemy.pool import QueuePool

# How many of a tracker's events are in the table already; kept on the tracker itself, as it lives for one
# turn.
_STORED = "_stored_events"

# Seconds to wait for another process's write.
_SQLITE_TIMEOUT_SECONDS = 5


class UnknownEventError(ValueError):
    """The table holds an event that this version of Rasa does not know."""


class ConversationStore(SQLTrackerStore):
    """Rasa's SQL tracker store, without sessions, counting queries and slow lookups of event classes.

    Rasa's own takes three queries and a write of 20 ms a turn on SQLite, this one a query and a write of 3
    ms. Every turn holds the lock of its conversation (bot.turn), so the number of events cannot change
    between the two.
    """

    def __init__(self, domain: Domain | None = None, host: str | None = None, **kwargs: Any) -> None:
        """Connect, and make the table where there is none.

        Args:
            domain: Slots of the trackers; Rasa sets it when the model is loaded.
            host: An SQLAlchemy URL: sqlite:///var/bot.db, postgresql://user:password@host/database.
            kwargs: Rasa's other settings.
        """
        super().__init__(domain=domain, host=host, **kwargs)
        self.engine: Engine
        if self.engine.dialect.name == "sqlite":
            self.engine.dispose()
            self.engine = _sqlite_engine(self.engine.url)
            self.sessionmaker = sa.orm.session.sessionmaker(bind=self.engine)
        self._classes: dict[str, type[Event]] = {event.type_name: event for event in all_subclasses(Event)}

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        """Return the conversation, or None. Raises SQLAlchemyError or UnknownEventError."""
        table = self.SQLEvent.__table__
        query = sa.select(table.c.data).where(table.c.sender_id == sender_id).order_by(table.c.id)
        with self.engine.connect() as connection:
            stored = connection.execute(query).scalars().all()
        if not stored:
            return None
        slots = self.domain.slots if self.domain else []
        events = [self._event(json.loads(data)) for data in stored]
        tracker = DialogueStateTracker.from_events(sender_id, events, slots)
        setattr(tracker, _STORED, len(stored))
        return tracker

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Write the events that came since the tracker was read. Raises SQLAlchemyError."""
        await self.stream_events(tracker)
        new = list(tracker.events)[getattr(tracker, _STORED, 0) :]
        if new:
            with self.engine.begin() as connection:
                connection.execute(
                    self.SQLEvent.__table__.insert(), [_row(tracker.sender_id, event) for event in new]
                )
        setattr(tracker, _STORED, len(tracker.events))

    def _event(self, parameters: dict[str, Any]) -> Event:
        event_class = self._classes.get(parameters["event"])
        if event_class is None:
            raise UnknownEventError(f"{parameters['event']!r} is no event of Rasa's")
        return event_class._from_parameters(parameters)


def _row(sender_id: str, event: Event) -> dict[str, Any]:
    data = event.as_dict()
    return {
        "sender_id": sender_id,
        "type_name": event.type_name,
        "timestamp": data.get("timestamp"),
        "intent_name": data.get("parse_data", {}).get("intent", {}).get("name"),
        "action_name": data.get("name"),
        "data": json.dumps(data, ensure_ascii=False),
    }


def _sqlite_engine(url: sa.engine.url.URL) -> Engine:
    engine = sa.create_engine(
        url,
        poolclass=QueuePool,
        connect_args={"check_same_thread": False, "timeout": _SQLITE_TIMEOUT_SECONDS},
    )

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        # A power cut may lose the last turns, but never damages the file; the service's database is the
        # record.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine
