"""SQLite without a thread in between.

The embedded database answers in microseconds; handing every statement to a thread and back takes ten times
as long as the statement. So it is called directly, in the event loop. What can take long never happens
there: nobody waits inside SQLite for another process's lock (`Database.transaction` does, asleep), and
the log is written back into the database file by a thread (`checkpoint`).
"""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import URL, Engine, event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.pool import AsyncAdaptedQueuePool, Pool

DRIVER = "sqlite+direct"

# Waiting in the loop stops everybody: only for what another connection of this process is just finishing.
BUSY_TIMEOUT_MS = 2


class _Cursor(sqlite3.Cursor):
    async def _async_soft_close(self) -> None:
        """Asked for by SQLAlchemy of an asynchronous driver's cursor; here there is nothing to wait for."""


class _Connection(sqlite3.Connection):
    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(factory or _Cursor)


class DirectDialect(SQLiteDialect_pysqlite):
    """Python's own driver under SQLAlchemy's asynchronous engine."""

    driver = "direct"
    is_async = True
    supports_statement_cache = True

    def create_connect_args(self, url: URL) -> tuple[list[Any], dict[str, Any]]:
        arguments, options = super().create_connect_args(url)
        return list(arguments), {**options, "factory": _Connection}

    @classmethod
    def get_pool_class(cls, url: URL) -> type[Pool]:
        return AsyncAdaptedQueuePool


registry.register("sqlite.direct", __name__, DirectDialect.__name__)


def configure(engine: Engine) -> None:
    """Set up every connection of an engine to an embedded database."""

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        # The driver must not open transactions by itself: `_begin` does.
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            # Survives the death of the process in WAL mode; only a power cut may take the last moments.
            "synchronous=NORMAL",
            "foreign_keys=ON",
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            # Left to `checkpoint`; this is the bound should it fall behind, in pages of 4 KB.
            "wal_autocheckpoint=16000",
            "cache_size=-16000",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        # The one that writes has begun already (`Database`).
        if not connection.connection.driver_connection.in_transaction:
            connection.exec_driver_sql("BEGIN")


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another process holds the lock that was wanted."""
    return error.sqlite_errorcode == sqlite3.SQLITE_BUSY


def checkpoint(file: str) -> None:
    """Write the log back into the database file as far as nobody reads it. Blocks: call it in a thread.

    Raises:
        sqlite3.Error: The file can't be written; nothing is lost, the log holds it.
    """
    connection = sqlite3.connect(file, timeout=0)
    try:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    finally:
        connection.close()
