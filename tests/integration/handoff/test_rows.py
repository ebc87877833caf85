"""Rows written without the unit of work: seen by later queries, with defaults, and nothing else touched."""

from __future__ import annotations

import asyncio
import sqlite3
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from handoff.bus import InProcessBus
from handoff.conversations import repository, turn_repository
from handoff.conversations.models import Author, Contact, Conversation, Delivery, Message, Owner, TurnState
from handoff.database import Base, Database
from handoff.errors import StorageUnavailableError
from handoff.rows import insert_later


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'rows.db'}", InProcessBus())
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield database
    await database.close()


async def _open(database: Database) -> uuid.UUID:
    async with database.transaction() as session:
        contact = Contact(id=uuid.uuid4(), name="Giulia")
        session.add(contact)
        await session.flush()
        conversation = Conversation(id=uuid.uuid4(), contact_id=contact.id, channel="web")
        session.add(conversation)
        return conversation.id


def _message(conversation_id: uuid.UUID, seq: int) -> Message:
    return Message(
        id=uuid.uuid4(),
        conversation_id=conversation_id,
        seq=seq,
        author=Author.CUSTOMER,
        vendor_message_id=str(seq),
        text="ciao",
        turn_state=TurnState.PENDING,
    )


async def test_new_row_has_defaults_and_is_seen_by_the_next_query(database: Database) -> None:
    conversation_id = await _open(database)
    async with database.transaction() as session:
        message = _message(conversation_id, 1)
        insert_later(session, message)
        message.topic = "faq/opening_hours"
        stored = (await session.scalars(select(Message))).one()
        assert stored.topic == "faq/opening_hours", "changed before it was written"
    assert stored is not message
    assert (stored.delivery, stored.delivery_attempts, stored.buttons) == (Delivery.SENT, 0, [])
    assert message.at == stored.at


async def test_changes_of_a_locked_conversation_are_written_and_nothing_else(database: Database) -> None:
    conversation_id = await _open(database)
    async with database.transaction() as session:
        conversation = await repository.lock_conversation(session, conversation_id)
        assert conversation.contact.name == "Giulia"
        assert conversation.agent is None
        await session.connection()
        await session.run_sync(
            lambda sync: sync.connection().exec_driver_sql("UPDATE conversations SET market = 'IT'")
        )
        conversation.owner = Owner.WAITING
        conversation.last_seq += 1
    async with database.reading() as session:
        stored = await repository.get_conversation(session, conversation_id)
        assert (stored.owner, stored.last_seq) == (Owner.WAITING, 1)
        assert stored.market == "IT", "only what was changed on the object is written"


async def test_row_loaded_twice_in_one_transaction_is_seen_as_changed(database: Database) -> None:
    conversation_id = await _open(database)
    async with database.transaction() as session:
        for seq in (1, 2):
            insert_later(session, _message(conversation_id, seq))
        first, second = await turn_repository.list_unanswered(session, conversation_id)
        first.turn_state = TurnState.DONE
        assert [item.id for item in await turn_repository.list_unanswered(session, conversation_id)] == [
            second.id
        ]


async def test_rolled_back_transaction_writes_no_rows(database: Database) -> None:
    conversation_id = await _open(database)

    async def fail() -> None:
        async with database.transaction() as session:
            insert_later(session, _message(conversation_id, 1))
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    async with database.reading() as session:
        assert (await session.scalars(select(Message))).all() == []


async def test_lock_of_another_process_is_waited_for_without_stopping_the_loop(
    database: Database, tmp_path: Path
) -> None:
    conversation_id = await _open(database)
    other = sqlite3.connect(tmp_path / "rows.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    longest_pause_s = 0.0

    async def write() -> None:
        async with database.transaction() as session:
            insert_later(session, _message(conversation_id, 1))

    writing = asyncio.create_task(write())
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        before = time.monotonic()
        await asyncio.sleep(0.005)
        longest_pause_s = max(longest_pause_s, time.monotonic() - before)
    assert not writing.done()
    other.execute("ROLLBACK")
    await asyncio.wait_for(writing, 5)
    assert longest_pause_s < 0.4
    other.close()


async def test_lock_that_stays_is_an_error_within_five_seconds_for_all_who_wait(
    database: Database, tmp_path: Path
) -> None:
    conversation_id = await _open(database)
    other = sqlite3.connect(tmp_path / "rows.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def write(seq: int) -> float:
        started = time.monotonic()
        with pytest.raises(StorageUnavailableError):
            async with database.transaction() as session:
                insert_later(session, _message(conversation_id, seq))
        return time.monotonic() - started

    assert max(await asyncio.gather(*(write(seq) for seq in range(5)))) < 5
    other.execute("ROLLBACK")
    other.close()
    async with database.transaction() as session:
        insert_later(session, _message(conversation_id, 1))


async def test_checkpoint_empties_the_log_into_the_file(database: Database, tmp_path: Path) -> None:
    await _open(database)
    await database.checkpoint()
    # A copy of the file alone, without the log beside it, has it all.
    (tmp_path / "copy.db").write_bytes((tmp_path / "rows.db").read_bytes())
    copy = sqlite3.connect(tmp_path / "copy.db")
    assert copy.execute("SELECT count(*) FROM conversations").fetchone() == (1,)
    copy.close()
