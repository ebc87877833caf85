"""A customer who never gives up: reconnects, says again what was not accepted, keeps book of everything."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import websockets

from handoff.channels.web.verification import sign_identity
from tests.cluster.questions import Persona, Question

RECONNECT_AFTER_S = 0.2
# A refused message is said again after this.
REPEAT_AFTER_S = 0.5


@dataclass
class Said:
    """One message, and what its sender heard of it. Moments are of the monotonic clock."""

    id: str
    question: Question
    at: float
    message_id: str | None = None
    accepted_at: float | None = None
    settled_at: float | None = None
    """When it was answered, or the conversation went to people."""


@dataclass
class Visitor:
    """Asks questions one by one, or `burst` at a time, and waits until all of them are settled.

    Handed to people (the bot was away for long), the visitor leaves the queue and goes on.
    """

    origin: str
    number: int
    persona: Persona
    identity_secret: str
    burst: int
    said: list[Said] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """Codes of the errors that the service sent, and what happened to calls that open a conversation."""
    refusals: int = 0
    """How often a message was refused and had to be said again."""
    connections: int = 0
    conversation_id: str = ""
    owner: str = "bot"
    _token: str = ""
    _seq: int = 0
    _socket: Any = None

    @property
    def address(self) -> str:
        """The visitor's own loopback address: limits by address hold for everybody apart."""
        return f"127.7.{self.number // 250}.{self.number % 250 + 1}"

    async def arrive(self) -> None:
        """Open a conversation, however often it takes."""
        persona = self.persona
        # The order is found by the address; the contact is each visitor's own, as are the limits by contact.
        contact_id = f"{persona.vendor_contact_id}-{self.number}"
        signature = sign_identity(self.identity_secret, contact_id, persona.email)
        identity = {"id": contact_id, "email": persona.email, "signature": signature}
        body = {"language": persona.language, "market": persona.market, "identity": identity}
        while True:
            try:
                status, answer = await asyncio.to_thread(self._post, "/api/v1/web/conversations", body)
                if status == 201:
                    break
                self.errors.append(f"open: {status}")
            except (OSError, http.client.HTTPException) as error:
                self.errors.append(f"open: {type(error).__name__}")
            await asyncio.sleep(REPEAT_AFTER_S)
        opened = json.loads(answer)
        self.conversation_id, self._token = opened["conversation_id"], opened["token"]

    def _post(self, path: str, body: dict[str, Any]) -> tuple[int, bytes]:
        # A client of httpx costs tens of milliseconds to make: too much for hundreds of visitors.
        place = urllib.parse.urlsplit(self.origin)
        connection = http.client.HTTPConnection(
            place.hostname or "", place.port, timeout=10, source_address=(self.address, 0)
        )
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    async def talk(self, is_over: Callable[[], bool], think: Callable[[], float]) -> None:
        """Ask until it is over; `think` says how many seconds to wait before the next question."""
        questions: Iterator[Question] = itertools.cycle(self.persona.questions)
        await asyncio.sleep(think())
        await self.arrive()
        while not is_over():
            batch = [self._note(next(questions)) for _ in range(self.burst)]
            await self._until(lambda batch=batch: all(said.settled_at for said in batch), say=batch)
            if self.owner == "waiting":
                await self._until(lambda: self.owner == "bot", leave=True)
            await self._until(lambda: False, timeout_s=think())

    async def catch_up(self, last_seq: int, timeout_s: float) -> None:
        """Hear everything up to a position of the log; returns too when the time is over."""
        await self._until(lambda: self._seq >= last_seq, timeout_s=timeout_s)

    async def leave(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            await self._socket.close()
            self._socket = None

    def _note(self, question: Question) -> Said:
        said = Said(f"{self.number}-{len(self.said)}", question, time.monotonic())
        self.said.append(said)
        return said

    async def _until(
        self,
        is_so: Callable[[], bool],
        *,
        say: list[Said] | None = None,
        leave: bool = False,
        timeout_s: float | None = None,
    ) -> None:
        """Listen until something is so, over as many sockets as it takes, saying what is to be said."""
        deadline = time.monotonic() + timeout_s if timeout_s is not None else None
        is_to_say = True
        while not is_so():
            left_s = deadline - time.monotonic() if deadline is not None else None
            if left_s is not None and left_s <= 0:
                return
            try:
                if self._socket is None:
                    await self._connect()
                    is_to_say = True
                if is_to_say:
                    is_to_say = False
                    await self._say(say or [], leave)
                refused = await self._hear(left_s)
            except (OSError, TimeoutError, websockets.WebSocketException) as error:
                if left_s is not None and isinstance(error, TimeoutError) and self._socket is not None:
                    continue
                await self.leave()
                await asyncio.sleep(RECONNECT_AFTER_S)
            else:
                if refused:
                    await asyncio.sleep(REPEAT_AFTER_S)
                    is_to_say = True

    async def _connect(self) -> None:
        url = self.origin.replace("http", "ws", 1) + "/api/v1/web/socket"
        socket = await websockets.connect(url, proxy=None, local_addr=(self.address, 0), open_timeout=5)
        hello = {"type": "hello", "conversation_id": self.conversation_id, "token": self._token}
        try:
            await socket.send(json.dumps({**hello, "after": self._seq}))
        except BaseException:
            await socket.close()
            raise
        self._socket = socket
        self.connections += 1

    async def _say(self, messages: list[Said], leave: bool) -> None:
        for said in messages:
            if said.accepted_at is None:
                frame = {"type": "message", "id": said.id, "text": said.question.text}
                await self._socket.send(json.dumps(frame))
        if leave and self.owner == "waiting":
            await self._socket.send(json.dumps({"type": "leave_queue"}))

    async def _hear(self, timeout_s: float | None) -> bool:
        """Take in one frame; return whether it refuses a message."""
        frame: dict[str, Any] = json.loads(await asyncio.wait_for(self._socket.recv(), timeout_s))
        now = time.monotonic()
        if frame["type"] == "ready":
            self.owner = frame["conversation"]["owner"]
        elif frame["type"] == "accepted":
            said = next(said for said in self.said if said.id == frame["id"])
            said.message_id, said.accepted_at = frame["message_id"], said.accepted_at or now
            if self.owner == "waiting":
                said.settled_at = said.settled_at or now
        elif frame["type"] == "event":
            self._take_in(frame, now)
        elif frame["type"] == "error":
            self.errors.append(frame["code"])
            self.refusals += "id" in frame
            return True
        return False

    def _take_in(self, event: dict[str, Any], now: float) -> None:
        self.events.append(event)
        self._seq = max(self._seq, event["seq"])
        open_messages = [said for said in self.said if said.settled_at is None]
        if event["kind"] == "owner":
            self.owner = event["owner"]
            if self.owner == "waiting":
                for said in open_messages:
                    if said.accepted_at:
                        said.settled_at = now
        elif event["kind"] == "delivery" and event["state"] == "read":
            # The replies are written in the same transaction and follow at once.
            for said in open_messages:
                if said.message_id == event["message_id"]:
                    said.settled_at = now
        elif event["kind"] == "message" and event["message"]["author"] == "customer":
            # The acknowledgement may have been lost with a socket; the log has the message all the same.
            for said in open_messages:
                if said.id == event["message"]["client_id"]:
                    said.message_id, said.accepted_at = event["message"]["id"], said.accepted_at or now
