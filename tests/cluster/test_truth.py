"""The judge of the cluster's tests sees what it is there to see."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from handoff.conversations.models import Author, Contact, Conversation, Event, Message, TurnState
from handoff.database import Base
from tests.cluster.memory import slope_per_minute
from tests.cluster.questions import PERSONAS, Question
from tests.cluster.truth import Verdict, judge
from tests.cluster.visitor import Said, Visitor

ASKED = Question("how much is delivery?", "faq/shipping_cost", 1)
GOOD = ["customer a", "read a", "understood a", "bot", "customer b", "read b", "understood b", "bot"]
HANDED_OFF = ["customer a", "owner waiting", "notice", "customer b", "owner bot", "notice"]


async def _judge(
    folder: Path,
    log: list[str],
    *,
    heard: list[int] | None = None,
    pending: str = "",
    missing_seq: int = 0,
    taken: tuple[str, ...] = ("a", "b"),
) -> Verdict:
    """Judge a log, written down as its events; a visitor has said a and b and heard all, or what is given."""
    conversation_id, contact_id = uuid.uuid4(), uuid.uuid4()
    ids = {name: uuid.uuid4() for name in "ab"}
    rows: list[object] = [Contact(id=contact_id), Conversation(id=conversation_id, contact_id=contact_id)]
    rows[1].channel = "web"  # type: ignore[attr-defined]
    events = []
    for seq, (kind, name) in enumerate(((f"{entry} ").split(" ")[:2] for entry in log), 1):
        is_said = kind in ("customer", "bot", "notice")
        event = Event(conversation_id=conversation_id, seq=seq, kind="message" if is_said else kind, data={})
        if is_said:
            message = Message(conversation_id=conversation_id, seq=seq, author=Author(kind), text="…")
            if kind == "customer":
                state = TurnState.PENDING if name == pending else TurnState.DONE
                message.id, message.vendor_message_id, message.turn_state = ids[name], name, state
            rows.append(message)
        elif kind == "owner":
            event.data = {"owner": name}
        elif kind == "read":
            event.kind, event.data = "delivery", {"message_id": str(ids[name]), "state": "read"}
        else:
            label = {"label": ASKED.label}
            event.internal = {"message_id": str(ids[name]), "understanding": label}
        if seq != missing_seq:
            events.append(event)
    visitor = Visitor("http://127.0.0.1", 0, PERSONAS[0], "", burst=1, conversation_id=str(conversation_id))
    visitor.said = [Said(name, ASKED, at=0.0, message_id=str(ids[name]), accepted_at=0.0) for name in "ab"]
    expected = [event.seq for event in events if event.kind != "understood"]
    visitor.events = [{"seq": seq} for seq in (expected if heard is None else heard)]
    service, bot = (f"sqlite+aiosqlite:///{folder / name}" for name in ("service.db", "bot.db"))
    engine = create_async_engine(service)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine) as session:
        for part in ([*rows[:1]], [*rows[1:2]], [*rows[2:], *events]):
            session.add_all(part)
            await session.flush()
        await session.commit()
    await engine.dispose()
    engine = create_async_engine(bot)
    async with engine.begin() as connection:
        await connection.execute(text("create table bot_turns (sender_id text, message_id text)"))
        for name in taken:
            insert = text("insert into bot_turns values ('c.1', :name)")
            await connection.execute(insert, {"name": name})
    await engine.dispose()
    return await judge(service, bot, [visitor])


async def test_what_is_right_is_found_right(tmp_path: Path) -> None:
    verdict = await _judge(tmp_path, GOOD)
    assert verdict.problems == []
    assert (verdict.accepted, verdict.answered, verdict.handed_off) == (2, 2, 0)


async def test_messages_left_to_people_count_as_handed_off(tmp_path: Path) -> None:
    verdict = await _judge(tmp_path, HANDED_OFF)
    assert verdict.problems == []
    assert (verdict.answered, verdict.handed_off) == (0, 2)


@pytest.mark.parametrize(
    ("log", "kind"),
    [
        pytest.param(GOOD[:5], "lost", id="accepted, and nothing happened"),
        pytest.param(GOOD[:4], "lost", id="accepted, and not there"),
        pytest.param([*GOOD, "understood b", "bot"], "doubled", id="answered twice"),
        pytest.param([*GOOD[:4], "bot", *GOOD[4:]], "wrong", id="a reply twice"),
        pytest.param(GOOD[:-1], "wrong", id="understood without a reply"),
        pytest.param(
            ["customer a", "customer b", "understood b", "bot", "understood a", "bot"],
            "disordered",
            id="answered in the wrong order",
        ),
        pytest.param(
            ["customer a", "customer b", "understood b", "bot", "owner waiting"],
            "lost",
            id="passed over, and the handoff came later",
        ),
        pytest.param(["customer b", "understood b", "bot", "customer a", "understood a", "bot"], "disordered",
                     id="kept in the wrong order"),
        pytest.param([*HANDED_OFF[:4], "understood b", "bot"], "wrong", id="the bot speaks to who waits"),
    ],
)  # fmt: skip
async def test_a_wrong_log_is_seen(tmp_path: Path, log: list[str], kind: str) -> None:
    assert getattr(await _judge(tmp_path, log), kind)


async def test_a_message_without_outcome_is_seen(tmp_path: Path) -> None:
    assert (await _judge(tmp_path, GOOD, pending="b")).lost


async def test_a_gap_in_the_log_is_seen(tmp_path: Path) -> None:
    assert (await _judge(tmp_path, GOOD, missing_seq=2)).lost


@pytest.mark.parametrize(
    ("heard", "kind"),
    [
        ([1, 2, 4, 5, 6], "lost"),
        ([1, 2, 4, 5, 6, 8, 8], "doubled"),
        ([1, 2, 5, 4, 6, 8], "disordered"),
        ([1, 2, 3, 4, 5, 6, 8], "wrong"),
    ],
)
async def test_a_socket_that_heard_something_else_is_seen(
    tmp_path: Path, heard: list[int], kind: str
) -> None:
    assert getattr(await _judge(tmp_path, GOOD, heard=heard), kind)


async def test_a_message_taken_twice_by_rasa_is_seen(tmp_path: Path) -> None:
    assert (await _judge(tmp_path, GOOD, taken=("a", "b", "b"))).doubled


def test_memory_that_grows_is_told_from_memory_that_does_not() -> None:
    grows = [(second, 100 + second / 60) for second in range(0, 600, 5)]
    warms_up = [(second, min(second, 50)) for second in range(0, 600, 5)]
    assert slope_per_minute(grows) == pytest.approx(1)
    assert slope_per_minute(warms_up) == 0
    assert slope_per_minute(grows[:20]) is None
