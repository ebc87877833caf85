"""Customers for a benchmark: each speaks the widget's protocol and waits for an answer before going on."""

from __future__ import annotations

import asyncio
import json
import math
import random
import time
import uuid
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.figures import Usage, percentiles
from benchmarks.messages import Conversation, Mix

CONVERSATION_LENGTH = 24
# An answer that takes longer counts as lost, and the run fails.
ANSWER_WITHIN_S = 60.0
AFTER_REFUSAL_S = 1.0


@dataclass(frozen=True)
class Answer:
    """Moments in seconds, and the service's id of the customer's message.

    The moments are of `time.perf_counter`: uvloop's own clock knows whole milliseconds only.
    """

    message_id: str
    sent: float
    accepted: float
    replied: float


@dataclass
class Measured:
    """What the customers of one run saw, in seconds."""

    accepted_to_reply: list[float] = field(default_factory=list)
    sent_to_reply: list[float] = field(default_factory=list)
    conversations: int = 0
    refused: int = 0
    handed_off: int = 0


@dataclass
class Load:
    """One run: how many customers, for how long, and how long each thinks between two messages."""

    customers: int
    seconds: float
    think_s: float = 0.0
    warm_up_s: float = 2.0


@dataclass
class Window:
    """The seconds that count (`time.perf_counter`): they begin when every customer is connected and warm."""

    start: float = math.inf
    end: float = math.inf

    def holds(self, moment: float) -> bool:
        """Whether a reply at this moment counts."""
        return self.start <= moment < self.end

    def is_over(self) -> bool:
        """Whether a customer may stop."""
        return time.perf_counter() >= self.end

    async def pass_by(self, load: Load, pids: Mapping[str, int]) -> tuple[float, dict[str, dict[str, float]]]:
        """Warm up, then wait until it is over; return its seconds and what the processes used meanwhile."""
        await asyncio.sleep(load.warm_up_s)
        usage = Usage(pids)
        self.start = time.perf_counter()
        await asyncio.sleep(load.seconds)
        self.end = time.perf_counter()
        return self.end - self.start, usage.read()


class RefusedError(Exception):
    """The service said no: too much at once, or it can't just now."""


class NothingMeasuredError(Exception):
    """Too few replies came while the window was open."""


async def run_load(origin: str, load: Load, pids: Mapping[str, int]) -> dict[str, Any]:
    """Drive the service; return percentiles, replies a second, and what the processes used.

    What counts are the replies that came after the warm-up.

    Raises:
        TimeoutError: A message was not answered within ANSWER_WITHIN_S.
        NothingMeasuredError: Hardly any reply came.
    """
    measured, window, connected = Measured(), Window(), asyncio.Semaphore(0)
    limits = httpx.Limits(max_connections=50)
    async with (
        httpx.AsyncClient(base_url=origin, trust_env=False, timeout=ANSWER_WITHIN_S, limits=limits) as http,
        asyncio.TaskGroup() as group,
    ):
        for number in range(load.customers):
            group.create_task(_be_customer(http, number, load, measured, window, connected))
        for _ in range(load.customers):
            await connected.acquire()
        own_cpu_s = time.process_time()
        elapsed_s, used = await window.pass_by(load, pids)
        own_cpu_s = time.process_time() - own_cpu_s
    replies = len(measured.sent_to_reply)
    if replies < 2:
        raise NothingMeasuredError(f"{load.customers} customers had {replies} replies in {elapsed_s:.0f} s")
    cpu_ms = {name: round(figures["cpu_s"] / replies * 1000, 2) for name, figures in used.items()}
    return {
        "customers": load.customers,
        "think_s": load.think_s,
        "seconds": round(elapsed_s, 1),
        "replies": replies,
        "replies_per_s": round(replies / elapsed_s, 1),
        "accepted_to_reply": percentiles(measured.accepted_to_reply),
        "sent_to_reply": percentiles(measured.sent_to_reply),
        "conversations": measured.conversations,
        "refused": measured.refused,
        "handed_off": measured.handed_off,
        "processes": used,
        "cpu_ms_per_reply": {**cpu_ms, "driver": round(own_cpu_s / replies * 1000, 2)},
    }


