"""What stands before NiceGUI: nobody without a session gets past it, and pages leave with a strict policy.

Plain ASGI, so that web sockets go through it as well.
"""

from __future__ import annotations

import re
import secrets
from urllib.parse import quote, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from handoff.agents import service as agents
from handoff.agents.endpoints import SESSION_COOKIE
from handoff.agents.service import SignedIn
from handoff.console.assets import FOR_EVER
from handoff.console.words import find_console_language, web_locale
from handoff.context import Services
from handoff.errors import NotFoundError, UnauthorizedError
from locales.languages import Language

SIGN_IN_PATH = "/console/sign-in"
# Below /console.
PAGE = re.compile(r"/(conversations/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?")
# NiceGUI's own scripts and styles, the same for everybody, under an address with its version.
LIBRARY = re.compile(r"/_nicegui/[^/]+/(static|libraries|components|esm)/.+")
SOCKET = "/_nicegui_ws/"

# 'unsafe-eval': Vue compiles its templates and NiceGUI its event handlers in the browser; 'unsafe-inline' for
# styles: Quasar sets style attributes. No inline script runs without the response's nonce.
POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
HEADERS = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin"}

_HTML_TAG = re.compile(r"<html[^>]*>")
_SCRIPT_TAG = re.compile(r"<script(?=[\s>])")


class ConsoleGate:
    """Passes on what a signed-in agent asks for; `state` then holds `services`, `signed_in` and `token`."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if scope["type"] == "websocket":
            await self._pass_socket(connection, path, receive, send)
        elif LIBRARY.fullmatch(path):
            await self._app(scope, receive, _with_headers(send, {"Cache-Control": FOR_EVER}))
        elif PAGE.fullmatch(path):
            await self._pass_page(connection, path, receive, send)
        else:
            raise NotFoundError(path)

    async def _pass_socket(self, connection: HTTPConnection, path: str, receive: Receive, send: Send) -> None:
        is_ours = path.startswith(SOCKET) and _is_same_origin(
            connection, self._services.settings.public_origin
        )
        if not is_ours or await self._sign_in(connection) is None:
            # Closing before accepting answers the handshake with 403.
            await send({"type": "websocket.close", "code": 1008})
            return
        await self._app(connection.scope, receive, send)

    async def _pass_page(self, connection: HTTPConnection, path: str, receive: Receive, send: Send) -> None:
        scope = connection.scope
        signed_in = await self._sign_in(connection)
        if signed_in is None:
            target = f"{SIGN_IN_PATH}?next={quote('/console' + path)}"
            await RedirectResponse(target, status_code=303)(scope, receive, send)
            return
        # Each page is kept in memory until its browser has been gone for a while.
        self._services.limits.agent_calls.check(str(signed_in.agent.id))
        # NiceGUI builds its addresses with this header; nobody but the browser's user could have set it.
        scope["headers"] = [item for item in scope["headers"] if item[0] != b"x-forwarded-prefix"]
        language = find_console_language([signed_in.agent.language])
        await self._app(scope, receive, PageWriter(send, language))

    async def _sign_in(self, connection: HTTPConnection) -> SignedIn | None:
        token = connection.cookies.get(SESSION_COOKIE)
        try:
            async with self._services.database.reading() as session:
                signed_in = await agents.get_signed_in(session, token)
        except UnauthorizedError:
            return None
        state = connection.scope.setdefault("state", {})
        state.update(services=self._services, signed_in=signed_in, token=token)
        return signed_in


class PageWriter:
    """Sends a page of NiceGUI with language, direction and policy; its own scripts get the policy's nonce.

    Data in a page can't hold a tag: NiceGUI escapes every "<" in it.
    """

    def __init__(self, send: Send, language: Language) -> None:
        self._send = send
        self._language = language
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        assert self._start is not None
        self._body += message.get("body", b"")
        if message.get("more_body", False):
            return
        nonce = secrets.token_urlsafe(16)
        headers = MutableHeaders(raw=self._start["headers"])
        headers.update({**HEADERS, "Content-Security-Policy": POLICY.format(nonce=nonce)})
        if headers.get("content-type", "").startswith("text/html"):
            html = self._body.decode()
            opening = f'<html lang="{web_locale(self._language)}" dir="{self._language.direction}">'
            html = _HTML_TAG.sub(opening, html, count=1)
            self._body = _SCRIPT_TAG.sub(f'<script nonce="{nonce}"', html).encode()
            headers["content-length"] = str(len(self._body))
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": self._body})


def _is_same_origin(connection: HTTPConnection, public_origin: str) -> bool:
    """Whether a page of ours opens the socket: cookies alone would let pages of a neighbouring host do it."""
    origin = connection.headers.get("origin", "")
    return origin == public_origin or urlsplit(origin).netloc == connection.headers.get("host")


def _with_headers(send: Send, headers: dict[str, str]) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            MutableHeaders(raw=message["headers"]).update(headers)
        await send(message)

    return sending
