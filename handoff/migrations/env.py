"""Alembic's environment: the service's models against DRAGOMAN_DATABASE_URL."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from alembic import context
from sqlalchemy.engine import Connection

import handoff.agents.models
import handoff.conversations.models
import handoff.knowledge.models
import handoff.queue.models  # noqa: F401
from handoff.bus import InProcessBus
from handoff.database import Base, Database, UtcDateTime
from handoff.settings import get_settings


def _render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    # Migrations outlive the code: they name SQLAlchemy's own types only.
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        # SQLite can't alter columns in place.
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        render_item=_render_item,
    )
    with context.begin_transaction():
        context.run_migrations()


async def _run() -> None:
    database = Database(get_settings().database_url, InProcessBus())
    try:
        async with database.engine.begin() as connection:
            await connection.run_sync(_migrate)
    finally:
        await database.close()


asyncio.run(_run())
