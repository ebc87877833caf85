"""Every query on turns: which messages still have to be answered, and who has the right to answer."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    DateTime,
    Select,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    or_,
    select,
    type_coerce,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.clock import utc_now
from handoff.conversations.models import Author, Conversation, Message, Owner
from handoff.database import UtcDateTime
from handoff.rows import build, fetch_all, table_of, update_later

# Spelled out, not bound: only then the partial index is used.
_IS_PENDING = Message.turn_state == literal_column("'pending'")


@dataclass(frozen=True)
class PendingTurn:
    """The oldest message of a conversation that the bot still has to answer."""

    conversation_id: uuid.UUID
    message_id: uuid.UUID
    holder: str | None
    """The process that is answering it; None when nobody is, or has not been heard of for too long."""
    owner: Owner
    was_told_of_delay: bool


def _moment(session: AsyncSession) -> ColumnElement[datetime]:
    """Return the present moment as the database sees it: replicas' own clocks may differ or jump.

    SQLite has one process and no time zones: there it is this process's clock.
    """
    if session.get_bind().dialect.name == "postgresql":
        return func.clock_timestamp(type_=DateTime(timezone=True))
    return literal(utc_now(), UtcDateTime)


def _later(session: AsyncSession, seconds: float) -> ColumnElement[datetime]:
    if session.get_bind().dialect.name == "postgresql":
        return type_coerce(_moment(session) + func.make_interval(0, 0, 0, 0, 0, 0, seconds), UtcDateTime)
    return literal(utc_now() + timedelta(seconds=seconds), UtcDateTime)


def _is_free(session: AsyncSession, lease_s: float) -> ColumnElement[bool]:
    """Whether nobody holds a conversation's lease, or who does has not renewed it in time.

    A lease that ends later than any given now was given before the clock was set back.
    """
    return or_(
        Conversation.lease_until.is_(None),
        Conversation.lease_until < _moment(session),
        Conversation.lease_until > _later(session, 2 * lease_s),
    )


async def list_pending_turns(session: AsyncSession, lease_s: float, limit: int) -> list[PendingTurn]:
    """Return the conversations with a message to answer, the longest waiting first."""
    oldest = (
        select(Message.conversation_id, func.min(Message.seq).label("seq"))
        .where(_IS_PENDING)
        .group_by(Message.conversation_id)
        .subquery()
    )
    rows = await session.execute(
        select(
            Message.id,
            Message.conversation_id,
            case((_is_free(session, lease_s), None), else_=Conversation.lease_holder).label("holder"),
            Conversation.owner,
            Conversation.delayed_at,
        )
        .join(oldest, (Message.conversation_id == oldest.c.conversation_id) & (Message.seq == oldest.c.seq))
        .join(Conversation, Conversation.id == Message.conversation_id)
        .order_by(Message.at)
        .limit(limit)
    )
    return [
        PendingTurn(row.conversation_id, row.id, row.holder, row.owner, row.delayed_at is not None)
        for row in rows
    ]


async def count_pending_turns(session: AsyncSession, most: int) -> int:
    """Return how many customers' messages still have to be answered; counts no further than `most`."""
    pending = select(Message.id).where(_IS_PENDING).limit(most)
    return int(await session.scalar(select(func.count()).select_from(pending.subquery())) or 0)


async def claim_lease(session: AsyncSession, conversation_id: uuid.UUID, holder: str, lease_s: float) -> bool:
    """Take, or keep, the right to answer a conversation; False when another process has it."""
    result = await session.execute(
        update(Conversation)
        .where(
            Conversation.id == conversation_id,
            or_(Conversation.lease_holder == holder, _is_free(session, lease_s)),
        )
        .values(lease_holder=holder, lease_until=_later(session, lease_s))
        .execution_options(synchronize_session=False)
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]


def set_lease(session: AsyncSession, conversation: Conversation, holder: str, lease_s: float) -> None:
    """Give the lease of a locked conversation that nobody holds."""
    conversation.lease_holder = holder
    if session.get_bind().dialect.name != "postgresql":
        conversation.lease_until = utc_now() + timedelta(seconds=lease_s)
        return
    # A moment of the database's clock, known only there.
    conversation.lease_until = _later(session, lease_s)


async def renew_leases(
    session: AsyncSession, conversation_ids: Sequence[uuid.UUID], holder: str, lease_s: float
) -> None:
    """Keep the leases of what this process is answering."""
    await session.execute(
        update(Conversation)
        .where(Conversation.id.in_(conversation_ids), Conversation.lease_holder == holder)
        .values(lease_until=_later(session, lease_s))
        .execution_options(synchronize_session=False)
    )


async def release_lease(session: AsyncSession, conversation_id: uuid.UUID, holder: str) -> None:
    await session.execute(
        update(Conversation)
        .where(Conversation.id == conversation_id, Conversation.lease_holder == holder)
        .values(lease_holder=None, lease_until=None)
        .execution_options(synchronize_session=False)
    )


async def release_leases(session: AsyncSession, holder: str) -> None:
    """Give up everything that a process holds, so that another goes on at once."""
    await session.execute(
        update(Conversation)
        .where(Conversation.lease_holder == holder)
        .values(lease_holder=None, lease_until=None)
        .execution_options(synchronize_session=False)
    )


async def clear_leases(session: AsyncSession) -> None:
    """Forget every lease: for the embedded set-up, where a process that starts is the only one."""
    await session.execute(update(Conversation).values(lease_holder=None, lease_until=None))


_UNANSWERED = (
    select(table_of(Message))
    .where(Message.conversation_id == bindparam("conversation_id"), _IS_PENDING)
    .order_by(Message.seq)
)
# Two questions to two indexes; with OR in one, the whole conversation would be read.
_UNANSWERED_AND_SAME = union_all(
    select(table_of(Message)).where(Message.conversation_id == bindparam("conversation_id"), _IS_PENDING),
    select(table_of(Message)).where(
        Message.conversation_id == bindparam("conversation_id"),
        Message.author == Author.CUSTOMER,
        Message.vendor_message_id == bindparam("vendor_message_id"),
        Message.turn_state != literal_column("'pending'"),
    ),
).order_by("seq")


async def list_unanswered(session: AsyncSession, conversation_id: uuid.UUID) -> Sequence[Message]:
    """Return the customer's messages that still have to be answered, oldest first."""
    return await _list_messages(session, _UNANSWERED, {"conversation_id": conversation_id})


async def list_unanswered_and_same(
    session: AsyncSession, conversation_id: uuid.UUID, vendor_message_id: str
) -> Sequence[Message]:
    """Return a conversation's unanswered messages, and the customer's message with that id."""
    values = {"conversation_id": conversation_id, "vendor_message_id": vendor_message_id}
    return await _list_messages(session, _UNANSWERED_AND_SAME, values)


async def _list_messages(
    session: AsyncSession, statement: Select[Any] | CompoundSelect[Any], values: dict[str, Any]
) -> list[Message]:
    messages = [build(Message, row) for row in await fetch_all(session, statement, values)]
    for message in messages:
        update_later(session, message)
    return messages


async def measure_pending(session: AsyncSession) -> tuple[int, datetime | None]:
    """Return how many messages wait for an answer, of all conversations, and when the oldest was written."""
    rows = await session.execute(select(func.count(), func.min(Message.at)).where(_IS_PENDING))
    count, oldest = rows.one()
    return count, oldest
