"""The database: base class, column types and the unit of work.

A request or a job opens one transaction at its edge; services and repositories below flush, never commit.
What is to be told to others once the transaction is durable is queued with `announce`.
"""

from __future__ import annotations

import asyncio
import enum
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
from sqlalchemy import DateTime, Enum, MetaData
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.url import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from handoff import rows, sqlite
from handoff.bus import Bus, Payload
from handoff.errors import StorageUnavailableError

_ANNOUNCEMENTS = "announcements"
_CALLBACKS = "callbacks"

# Somebody who writes hears within 5 s that it did not work.
BUSY_TIMEOUT_S = 3
BUSY_RETRY_S = 0.02
CONNECT_TIMEOUT_S = 3
STATEMENT_TIMEOUT_S = 5

PASSING_POSTGRES_ERRORS = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    # A standby, or a server that was made one: read-only.
    asyncpg.ReadOnlySQLTransactionError,
    OSError,
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, kept in UTC (SQLite has no time zones)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a stored moment needs a time zone")
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def string_enum(kind: type[enum.StrEnum], length: int = 16) -> Enum:
    """Return a column type that keeps an enum's value as text, on every database alike."""
    return Enum(
        kind, native_enum=False, length=length, values_callable=lambda kinds: [item.value for item in kinds]
    )


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def announce(session: AsyncSession, topic: str, payload: Payload) -> None:
    """Publish on the bus when, and only when, the session's transaction has been committed."""
    session.info.setdefault(_ANNOUNCEMENTS, []).append((topic, payload))


def when_committed(session: AsyncSession, callback: Callable[[], None]) -> None:
    """Call this, which may not fail, when and only when the session's transaction has been committed."""
    session.info.setdefault(_CALLBACKS, []).append(callback)


class Database:
    """Engine, sessions and the rule that what is announced has been committed."""

    def __init__(self, url: str, bus: Bus) -> None:
        self.url = url
        self.bus = bus
        self.is_sqlite = url.startswith("sqlite")
        self.engine = _make_engine(url)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        # SQLite has one writer at a time: queueing here is fair and cheap, SQLite's own busy-wait is neither.
        self._write_lock = asyncio.Lock()
        self._writer: AsyncConnection | None = None
        self.writer: sqlite3.Connection | None = None
        """SQLite's own side of the one connection that writes."""
        self._busy_since: float | None = None
        """When another process was first seen to have SQLite's write lock; None while it has not."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Open a session, commit at the end, then publish what was announced; roll back on any error.

        Raises:
            StorageUnavailableError: The database is away, locked, read-only or full; nothing was written.
        """
        begin = self._only_writer() if self.is_sqlite else self._sessions()
        async with _storage_errors(), begin as session:
            yield session
            await rows.commit(session)
        callbacks: list[Callable[[], None]] = session.info.pop(_CALLBACKS, [])
        for callback in callbacks:
            callback()
        announcements: list[tuple[str, Payload]] = session.info.pop(_ANNOUNCEMENTS, [])
        for topic, payload in announcements:
            await self.bus.publish(topic, payload)

    @asynccontextmanager
    async def _only_writer(self) -> AsyncIterator[AsyncSession]:
        """Open a session on the one connection that writes, with SQLite's write lock already taken.

        A transaction that reads first may fail when it writes.
        """
        async with self._write_lock:
            if self._writer is None:
                self._writer = await self.engine.connect()
                self.writer = (await self._writer.get_raw_connection()).driver_connection
            plain = self.writer
            assert plain is not None
            await self._begin(plain)
            try:
                async with self._sessions(bind=self._writer) as session:
                    session.info[rows.PLAIN] = plain
                    yield session
            finally:
                if plain.in_transaction:
                    plain.rollback()

    async def _begin(self, plain: sqlite3.Connection) -> None:
        while True:
            try:
                plain.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                # Another process has the lock. Who queued meanwhile has waited through the same time.
                self._busy_since = self._busy_since or time.monotonic()
                waited_s = time.monotonic() - self._busy_since
                if not sqlite.is_busy(error) or waited_s > BUSY_TIMEOUT_S:
                    raise
            else:
                self._busy_since = None
                return
            await asyncio.sleep(BUSY_RETRY_S)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Open a session that only reads.

        Raises:
            StorageUnavailableError: The database can't be read.
        """
        async with _storage_errors(), self._sessions() as session:
            yield session

    async def checkpoint(self) -> None:
        """Write SQLite's log back into its file; other databases see to that themselves."""
        file = self.engine.url.database
        if self.is_sqlite and file:
            await asyncio.to_thread(sqlite.checkpoint, file)

    async def close(self) -> None:
        if self._writer is not None:
            await self._writer.close()
        await self.engine.dispose()


@asynccontextmanager
async def _storage_errors() -> AsyncIterator[None]:
    """Tell a database that can't be used from mistakes of ours."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError, sqlite3.OperationalError) as error:
        raise StorageUnavailableError(f"{type(error).__name__}: {error.args[0]}") from error
    except DBAPIError as error:
        # A server that shuts down, or a connection that broke in the middle; the driver's error is wrapped.
        cause = error.orig.__cause__ if error.orig else None
        if not (error.connection_invalidated or isinstance(cause, PASSING_POSTGRES_ERRORS)):
            raise
        raise StorageUnavailableError(f"{type(error).__name__}: {error.args[0]}") from error
    except PASSING_POSTGRES_ERRORS as error:
        # While connecting, the driver's own errors come through.
        raise StorageUnavailableError(f"{type(error).__name__}: {error}") from error


def _make_engine(url: str) -> AsyncEngine:
    if not url.startswith("sqlite"):
        return create_async_engine(
            url,
            pool_size=10,
            max_overflow=20,
            pool_timeout=CONNECT_TIMEOUT_S,
            pool_pre_ping=True,
            connect_args={"timeout": CONNECT_TIMEOUT_S, "command_timeout": STATEMENT_TIMEOUT_S},
            hide_parameters=True,
        )
    parsed = make_url(url).set(drivername=sqlite.DRIVER)
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(parsed, hide_parameters=True)
    sqlite.configure(engine.sync_engine)
    return engine
