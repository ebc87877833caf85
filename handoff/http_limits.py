"""ASGI middleware: bodies and sockets have limits, responses carry security headers."""

from __future__ import annotations

import json

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from handoff.context import Services
from handoff.errors import PayloadTooLargeError, RateLimitedError
from handoff.rendering import render_error

# A page that shows or runs anything says so itself.
SECURITY_HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"permissions-policy",
        b"camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    (b"referrer-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
# A year; without the shop's other hosts, which are not ours to speak for (RFC 6797).
TRANSPORT_SECURITY = (b"strict-transport-security", b"max-age=31536000")
# Scripts, styles and pictures may be kept; what is about somebody may not.
NOT_KEPT = (b"text/html", b"application/json")
NO_STORE = (b"cache-control", b"no-store")

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


class SocketGuard:
    """Lets web sockets through only where there are any, and only so many from one address.

    Refuses before the handshake: 403, or 429 with Retry-After. The widget cannot tell one from the other and
    comes back later and later.
    """

    def __init__(self, app: ASGIApp, services: Services, paths: tuple[str, ...]) -> None:
        self._app = app
        self._services = services
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        if not scope["path"].startswith(self._paths):
            # Closing before accepting answers the handshake with 403.
            await send({"type": "websocket.close", "code": 1008})
            return
        limits = self._services.limits
        address = self._services.address_of(HTTPConnection(scope))
        try:
            limits.handshakes.check(address)
            with limits.address_sockets.hold(address):
                await self._app(scope, receive, send)
        except RateLimitedError as error:
            # Only those two: past them every socket answers errors itself.
            headers = [
                (b"retry-after", str(error.retry_after_s).encode()),
                (b"content-type", b"application/json"),
            ]
            body = json.dumps(render_error(error, "en")).encode()
            await send({"type": "websocket.http.response.start", "status": error.status, "headers": headers})
            await send({"type": "websocket.http.response.body", "body": body})


class SecurityHeadersMiddleware:
    """Adds the headers that every response should have and none has set itself."""

    def __init__(self, app: ASGIApp, *, is_secure: bool) -> None:
        self._app = app
        self._headers = (*SECURITY_HEADERS, TRANSPORT_SECURITY) if is_secure else SECURITY_HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def adding_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower(): value for name, value in message["headers"]}
                wanted = [*self._headers]
                if present.get(b"content-type", b"").startswith(NOT_KEPT):
                    wanted.append(NO_STORE)
                message["headers"] = [
                    *message["headers"],
                    *(header for header in wanted if header[0] not in present),
                ]
            await send(message)

        await self._app(scope, receive, adding_send if scope["type"] == "http" else send)