async def _be_customer(
    http: httpx.AsyncClient,
    number: int,
    load: Load,
    measured: Measured,
    window: Window,
    connected: asyncio.Semaphore,
) -> None:
    thinking = random.Random(number)
    is_connected = False
    for conversation in Mix(seed=number).conversations(CONVERSATION_LENGTH):
        try:
            async with AsyncExitStack() as stack:
                socket = await open_socket(http, conversation, stack)
                measured.conversations += 1
                if not is_connected:
                    is_connected = True
                    connected.release()
                for text in conversation.messages:
                    if load.think_s:
                        await asyncio.sleep(thinking.uniform(0.5, 1.5) * load.think_s)
                    if window.is_over():
                        return
                    answer, is_with_people = await ask(socket, text)
                    if answer and window.holds(answer.replied):
                        measured.accepted_to_reply.append(answer.replied - answer.accepted)
                        measured.sent_to_reply.append(answer.replied - answer.sent)
                    if is_with_people:
                        measured.handed_off += 1
                        break
        except RefusedError:
            measured.refused += 1
            if window.is_over():
                return
            await asyncio.sleep(AFTER_REFUSAL_S)


async def open_socket(
    http: httpx.AsyncClient, conversation: Conversation, stack: AsyncExitStack
) -> ClientConnection:
    """Open a conversation and its socket, which ends with the stack. Raises RefusedError."""
    body = {"language": conversation.language, "market": conversation.market}
    response = await http.post("/api/v1/web/conversations", json=body)
    if response.status_code in (429, 503):
        raise RefusedError(response.text)
    response.raise_for_status()
    opened = response.json()
    url = str(http.base_url.join("/api/v1/web/socket").copy_with(scheme="ws"))
    # Browsers ask for compression, and so does this: it is part of the cost.
    socket = await stack.enter_async_context(connect(url, proxy=None, close_timeout=1))
    hello = {"type": "hello", "conversation_id": opened["conversation_id"], "token": opened["token"]}
    await socket.send(json.dumps({**hello, "after": 0}))
    frame = {"type": ""}
    while frame["type"] != "ready":
        frame = json.loads(await socket.recv())
        if frame["type"] == "error":
            raise RefusedError(str(frame))
    return socket


async def ask(socket: ClientConnection, text: str) -> tuple[Answer | None, bool]:
    """Send a message; return its answer, and whether people have the conversation now.

    There is no answer where the message before had handed the conversation to people.

    Raises:
        RefusedError: The service did not take the message.
        TimeoutError: No reply came within ANSWER_WITHIN_S.
    """
    message = {"type": "message", "id": str(uuid.uuid4()), "text": text}
    sent = time.perf_counter()
    await socket.send(json.dumps(message))
    accepted, own_seq, own_id = 0.0, 0, ""
    # What came, by its place in the conversation: only what follows the message itself is a reply to it, and
    # a fast reply may overtake the frame `accepted`.
    replies: dict[int, float] = {}
    left_bot_at: int | None = None
    async with asyncio.timeout(ANSWER_WITHIN_S):
        while True:
            frame = json.loads(await socket.recv())
            if frame["type"] == "error":
                raise RefusedError(str(frame))
            if frame["type"] == "accepted":
                accepted, own_seq, own_id = time.perf_counter(), frame["seq"], frame["message_id"]
            elif frame.get("kind") == "owner":
                left_bot_at = None if frame["owner"] == "bot" else frame["seq"]
            elif frame.get("kind") == "message" and frame["message"]["author"] in ("bot", "notice"):
                replies[frame["seq"]] = time.perf_counter()
            if not accepted:
                continue
            if left_bot_at is not None and left_bot_at < own_seq:
                return None, True
            replied = [moment for seq, moment in replies.items() if seq > own_seq]
            if replied:
                return Answer(own_id, sent, min(accepted, replied[0]), replied[0]), left_bot_at is not None
