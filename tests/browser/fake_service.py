"""A small, faithful stand-in for the service, as far as the website widget sees it.

It keeps conversations in memory, speaks the widget's protocol to the letter, and has a scripted bot and an
agent whom the test plays. It shares the widget's source and catalogues with the real service, nothing else.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import socket
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import HTMLResponse, JSONResponse

from handoff.channels.web.widget import CONTENT_TYPE, widget_etag, widget_script
from locales import catalogue, languages

IDENTITY_KEY = b"only for tests"
CLOSED_UNAUTHORIZED = 4401
LONGEST_MESSAGE = 4000
# A shop that allows nothing inline: what the widget must get along with.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self' http://127.0.0.1:*; style-src 'self'; "
    "connect-src 'self' http://127.0.0.1:* ws://127.0.0.1:*"
)
GREETING = "Hello, I am the assistant. How can I help?"


def sign_identity(identity: str, email: str, name: str) -> str:
    """Sign as the fake verifies; the real service has its own way."""
    return hmac.new(IDENTITY_KEY, f"{identity}\n{email}\n{name}".encode(), hashlib.sha256).hexdigest()


def words_for(language: str) -> dict[str, str]:
    """Return the widget's words; English ones where the language's writer has not come yet."""
    try:
        return catalogue.words("widget", language)
    except FileNotFoundError:
        return catalogue.words("widget", "en")


@dataclass
class FakeConversation:
    """One customer's conversation: its events in order and the sockets that follow it."""

    language: str
    market: str | None
    page: str | None
    identity: dict[str, str] | None
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    events: list[dict[str, Any]] = field(default_factory=list)
    accepted: dict[str, dict[str, Any]] = field(default_factory=dict)
    frames: list[dict[str, Any]] = field(default_factory=list)
    sockets: set[WebSocket] = field(default_factory=set)
    owner: str = "bot"
    agent: dict[str, str] | None = None
    queue_position: int | None = None

    def messages(self, author: str) -> list[str]:
        """Return the texts that an author wrote, in the stored order."""
        stored = [event["message"] for event in self.events if event["kind"] == "message"]
        return [message["text"] for message in stored if message["author"] == author]

    def received(self, kind: str) -> list[dict[str, Any]]:
        """Return the client's frames of a type."""
        return [frame for frame in self.frames if frame["type"] == kind]


