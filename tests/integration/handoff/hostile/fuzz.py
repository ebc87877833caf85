"""Frames and bodies of the widget as a fuzzer makes them: the same ones for the same seed."""

from __future__ import annotations

import json
import random
import string
import uuid
from collections.abc import Iterator
from typing import Any

NASTY_TEXTS = (
    "",
    "\x00",
    "a\x00b",
    "\ud800",
    "a\udfffb",
    "\u202e\u2066",
    "\ufeff",
    "z" + "\u0301" * 300,
    "😀" * 40,
    "\r\nSet-Cookie: a=b",
    "<script>alert(1)</script>",
    "'; DROP TABLE messages; --",
    "{agent} %s ${7*7} {{7*7}}",
    "../../etc/passwd",
    "/restart",
    '/inform{"order_number": "1"}',
    "١٢٣",
    "NaN",
    "x" * 5000,
)
NASTY_NUMBERS = (0, -1, 1, 2**31 - 1, 2**31, 2**63, 2**64, 10**400, -(10**30), 0.5, 1e308, True)
BASES: tuple[dict[str, Any], ...] = (
    {"type": "message", "id": "m", "text": "hello"},
    {"type": "message", "id": "m", "text": "agent", "payload": "/greet"},
    {"type": "delivered", "seq": 1},
    {"type": "read", "seq": 1},
    {"type": "typing"},
    {"type": "ping"},
    {"type": "leave_queue"},
    {"type": "hello", "conversation_id": str(uuid.UUID(int=1)), "token": "t", "after": 0},
)
OPENINGS: tuple[dict[str, Any], ...] = (
    {},
    {"language": "it", "market": "IT", "page": "https://shop.example/a?b=c"},
    {"identity": {"id": "42", "name": "Anna", "email": "anna@example.com", "signature": "0" * 64}},
)


def make_value(dice: random.Random, depth: int = 0) -> Any:
    kind = dice.randrange(8 if depth < 3 else 6)
    if kind == 0:
        return None
    if kind in (1, 2):
        return dice.choice(NASTY_TEXTS)
    if kind == 3:
        return dice.choice(NASTY_NUMBERS)
    if kind == 4:
        return "".join(chr(dice.choice((dice.randrange(128), dice.randrange(0x11000)))) for _ in range(8))
    if kind == 5:
        return "".join(dice.choices(string.printable, k=dice.randrange(40)))
    if kind == 6:
        return [make_value(dice, depth + 1) for _ in range(dice.randrange(4))]
    return {str(make_value(dice, 9)): make_value(dice, depth + 1) for _ in range(dice.randrange(4))}


def change_object(dice: random.Random, base: dict[str, Any]) -> dict[str, Any]:
    """Return the object with some of its values, and now and then its keys, replaced."""
    changed = dict(base)
    for key in base:
        if key != "type" and dice.random() < 0.5:
            changed[key] = change_object(dice, base[key]) if isinstance(base[key], dict) else make_value(dice)
    if dice.random() < 0.15:
        changed[str(make_value(dice, 9))] = make_value(dice)
    if dice.random() < 0.1 and changed:
        del changed[dice.choice(list(changed))]
    return changed


def break_bytes(dice: random.Random, raw: bytes) -> bytes:
    """Return the bytes with some flipped, cut, doubled or put in."""
    broken = bytearray(raw)
    for _ in range(dice.randrange(1, 5)):
        position = dice.randrange(len(broken) + 1)
        kind = dice.randrange(4)
        if kind == 0 and position < len(broken):
            broken[position] = dice.randrange(256)
        elif kind == 1:
            del broken[position:]
        elif kind == 2:
            broken[position:position] = dice.randbytes(dice.randrange(6))
        else:
            broken += broken[position:]
    return bytes(broken[:60_000])


def make_frames(seed: int, count: int, bases: tuple[dict[str, Any], ...] = BASES) -> Iterator[str | bytes]:
    """Yield frames: well-formed with odd values, broken JSON, raw bytes, depths without end."""
    dice = random.Random(seed)
    for number in range(count):
        base = dice.choice(bases)
        if base.get("type") == "message":
            base = {**base, "id": f"{base['id']}{number}"}
        text = json.dumps(change_object(dice, base), ensure_ascii=dice.random() < 0.7)
        kind = dice.randrange(10)
        if kind < 6:
            yield text
        elif kind < 8:
            yield break_bytes(dice, text.encode("utf-8", "surrogatepass"))
        elif kind == 8:
            yield dice.randbytes(dice.randrange(200))
        else:
            opening = dice.choice(("[", '{"type":', '{"a":[', "1", "-", '"'))
            yield opening * dice.randrange(1, 4000)
