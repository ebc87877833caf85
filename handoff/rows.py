"""Reading and writing single rows without SQLAlchemy's unit of work, for what happens with every message.

Objects are of the mapped classes, but no session keeps track of them: `insert_later` and `update_later` note
them, and `write_rows` writes what is new or has changed with one plain statement a table or row. That is done
before any later query of the session and before its commit, so that nobody sees the difference, but for
the time: the unit of work takes about ten times as long (docs/decisions/0011).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache, partial
from typing import Any, TypeVar, cast

from sqlalchemy import (
    ClauseElement,
    ColumnDefault,
    CompoundSelect,
    Insert,
    Select,
    Table,
    Update,
    bindparam,
    event,
    insert,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, ORMExecuteState, Session
from sqlalchemy.orm.instrumentation import manager_of_class

from handoff import plain

Row = TypeVar("Row", bound=DeclarativeBase)

# Where a session's SQLite connection is found, if it has one.
PLAIN = "plain_connection"
_NEW, _LOADED = "new_rows", "loaded_rows"
_KEY = "key_of_row"


def table_of(kind: type[DeclarativeBase]) -> Table:
    return cast(Table, kind.__table__)


def make(kind: type[Row], /, **values: Any) -> Row:
    """Return a new object, for `insert_later`: the same as calling the class, but ten times as fast."""
    manager = manager_of_class(kind)
    assert manager is not None
    row: Row = manager.new_instance()
    row.__dict__.update(values)
    return row


def build(kind: type[Row], values: Sequence[Any]) -> Row:
    """Return an object of a row that was selected with all columns of its table, in their order."""
    manager = manager_of_class(kind)
    assert manager is not None
    row: Row = manager.new_instance()
    row.__dict__.update(zip(_columns_of(kind), values, strict=True))
    return row


async def fetch_all(
    session: AsyncSession, statement: Select[Any] | CompoundSelect[Any], values: dict[str, Any]
) -> Sequence[Sequence[Any]]:
    """Return the rows of a statement, after what is noted so far was written."""
    sync = session.sync_session
    connection: sqlite3.Connection | None = session.info.get(PLAIN)
    if connection is not None and _is_unused(sync):
        write_rows(sync)
        return plain.fetch(connection, statement, values)

    def fetch(sync: Session) -> Sequence[Sequence[Any]]:
        sync.flush()
        write_rows(sync)
        return sync.connection().execute(statement, values).all()

    return await session.run_sync(fetch)


async def commit(session: AsyncSession) -> None:
    """Write what is noted, and commit."""
    sync = session.sync_session
    connection: sqlite3.Connection | None = session.info.get(PLAIN)
    if connection is not None and _is_unused(sync):
        write_rows(sync)
        connection.commit()
    else:
        await session.run_sync(_commit)


def _commit(session: Session) -> None:
    session.flush()
    write_rows(session)
    session.commit()


def _is_unused(session: Session) -> bool:
    """Whether the unit of work knows of nothing and has not begun: plain statements are all there is."""
    return not session.in_transaction() and not session.new


def insert_later(session: AsyncSession, row: DeclarativeBase) -> None:
    """Insert a new object. What is changed before it is written is still seen."""
    session.info.setdefault(_NEW, []).append(row)


def update_later(session: AsyncSession, row: DeclarativeBase) -> None:
    """Update what will have changed of an object that `build` has made."""
    session.info.setdefault(_LOADED, []).append((row, _values_of(row)))


def write_rows(session: Session) -> None:
    """Write what is new or has changed."""
    new: list[DeclarativeBase] = session.info.pop(_NEW, [])
    loaded: list[tuple[DeclarativeBase, dict[str, Any]]] = session.info.get(_LOADED, [])
    if not new and not loaded:
        return
    connection: sqlite3.Connection | None = session.info.get(PLAIN)
    for row, before in loaded:
        changes = {key: value for key, value in _values_of(row).items() if _differs(value, before[key])}
        if not changes:
            continue
        before.update(changes)
        if connection is not None:
            plain.update(connection, table_of(type(row)), row.__dict__["id"], changes)
        else:
            session.connection().execute(*_make_update(type(row), row.__dict__["id"], changes))
    by_class: dict[type[DeclarativeBase], list[dict[str, Any]]] = {}
    for row in new:
        _set_defaults(row)
        by_class.setdefault(type(row), []).append(_values_of(row))
    for kind, values in by_class.items():
        if connection is not None:
            plain.insert(connection, table_of(kind), values)
        else:
            session.connection().execute(_insert_of(kind), values)


@event.listens_for(Session, "do_orm_execute")
def _write_before_query(state: ORMExecuteState) -> None:
    write_rows(state.session)


def _differs(value: Any, before: Any) -> bool:
    if value is before:
        return False
    # A moment of the database's own clock, say: known when it is written.
    return isinstance(value, ClauseElement) or bool(value != before)


def _make_update(
    kind: type[DeclarativeBase], key: Any, changes: dict[str, Any]
) -> tuple[Update, dict[str, Any]]:
    given = {name: value for name, value in changes.items() if not isinstance(value, ClauseElement)}
    statement = _update_of(kind, tuple(given))
    computed = {name: value for name, value in changes.items() if name not in given}
    return statement.values(computed) if computed else statement, {**given, _KEY: key}


@cache
def _update_of(kind: type[DeclarativeBase], names: tuple[str, ...]) -> Update:
    table = table_of(kind)
    return (
        update(table).where(table.c.id == bindparam(_KEY)).values({name: bindparam(name) for name in names})
    )


@cache
def _insert_of(kind: type[DeclarativeBase]) -> Insert:
    return insert(table_of(kind))


def _values_of(row: DeclarativeBase) -> dict[str, Any]:
    given = row.__dict__
    return {key: given.get(key) for key in _columns_of(type(row))}


def _set_defaults(row: DeclarativeBase) -> None:
    for key, default in _defaults_of(type(row)):
        if key not in row.__dict__:
            setattr(row, key, default() if callable(default) else default)


@cache
def _columns_of(kind: type[DeclarativeBase]) -> tuple[str, ...]:
    return tuple(column.key for column in table_of(kind).columns)


@cache
def _defaults_of(kind: type[DeclarativeBase]) -> tuple[tuple[str, Any], ...]:
    """Return the defaults of columns: values, or functions that take nothing."""
    found = []
    for column in table_of(kind).columns:
        if isinstance(column.default, ColumnDefault):
            # SQLAlchemy wraps a function so that it takes a context.
            wrapped = column.default.is_callable
            found.append((column.key, partial(column.default.arg, None) if wrapped else column.default.arg))
    return tuple(found)
