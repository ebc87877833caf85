"""The widget's socket: frames in, events out, nothing lost and nothing twice.

The event log is the truth: after `hello` the socket sends what came after the position that the widget
knows, then whatever the bus announces; a gap is filled from the log.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from contextlib import ExitStack, suppress
from typing import Annotated, Any

from fastapi import APIRouter, Depends, WebSocket, WebSocketDisconnect
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.websockets import WebSocketDisconnected

from handoff import metrics
from handoff.bus import RESYNC, Payload, Subscription
from handoff.channels.web import service as web
from handoff.channels.web.endpoints import check_origin
from handoff.channels.web.errors import InvalidFrameError, WrongTokenError
from handoff.channels.web.payloads import (
    CustomerMessage,
    Delivered,
    Frame,
    Hello,
    LeaveQueue,
    Ping,
    Read,
    Typing,
    parse_frame,
)
from handoff.context import Services
from handoff.conversations import repository, service
from handoff.conversations.models import Conversation, Owner
from handoff.conversations.text import clean_text
from handoff.errors import DragomanError, RateLimitedError, StorageUnavailableError, UnauthorizedError
from handoff.presence import Kind
from handoff.queue import repository as queue_repository
from handoff.queue import service as queue
from handoff.rendering import render_error
from locales.languages import get_language
from telemetry import logs

logger = logging.getLogger(__name__)

router = APIRouter()

PATH = "/api/v1/web/socket"
CLOSE_UNAUTHORIZED = 4401
"""The widget forgets the conversation."""
CLOSE_REFUSED = 4403
"""The widget keeps it: the page's origin or the first frame was wrong."""
CLOSE_TOO_MANY_ERRORS = 4400
# RFC 6455, 7.4.1, and the registry that it opens.
CLOSE_GOING_AWAY, CLOSE_TRY_AGAIN_LATER = 1001, 1013
CLOSE_TOO_MANY_SOCKETS = 4429
"""The widget waits before it comes back: others show the same conversation."""
HELLO_WITHIN_S = 10.0
# The widget pings every 25 s; a socket that is silent for longer than this is half open.
SILENT_FOR_S = 70.0
SENT_WITHIN_S = 20.0
# A customer hears within 5 s whether a message has arrived; a database that hangs may take longer to say so.
CONFIRMED_WITHIN_S = 4.0
CLOSED_WITHIN_S = 2.0
MAX_BAD_FRAMES = 10


def get_socket_services(websocket: WebSocket) -> Services:
    services: Services = websocket.app.state.services
    return services


