"""Plain statements on SQLite's own connection, for the rows that every message writes.

SQLAlchemy builds the statement once, and its types encode and decode the values; in between, its engine
would take several times as long as SQLite itself.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Dialect, Select, Table
from sqlalchemy.sql.selectable import CompoundSelect
from sqlalchemy.types import TypeEngine

from handoff.sqlite import DirectDialect

Codec = Callable[[Any], Any] | None
Statement = Select[Any] | CompoundSelect[Any]

_DIALECT: Dialect = DirectDialect(paramstyle="qmark")


@dataclass(frozen=True)
class _Query:
    sql: str
    binds: tuple[tuple[str, Any, Codec], ...]
    """Name, value where none is given, and what encodes it, in the order of the places."""
    decoders: tuple[tuple[int, Callable[[Any], Any]], ...]


def fetch(
    connection: sqlite3.Connection, statement: Statement, values: dict[str, Any]
) -> list[Sequence[Any]]:
    """Return the rows of a statement."""
    query = _compile(statement)
    given = []
    for name, default, encode in query.binds:
        value = values.get(name, default)
        given.append(encode(value) if encode else value)
    rows = connection.execute(query.sql, given).fetchall()
    if not rows:
        return []
    decoded: list[Sequence[Any]] = []
    for row in rows:
        cells = list(row)
        for place, decode in query.decoders:
            cells[place] = decode(cells[place])
        decoded.append(cells)
    return decoded


def insert(connection: sqlite3.Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows that name every column of the table."""
    names = tuple(column.key for column in table.columns)
    places = ", ".join("?" * len(names))
    encoders = _encoders_of(table)
    connection.executemany(
        f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({places})",  # noqa: S608 - names of ours
        [[_encode(encoders[name], row[name]) for name in names] for row in rows],
    )


def update(connection: sqlite3.Connection, table: Table, key: Any, changes: dict[str, Any]) -> None:
    """Update columns of the row with this `id`."""
    encoders = _encoders_of(table)
    columns = ", ".join(f"{name} = ?" for name in changes)
    given = [_encode(encoders[name], value) for name, value in changes.items()]
    connection.execute(
        f"UPDATE {table.name} SET {columns} WHERE id = ?",  # noqa: S608 - names of ours
        [*given, _encode(encoders["id"], key)],
    )


def _encode(encode: Codec, value: Any) -> Any:
    return encode(value) if encode else value


def _encoder(kind: TypeEngine[Any]) -> Codec:
    return kind.dialect_impl(_DIALECT).bind_processor(_DIALECT)


@cache
def _encoders_of(table: Table) -> dict[str, Codec]:
    return {column.key: _encoder(column.type) for column in table.columns}


@cache
def _compile(statement: Statement) -> _Query:
    compiled = statement.compile(dialect=_DIALECT)
    binds = []
    for name in compiled.positiontup or ():
        bind = compiled.binds[name]
        binds.append((bind.key, bind.value, _encoder(bind.type)))
    decoders = []
    for place, column in enumerate(statement.selected_columns):
        decode = column.type.dialect_impl(_DIALECT).result_processor(_DIALECT, None)
        if decode is not None:
            decoders.append((place, decode))
    return _Query(str(compiled), tuple(binds), tuple(decoders))
