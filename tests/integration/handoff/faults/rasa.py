"""Rasa's side of the contract over real HTTP, in whatever state a test wants it."""

from __future__ import annotations

import asyncio
import enum
import json
from dataclasses import dataclass, field

from aiohttp import web

from handoff.bot_client import TurnRequest
from handoff.testing import make_result
from scripts.processes import free_port


class State(enum.StrEnum):
    WELL = "well"
    DOWN = "down"
    """Nothing listens."""
    SLOW = "slow"
    """Answers after `Rasa.slow_s`."""
    HANGING = "hanging"
    """Takes the call and says nothing."""
    UNAVAILABLE = "unavailable"
    """503, as a proxy says it, or Rasa while it loads its model."""
    ACTIONS_DOWN = "actions down"
    """503 for one turn: it is there, and its action server is not."""
    ERROR = "error"
    RUBBISH = "rubbish"
    WRONG_SCHEMA = "wrong schema"
    TRUNCATED = "truncated"
    OTHERS_ANSWER = "the answer to another message"
    REDIRECTING = "redirecting"


WRONG = (State.ERROR, State.RUBBISH, State.WRONG_SCHEMA, State.OTHERS_ANSWER, State.REDIRECTING)
"""It answers, but nothing that helps."""


def reply_to(text: str) -> str:
    return f"echo: {text}"


@dataclass
class Rasa:
    """Answers `echo: …`, the same for a repeated message id; `only` has a state for some texts alone."""

    state: State = State.WELL
    slow_s: float = 10.0
    only: dict[str, State] = field(default_factory=dict)
    calls: list[TurnRequest] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    """The texts of the messages that were answered sensibly, each once."""
    port: int = field(default_factory=free_port)
    _runner: web.AppRunner | None = None
    _said: dict[str, str] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def become(self, state: State) -> None:
        """Change for calls to come, and for those under way."""
        self.state = state
        self._changed.set()
        self._changed = asyncio.Event()
        if state is State.DOWN:
            await self.close()
        elif self._runner is None:
            await self._listen()

    async def close(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            self._changed.set()
            await runner.cleanup()

    async def _listen(self) -> None:
        app = web.Application()
        app.router.add_get("/webhooks/service/", self._health)
        app.router.add_post("/webhooks/service/turn", self._turn)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _turn(self, http: web.Request) -> web.StreamResponse:
        request = TurnRequest.model_validate_json(await http.read())
        self.calls.append(request)
        state = self.only.get(request.text, self.state)
        if state is State.HANGING or state is State.SLOW:
            try:
                async with asyncio.timeout(self.slow_s if state is State.SLOW else None):
                    await self._changed.wait()
            except TimeoutError:
                state = State.WELL
            else:
                state = self.state
        if state is State.TRUNCATED:
            assert http.transport
            http.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b'{"message_id": "')
            http.transport.close()
            return web.Response()
        if state is State.UNAVAILABLE:
            return web.Response(status=503, text="<h1>503 Service Unavailable</h1>")
        if state is State.ACTIONS_DOWN:
            return web.json_response({"code": "turn_failed", "message": "ClientConnectorError"}, status=503)
        if state is State.ERROR:
            return web.json_response({"code": "internal_error", "message": "KeyError"}, status=500)
        if state is State.RUBBISH:
            return web.Response(body=b"\xff\xfe<html>", content_type="text/html")
        if state is State.WRONG_SCHEMA:
            return web.json_response({"message_id": request.message_id, "replies": {"text": "Hello"}})
        if state is State.REDIRECTING:
            return web.Response(status=307, headers={"Location": f"{self.url}/elsewhere"})
        said = self._answer(request)
        if state is State.OTHERS_ANSWER:
            said = json.dumps({**json.loads(said), "message_id": "another"})
        return web.Response(text=said, content_type="application/json")

    def _answer(self, request: TurnRequest) -> str:
        if request.message_id not in self._said:
            self.answered.append(request.text)
            result = make_result(request, reply_to(request.text))
            self._said[request.message_id] = result.model_dump_json()
        return self._said[request.message_id]
