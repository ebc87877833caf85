"""A Rasa that has whatever trouble a test wants: real HTTP on loopback, in front of it the real client."""

from __future__ import annotations

import asyncio
import enum
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from handoff.bot_client import TurnRequest
from handoff.testing import echo
from scripts.processes import free_port


class Trouble(enum.StrEnum):
    NONE = "none"
    AWAY = "away"
    """Nothing listens."""
    SLOW = "slow"
    """The first answer to a message takes `slow_s`; asked again, it is the same work that is waited for."""
    HANGS = "hangs"
    """Takes the call and never says a word."""
    UNAVAILABLE = "unavailable"
    """A proxy says 503."""
    ACTIONS_AWAY = "actions_away"
    """The bot itself says that this turn failed: its action server is away."""
    FAILS = "fails"
    """500."""
    RUBBISH = "rubbish"
    """Half a JSON document."""
    WRONG_SCHEMA = "wrong_schema"
    MIXED_UP = "mixed_up"
    """Gives the answer to somebody else's message."""
    REDIRECTS = "redirects"
    """Sends the caller elsewhere, and from there too."""
    TRUNCATED = "truncated"
    """Promises more bytes than it sends."""


PASSING = (
    Trouble.AWAY,
    Trouble.SLOW,
    Trouble.HANGS,
    Trouble.UNAVAILABLE,
    Trouble.TRUNCATED,
    Trouble.ACTIONS_AWAY,
)
"""What may be over when the bot is asked again."""
LASTING = (
    Trouble.FAILS,
    Trouble.RUBBISH,
    Trouble.WRONG_SCHEMA,
    Trouble.MIXED_UP,
    Trouble.REDIRECTS,
)


class FakeRasa:
    """Answers as `handoff.testing.echo` does, once it is well; remembers what it said."""

    def __init__(self, slow_s: float = 10.0) -> None:
        self.port = free_port()
        self.slow_s = slow_s
        self.calls: list[str] = []
        """Ids of the messages it was asked about, one a call."""
        self.untroubled: set[str] = set()
        """Texts that it answers whatever the trouble is."""
        self._trouble = Trouble.NONE
        self._is_over = asyncio.Event()
        self._done_at: dict[str, float] = {}
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def set_trouble(self, trouble: Trouble) -> None:
        """Begin another trouble; calls that hang or crawl are answered when it is none."""
        self._trouble = trouble
        if trouble is Trouble.NONE:
            self._is_over.set()
        else:
            self._is_over.clear()
        if trouble is Trouble.AWAY:
            await self.stop()
        elif self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").lower()
                length = int(head.partition("content-length:")[2].partition("\r\n")[0] or 0)
                await self._answer(await reader.readexactly(length), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            # The caller, or this server, has hung up.
            return
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        if not body:
            _write(writer, 200, b"{}")
            return
        request = TurnRequest.model_validate_json(body)
        self.calls.append(request.message_id)
        now = asyncio.get_running_loop().time
        done_at = self._done_at.setdefault(request.message_id, now() + self.slow_s)
        if self._trouble is Trouble.SLOW:
            await self._until_over(done_at - now())
        elif self._trouble is Trouble.HANGS:
            await self._until_over(None)
        answer = echo(request).model_dump_json().encode()
        if request.text in self.untroubled:
            _write(writer, 200, answer)
            return
        if self._trouble is Trouble.UNAVAILABLE:
            _write(writer, 503, b"no upstream")
        elif self._trouble is Trouble.ACTIONS_AWAY:
            _write(writer, 503, b'{"code": "turn_failed"}')
        elif self._trouble is Trouble.FAILS:
            _write(writer, 500, b"oops")
        elif self._trouble is Trouble.RUBBISH:
            _write(writer, 200, answer[: len(answer) // 2])
        elif self._trouble is Trouble.WRONG_SCHEMA:
            document: dict[str, Any] = json.loads(answer)
            del document["understanding"]
            _write(writer, 200, json.dumps(document).encode())
        elif self._trouble is Trouble.MIXED_UP:
            document = json.loads(answer)
            document["message_id"] = "another"
            _write(writer, 200, json.dumps(document).encode())
        elif self._trouble is Trouble.REDIRECTS:
            writer.write(b"HTTP/1.1 307 X\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
        elif self._trouble is Trouble.TRUNCATED:
            _write(writer, 200, answer[:40], promised=len(answer))
            writer.close()
        else:
            _write(writer, 200, answer)

    async def _until_over(self, most_s: float | None) -> None:
        try:
            async with asyncio.timeout(most_s):
                await self._is_over.wait()
        except TimeoutError:
            return


def _write(writer: asyncio.StreamWriter, status: int, body: bytes, promised: int | None = None) -> None:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {promised or len(body)}"
    writer.write(head.encode() + b"\r\n\r\n" + body)


@asynccontextmanager
async def fake_rasa(trouble: Trouble = Trouble.NONE, slow_s: float = 10.0) -> AsyncIterator[FakeRasa]:
    rasa = FakeRasa(slow_s)
    await rasa.set_trouble(trouble)
    try:
        yield rasa
    finally:
        await rasa.stop()