class FakeService:
    """The application, and the handles by which a test plays agent, bot and bad luck."""

    def __init__(self) -> None:
        self.conversations: dict[str, FakeConversation] = {}
        self.refuses_sockets = False
        self.loses_confirmations = 0
        self.next_errors: list[dict[str, Any]] = []
        self.age = timedelta(0)
        self.app = FastAPI()
        self.app.add_middleware(
            CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["content-type"]
        )
        self.app.get("/widget.js")(self._script)
        self.app.get("/shop")(self._shop)
        self.app.get("/api/v1/web/words/{language}")(self._words)
        self.app.post("/api/v1/web/conversations", status_code=201)(self._create)
        self.app.websocket("/api/v1/web/socket")(self._socket)
        self._loop: asyncio.AbstractEventLoop | None = None

    # ---- what a test does ----

    @property
    def last(self) -> FakeConversation:
        return list(self.conversations.values())[-1]

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine of this class on the server's loop and wait for it."""
        assert self._loop is not None, "the server is not running"
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=5)

    async def say(self, conversation: FakeConversation, author: str, text: str, **more: Any) -> None:
        """Let bot, agent or notice speak."""
        await self._append(conversation, "message", message=self._message(author, text, conversation, **more))

    async def set_owner(
        self,
        conversation: FakeConversation,
        owner: str,
        agent: str | None = None,
        position: int | None = None,
    ) -> None:
        conversation.owner = owner
        conversation.agent = {"name": agent} if agent else None
        conversation.queue_position = position
        await self._append(conversation, "owner", owner=owner, agent=conversation.agent)
        if position is not None:
            await self.broadcast(conversation, {"type": "queue", "position": position})

    async def set_language(self, conversation: FakeConversation, language: str) -> None:
        conversation.language = language
        direction = languages.get_language(language).direction
        await self._append(conversation, "language", language=language, direction=direction)

    async def append(self, conversation: FakeConversation, kind: str, **more: Any) -> None:
        await self._append(conversation, kind, **more)

    async def broadcast(self, conversation: FakeConversation, frame: dict[str, Any]) -> None:
        for client in list(conversation.sockets):
            await client.send_json(frame)

    async def drop_sockets(self, conversation: FakeConversation) -> None:
        for client in list(conversation.sockets):
            await client.close(1012)

    # ---- plain HTTP ----

    async def _script(self) -> Response:
        return Response(widget_script(), media_type=CONTENT_TYPE, headers={"ETag": widget_etag()})

    async def _shop(self, request: Request) -> Response:
        """A shop's page; its query becomes the tag's data attributes, `page` and `dir` are the page's own."""
        query = dict(request.query_params)
        language, direction = query.pop("page", "en"), query.pop("dir", "ltr")
        origin = f"http://127.0.0.1:{request.url.port}"
        data = " ".join(f"data-{name}='{value}'" for name, value in query.items())
        html = (
            f"<!doctype html><html lang={language} dir={direction}><meta charset=utf-8><title>Shop</title>"
            "<meta name=viewport content='width=device-width'><h1>Shop</h1><button id=before>Buy</button>"
            f"<script src='{origin}/widget.js' {data} async></script></html>"
        )
        return HTMLResponse(html, headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})

    async def _words(self, language: str) -> Response:
        found = languages.find_language(language)
        if found is None:
            return JSONResponse({"code": "unknown_language"}, status_code=404)
        return JSONResponse(
            {
                "language": found.tag,
                "direction": found.direction,
                "locale": found.locale.replace("_", "-"),
                "words": words_for(found.tag),
            }
        )

    async def _create(self, request: Request) -> Response:
        body = await request.json()
        identity = body["identity"]
        if identity:
            expected = sign_identity(identity["id"], identity["email"], identity["name"])
            if not hmac.compare_digest(expected, identity["signature"]):
                return JSONResponse({"code": "invalid_signature"}, status_code=401)
        conversation = FakeConversation(body["language"] or "en", body["market"], body["page"], identity)
        self.conversations[conversation.id] = conversation
        await self.say(conversation, "bot", GREETING)
        answer = {
            "conversation_id": conversation.id,
            "token": conversation.token,
            "language": conversation.language,
        }
        return JSONResponse(answer, status_code=201)

    # ---- the socket ----

    async def _socket(self, client: WebSocket) -> None:
        await client.accept()
        if self.refuses_sockets:
            await client.close(1013)
            return
        hello = await client.receive_json()
        conversation = self.conversations.get(hello["conversation_id"])
        if conversation is None or conversation.token != hello["token"]:
            await client.send_json(
                {"type": "error", "code": "unauthorized", "message": "Unknown conversation"}
            )
            await client.close(CLOSED_UNAUTHORIZED)
            return
        await client.send_json(self._ready(conversation))
        for event in conversation.events[hello["after"] :]:
            await client.send_json(event)
        conversation.sockets.add(client)
        try:
            while True:
                await self._receive(conversation, client, await client.receive_json())
        except WebSocketDisconnect:
            pass  # the page went away; its conversation stays
        finally:
            conversation.sockets.discard(client)

    def _ready(self, conversation: FakeConversation) -> dict[str, Any]:
        return {
            "type": "ready",
            "seq": len(conversation.events),
            "conversation": {
                "owner": conversation.owner,
                "agent": conversation.agent,
                "language": conversation.language,
                "direction": languages.get_language(conversation.language).direction,
                "queue_position": conversation.queue_position,
            },
        }

    async def _receive(
        self, conversation: FakeConversation, client: WebSocket, frame: dict[str, Any]
    ) -> None:
        conversation.frames.append(frame)
        if frame["type"] == "ping":
            await client.send_json({"type": "pong"})
        elif frame["type"] == "message":
            await self._accept(conversation, client, frame)
        elif frame["type"] == "leave_queue":
            await self.set_owner(conversation, "bot")
            await self.say(conversation, "notice", "You left the queue.")

    async def _accept(self, conversation: FakeConversation, client: WebSocket, frame: dict[str, Any]) -> None:
        if self.next_errors:
            await client.send_json({"type": "error", "id": frame["id"], **self.next_errors.pop(0)})
            return
        is_new = frame["id"] not in conversation.accepted
        if is_new:
            message = self._message("customer", frame["text"], conversation, client_id=frame["id"])
            conversation.accepted[frame["id"]] = {
                "type": "accepted",
                "id": frame["id"],
                "message_id": message["id"],
                "seq": len(conversation.events) + 1,
            }
            if self.loses_confirmations:
                self.loses_confirmations -= 1
                conversation.sockets.discard(client)
                await self._append(conversation, "message", message=message)
                await client.close(1012)
                return
            await self._append(conversation, "message", message=message)
        await client.send_json(conversation.accepted[frame["id"]])
        if is_new and conversation.owner in ("bot", "closed"):
            await self._answer(conversation, frame)

    async def _answer(self, conversation: FakeConversation, frame: dict[str, Any]) -> None:
        """The scripted bot."""
        message_id = conversation.accepted[frame["id"]]["message_id"]
        await self._append(conversation, "delivery", message_id=message_id, state="read")
        await self.broadcast(conversation, {"type": "typing", "who": "bot", "name": None})
        if frame.get("payload"):
            await self.say(conversation, "bot", f"Payload: {frame['payload']}")
        elif frame["text"] == "menu":
            buttons = [
                {"title": "Track my order", "payload": "/track_order"},
                {"title": "Return an item", "payload": "/faq/return_policy"},
            ]
            await self.say(conversation, "bot", "What is it about?", buttons=buttons)
        elif frame["text"] == "human":
            await self.say(conversation, "notice", "We are looking for someone for you.")
            await self.set_owner(conversation, "waiting", position=2)
        elif frame["text"] == "בעברית בבקשה":
            await self.set_language(conversation, "he")
            await self.say(conversation, "bot", "בשמחה, נמשיך בעברית.")
        else:
            await self.say(conversation, "bot", f"You said: {frame['text']}")

    def _message(self, author: str, text: str, conversation: FakeConversation, **more: Any) -> dict[str, Any]:
        language = more.pop("language", conversation.language)
        return {
            "id": secrets.token_hex(8),
            "client_id": None,
            "author": author,
            "name": None,
            "text": text,
            "buttons": [],
            "language": language,
            "direction": languages.get_language(language).direction,
            **more,
        }

    async def _append(self, conversation: FakeConversation, kind: str, **more: Any) -> None:
        at = (datetime.now(UTC) - self.age).isoformat()
        event = {"type": "event", "seq": len(conversation.events) + 1, "kind": kind, "at": at, **more}
        conversation.events.append(json.loads(json.dumps(event)))
        await self.broadcast(conversation, event)

    # ---- running it ----

    def serve(self) -> RunningService:
        return RunningService(self)


class RunningService:
    """Context manager: the fake on a free port of 127.0.0.1, in a thread of its own."""

    def __init__(self, service: FakeService) -> None:
        self.service = service
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        self._server = uvicorn.Server(uvicorn.Config(service.app, log_level="warning", lifespan="off"))
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        async def main() -> None:
            self.service._loop = asyncio.get_running_loop()
            await self._server.serve(sockets=[self._listener])

        asyncio.run(main())

    def __enter__(self) -> RunningService:
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the fake service did not start"
            threading.Event().wait(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(timeout=5)
