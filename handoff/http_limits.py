"""ASGI middleware: request bodies have a size limit, responses carry security headers."""

from __future__ import annotations

import json

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from handoff.errors import PayloadTooLargeError
from handoff.rendering import render_error

SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)


# So much of a refused body is read and thrown away: a client that is still sending hears the answer.
DRAIN_BYTES = 32 * 1024 * 1024


class _TooLargeError(Exception):
    """Read past the limit; whatever the application answers, the middleware says 413."""


class BodyLimitMiddleware:
    """Answers 413 to bodies that are longer than `max_bytes`, announced or not."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._max_bytes:
            await _refuse(receive, send)
            return
        received = 0
        is_too_large = False

        async def limited_receive() -> Message:
            nonlocal received, is_too_large
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                is_too_large = True
                raise _TooLargeError
            return message

        async def guarded_send(message: Message) -> None:
            # The framework turns an error while reading into an answer of its own; ours is the true one.
            if not is_too_large:
                await send(message)

        try:
            await self._app(scope, limited_receive, guarded_send)
        except _TooLargeError:
            is_too_large = True
        if is_too_large:
            await _refuse(receive, send)


async def _refuse(receive: Receive, send: Send) -> None:
    drained = 0
    while drained <= DRAIN_BYTES:
        message = await receive()
        drained += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            break
    body = json.dumps(render_error(PayloadTooLargeError(), "en")).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class SecurityHeadersMiddleware:
    """Adds the headers that every response should have and none has set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def adding_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(header for header in SECURITY_HEADERS if header[0] not in present),
                ]
            await send(message)

        await self._app(scope, receive, adding_send if scope["type"] == "http" else send)