class WidgetSocket:
    """One open socket of one conversation."""

    def __init__(self, websocket: WebSocket, services: Services) -> None:
        self._websocket = websocket
        self._services = services
        self._address = services.address_of(websocket)
        self._conversation_id = uuid.UUID(int=0)
        self._contact_id = uuid.UUID(int=0)
        self._language = "en"
        self._seq = 0
        self._bad_frames = 0
        self._position: int | None = None
        """The customer's place in the queue, as last told; None when not waiting."""
        self._subscription: Subscription | None = None

    async def run(self) -> None:
        """Serve the socket until either side ends it."""
        try:
            check_origin(self._services.settings, self._websocket.headers.get("origin"))
            hello = await self._read_hello()
            async with self._services.database.reading() as session:
                conversation = await web.get_own_conversation(session, hello.conversation_id, hello.token)
        except DragomanError as error:
            await self._send(render_error(error, self._language))
            is_unknown = isinstance(error, UnauthorizedError)
            await self._websocket.close(CLOSE_UNAUTHORIZED if is_unknown else CLOSE_REFUSED)
            return
        self._conversation_id = conversation.id
        self._language = service.language_of(conversation)
        self._seq = hello.after
        self._contact_id = conversation.contact_id
        with ExitStack() as held:
            try:
                held.enter_context(self._services.limits.sockets.hold(str(conversation.id)))
            except RateLimitedError as error:
                await self._send(render_error(error, self._language))
                await self._websocket.close(CLOSE_TOO_MANY_SOCKETS)
                return
            held.enter_context(logs.bound(conversation_id=conversation.id))
            held.enter_context(metrics.SOCKETS_OPEN.track_inprogress())
            await self._serve()

    async def _serve(self) -> None:
        topic = service.conversation_topic(self._conversation_id)
        async with (
            self._services.bus.subscribe(topic) as subscription,
            self._services.presence.here(Kind.CUSTOMER, self._conversation_id),
        ):
            self._subscription = subscription
            # Subscribed first, read second: what happens in between comes twice and is told apart by its seq.
            await self._send_ready()
            await self._catch_up()
            reading = asyncio.create_task(self._read_frames())
            hearing = asyncio.create_task(self._hear(subscription))
            try:
                await asyncio.wait({reading, hearing}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                reading.cancel()
                hearing.cancel()
                await asyncio.gather(reading, hearing, return_exceptions=True)
            for task in (reading, hearing):
                if not task.cancelled():
                    # Whatever ended it is the end of the socket, and a fault of ours has to be heard of.
                    task.result()
            # Closed here, not by the reader: nothing may be sent any more by then.
            await self._websocket.close(CLOSE_TOO_MANY_ERRORS)

    async def _read_hello(self) -> Hello:
        try:
            async with asyncio.timeout(HELLO_WITHIN_S):
                frame = parse_frame(await self._receive())
        except TimeoutError:
            raise WrongTokenError("no hello") from None
        if not isinstance(frame, Hello):
            raise InvalidFrameError("the first frame is hello", problem="hello")
        return frame

    async def _receive(self) -> str | bytes:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        text: str | None = message.get("text")
        return text if text is not None else message.get("bytes") or b""

    async def _send(self, frame: dict[str, Any]) -> None:
        # A client that reads nothing any more fills the buffers, and then sending waits for ever.
        async with asyncio.timeout(SENT_WITHIN_S):
            await self._websocket.send_json(frame)

    async def _send_ready(self) -> None:
        async with self._services.database.reading() as session:
            conversation = await repository.get_conversation(session, self._conversation_id)
            self._position = await self._find_position(session, conversation)
        language = get_language(service.language_of(conversation))
        await self._send(
            {
                "type": "ready",
                "seq": conversation.last_seq,
                "conversation": {
                    **service.render_owner(conversation),
                    "language": language.tag,
                    "direction": language.direction,
                    "queue_position": self._position,
                },
            }
        )

    async def _find_position(self, session: AsyncSession, conversation: Conversation) -> int | None:
        if conversation.owner is not Owner.WAITING:
            return None
        handoff = await queue_repository.find_open_handoff(session, conversation.id)
        return await queue_repository.count_ahead(session, handoff) + 1 if handoff else None

    async def _tell_position(self, position: int | None) -> None:
        """Tell the customer their place in the queue when it is another one than before."""
        if position != self._position:
            self._position = position
            await self._send({"type": "queue", "position": position})

    async def _catch_up(self) -> None:
        while True:
            async with self._services.database.reading() as session:
                events = await service.list_rendered_events(session, self._conversation_id, self._seq)
            for event in events:
                await self._send_event(event)
            if len(events) < 500:
                return

    async def _send_event(self, event: Payload) -> None:
        self._seq = event["seq"]
        if event["kind"] == "language":
            self._language = event["language"]
        if event["kind"] == "understood":
            return
        await self._send({key: value for key, value in event.items() if key != "internal"})
        if event["kind"] == "owner" and event["owner"] != Owner.WAITING.value:
            await self._tell_position(None)

    async def _hear(self, subscription: Subscription) -> None:
        async for payload in subscription:
            await self._pass_on(payload)

    async def _pass_on(self, payload: Payload) -> None:
        if payload == RESYNC:
            await self._catch_up()
        elif payload["type"] == "queue":
            await self._tell_position(payload["position"])
        elif payload["type"] == "trouble":
            await self._send(render_error(StorageUnavailableError(), self._language))
        elif payload["type"] != "event":
            if payload["type"] == "typing" and payload["who"] != "customer":
                await self._send(payload)
        elif payload["seq"] == self._seq + 1:
            await self._send_event(payload)
        elif payload["seq"] > self._seq:
            await self._catch_up()

    async def _read_frames(self) -> None:
        """Handle what comes; return when too much of it was no frame."""
        while True:
            async with asyncio.timeout(SILENT_FOR_S):
                raw = await self._receive()
            frame: Frame | None = None
            try:
                frame = parse_frame(raw)
                await self._handle(frame, raw)
            except DragomanError as error:
                rendered = render_error(error, self._language)
                if isinstance(frame, CustomerMessage):
                    rendered["id"] = frame.id
                await self._send(rendered)
                if isinstance(error, InvalidFrameError):
                    self._bad_frames += 1
                if self._bad_frames >= MAX_BAD_FRAMES:
                    return
                if isinstance(error, RateLimitedError):
                    # Reading on more slowly is the back-pressure that a flood gets.
                    await asyncio.sleep(0.2)

    async def _check_limits(self, frame: Frame) -> None:
        """Raises RateLimitedError when conversation, contact or address send too much, or all do together."""
        limits = self._services.limits
        if not isinstance(frame, CustomerMessage):
            limits.frames.check(str(self._conversation_id))
            return
        limits.address_messages.check(self._address)
        limits.messages.check(f"contact:{self._contact_id}")
        await limits.backpressure.check()

    async def _handle(self, frame: Frame, raw: str | bytes) -> None:
        if isinstance(frame, CustomerMessage):
            await self._receive_in_time(frame, raw)
            return
        await self._check_limits(frame)
        if isinstance(frame, Typing):
            await self._services.bus.publish(
                service.conversation_topic(self._conversation_id),
                {"type": "typing", "who": "customer", "name": None},
            )
        elif isinstance(frame, Delivered | Read):
            await self._note_receipt(frame)
        elif isinstance(frame, LeaveQueue):
            async with self._services.database.transaction() as session:
                conversation = await repository.lock_conversation(session, self._conversation_id)
                traits = self._services.channels.get_traits(conversation.channel)
                await queue.leave_queue(session, conversation, traits)
        elif isinstance(frame, Ping):
            await self._send({"type": "pong"})
            if self._subscription is not None:
                # What another process wrote, and died before it told anybody, is found now and then.
                self._subscription.put(RESYNC)
        else:
            raise InvalidFrameError("hello comes once", problem="hello")

    async def _receive_in_time(self, frame: CustomerMessage, raw: str | bytes) -> None:
        """Receive a message; raise StorageUnavailableError when that takes too long: the widget repeats it.

        What has begun goes on, also without the socket: letting go of a connection that hangs takes time.
        """
        receiving = asyncio.create_task(self._receive_message(frame, raw))
        try:
            await asyncio.wait({receiving}, timeout=CONFIRMED_WITHIN_S)
        finally:
            if not receiving.done():
                _abandoned.add(receiving)
                receiving.add_done_callback(_note_abandoned)
        if not receiving.done():
            raise StorageUnavailableError("not confirmed in time")
        receiving.result()

    async def _receive_message(self, frame: CustomerMessage, raw: str | bytes) -> None:
        await self._check_limits(frame)
        self._services.limits.messages.check(str(self._conversation_id))
        text = clean_text(frame.text, self._services.settings.max_text_characters)
        body = raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass")
        message = await self._services.intake.receive(
            self._conversation_id, vendor_message_id=frame.id, text=text, payload=frame.payload, body=body
        )
        await self._send(
            {"type": "accepted", "id": frame.id, "message_id": str(message.id), "seq": message.seq}
        )

    async def _note_receipt(self, frame: Delivered | Read) -> None:
        async with self._services.database.transaction() as session:
            conversation = await repository.lock_conversation(session, self._conversation_id)
            seq = min(frame.seq, conversation.last_seq)
            conversation.customer_delivered_seq = max(conversation.customer_delivered_seq, seq)
            if isinstance(frame, Read):
                conversation.customer_read_seq = max(conversation.customer_read_seq, seq)
            receipt = {
                "type": "receipt",
                "delivered": conversation.customer_delivered_seq,
                "read": conversation.customer_read_seq,
            }
        await self._services.bus.publish(service.conversation_topic(self._conversation_id), receipt)


@router.websocket(PATH)
async def widget_socket(
    websocket: WebSocket, services: Annotated[Services, Depends(get_socket_services)]
) -> None:
    await websocket.accept()
    try:
        await WidgetSocket(websocket, services).run()
    except (WebSocketDisconnect, WebSocketDisconnected):
        logger.debug("widget socket closed by the customer's side")
    except TimeoutError:
        logger.debug("widget socket was silent, or read nothing, and is closed")
        await _close(websocket, CLOSE_GOING_AWAY)
    except StorageUnavailableError as error:
        # The widget comes back, and asks for what it has missed.
        logger.warning("widget socket is closed, the database is away: %s", error.detail)
        await _close(websocket, CLOSE_TRY_AGAIN_LATER)


_abandoned: set[asyncio.Task[None]] = set()
"""What nobody waits for any more, held until it is over."""


def _note_abandoned(receiving: asyncio.Task[None]) -> None:
    _abandoned.discard(receiving)
    error = None if receiving.cancelled() else receiving.exception()
    if error is not None:
        logger.warning("a message was received too late, or not at all: %r", error)


async def _close(websocket: WebSocket, code: int) -> None:
    with suppress(TimeoutError):
        # Who does not read does not hear of this either; the connection ends with the request.
        async with asyncio.timeout(CLOSED_WITHIN_S):
            await websocket.close(code)
