"""A customer for tests: speaks the widget's own protocol against a running service."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from typing import Any

import websockets


class Customer:
    """A widget: opens a conversation over HTTP and speaks the socket's protocol."""

    def __init__(self, base_url: str, opened: dict[str, Any]) -> None:
        self.base_url = base_url
        self.conversation_id: str = opened["conversation_id"]
        self.token: str = opened["token"]
        self.seq = 0
        self.events: list[dict[str, Any]] = []
        self.frames: list[dict[str, Any]] = []
        self._socket: Any = None

    async def connect(self, after: int | None = None) -> dict[str, Any]:
        url = self.base_url.replace("http", "ws", 1) + "/api/v1/web/socket"
        self._socket = await websockets.connect(url, proxy=None)
        await self.send(
            type="hello",
            conversation_id=self.conversation_id,
            token=self.token,
            after=self.seq if after is None else after,
        )
        return await self.wait_for(lambda frame: frame["type"] in ("ready", "error"))

    async def disconnect(self) -> None:
        await self._socket.close()

    async def send(self, **frame: Any) -> None:
        await self._socket.send(json.dumps(frame))

    async def send_raw(self, raw: str | bytes) -> None:
        await self._socket.send(raw)

    async def receive(self, timeout_s: float = 5.0) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(await asyncio.wait_for(self._socket.recv(), timeout_s))
        self.frames.append(frame)
        if frame["type"] == "event":
            self.seq = max(self.seq, frame["seq"])
            self.events.append(frame)
        return frame

    async def wait_for(
        self, is_it: Callable[[dict[str, Any]], bool], timeout_s: float = 5.0
    ) -> dict[str, Any]:
        async with asyncio.timeout(timeout_s):
            while True:
                frame = await self.receive(timeout_s)
                if is_it(frame):
                    return frame

    async def say(self, text: str, message_id: str | None = None, payload: str | None = None) -> str:
        message_id = message_id or str(uuid.uuid4())
        frame = {"type": "message", "id": message_id, "text": text}
        await self.send(**frame, **({"payload": payload} if payload else {}))
        return message_id

    async def hear(self, author: str, timeout_s: float = 5.0) -> str:
        """Wait for the next message of an author; return its text."""
        frame = await self.wait_for(
            lambda frame: frame.get("kind") == "message" and frame["message"]["author"] == author, timeout_s
        )
        return str(frame["message"]["text"])

    def texts(self, author: str) -> list[str]:
        return [
            event["message"]["text"]
            for event in self.events
            if event["kind"] == "message" and event["message"]["author"] == author
        ]
