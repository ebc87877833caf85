"""The same customers over plain HTTP, for Rasa alone, ours and stock: one lean connection each."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.figures import percentiles
from benchmarks.load import ANSWER_WITHIN_S, CONVERSATION_LENGTH, Load, NothingMeasuredError, Window
from benchmarks.messages import Conversation, Mix

# Renders the body of one message: the conversation, its id, the text.
Body = Callable[[Conversation, str, str], dict[str, Any]]


async def run_http_load(
    port: int, path: str, headers: Mapping[str, str], body: Body, load: Load, pids: Mapping[str, int]
) -> dict[str, Any]:
    """Post messages and wait for each answer; return percentiles, replies a second and what was used.

    Raises:
        RuntimeError: An answer's status is not 200.
        TimeoutError: A message was not answered within ANSWER_WITHIN_S.
        NothingMeasuredError: Hardly any reply came.
    """
    window = Window()
    took: list[float] = []
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())

    async def be_customer(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for conversation in Mix(seed=number).conversations(CONVERSATION_LENGTH):
                conversation_id = str(uuid.uuid4())
                for text in conversation.messages:
                    if window.is_over():
                        return
                    sent = time.perf_counter()
                    content = json.dumps(body(conversation, conversation_id, text)).encode()
                    async with asyncio.timeout(ANSWER_WITHIN_S):
                        await _post(reader, writer, path, head, content)
                    replied = time.perf_counter()
                    if window.holds(replied):
                        took.append(replied - sent)
        finally:
            writer.close()

    async with asyncio.TaskGroup() as group:
        for number in range(load.customers):
            group.create_task(be_customer(number))
        elapsed_s, used = await window.pass_by(load, pids)
    if len(took) < 2:
        raise NothingMeasuredError(f"{load.customers} customers had {len(took)} replies in {elapsed_s:.0f} s")
    return {
        "customers": load.customers,
        "seconds": round(elapsed_s, 1),
        "replies": len(took),
        "replies_per_s": round(len(took) / elapsed_s, 1),
        "sent_to_reply": percentiles(took),
        "processes": used,
        "cpu_ms_per_reply": {
            name: round(figures["cpu_s"] / len(took) * 1000, 2) for name, figures in used.items()
        },
    }


async def _post(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, head: str, content: bytes
) -> None:
    request = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{head}"
    writer.write(f"{request}Content-Length: {len(content)}\r\n\r\n".encode() + content)
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
    length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length:"))
    answer = await reader.readexactly(length)
    if " 200 " not in lines[0]:
        raise RuntimeError(f"{lines[0]}: {answer[:500]!r}")


def rest_body(conversation: Conversation, conversation_id: str, text: str) -> dict[str, Any]:
    """Return a message for Rasa's REST channel."""
    return {"sender": conversation_id, "message": text}


def turn_body(conversation: Conversation, conversation_id: str, text: str) -> dict[str, Any]:
    """Return a turn for our channel (tests/contracts/turn.schema.json)."""
    return {
        "sender_id": f"{conversation_id}.1",
        "message_id": str(uuid.uuid4()),
        "text": text,
        "payload": None,
        "metadata": {
            "language": conversation.language,
            "language_asked": None,
            "language_hint": conversation.language,
            "market": conversation.market,
            "contact": {"name": None, "vendor_contact_id": None, "verified_email": None},
        },
    }
