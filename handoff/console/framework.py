"""NiceGUI, set up once per process: it keeps its application, pages and sockets in module globals.

It is given no storage secret: its session cookie, its per-user files and the middleware for them stay away.
Who is signed in is ours to know (gate.py).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, Response
from nicegui import Client, app, core, ui
from socketio.exceptions import ConnectionRefusedError

from handoff.console.assets import ASSETS_FOLDER, ASSETS_PATH
from handoff.console.words import NAME

# How long a page's state waits for a browser that lost its connection; NiceGUI's pings follow from it.
RECONNECT_S = 6.0
# NiceGUI's own words for this: its script then loads the page anew, which leads to the sign-in page.
REFUSED = "Implicit handshake failed"
FAVICON = (ASSETS_FOLDER / "favicon.svg").read_text(encoding="utf-8")


@cache
def get_host() -> FastAPI:
    """Return the application that NiceGUI runs in."""
    host = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    # As in the application around it: no address is made of the Host header.
    app.router.redirect_slashes = False
    # NiceGUI's own answer is a page that it keeps in memory: for whoever asks for a file that there is not.
    app.add_exception_handler(404, _answer_nothing)
    # No long polling: the gate lets web sockets through and nothing else.
    app.config.socket_io_js_transports = ["websocket"]
    ui.run_with(
        host,
        mount_path="/",
        title=NAME,
        favicon=FAVICON,
        tailwind=False,
        reconnect_timeout=RECONNECT_S,
        binding_refresh_interval=None,
        # The gate has to read pages before they are compressed.
        gzip_middleware_factory=None,
        show_welcome_message=False,
    )
    ui.add_head_html(
        f'<link rel="stylesheet" href="{ASSETS_PATH}/console.css">'
        f'<script defer src="{ASSETS_PATH}/console.js"></script>',
        shared=True,
    )
    _bind_sockets_to_sessions()
    return host


async def _answer_nothing(_request: Request, _error: Exception) -> Response:
    return Response(status_code=404)


@asynccontextmanager
async def running() -> AsyncIterator[None]:
    """Run NiceGUI's background work; at the end close every page."""
    host = get_host()
    async with host.router.lifespan_context(host):
        try:
            yield
        finally:
            for client in list(Client.instances.values()):
                client.delete()
            await core.sio.shutdown()
            # Its task has ended: another start in the same process needs a new one.
            core.sio.eio.start_service_task = True
            core.sio.eio.service_task_event = None


def _bind_sockets_to_sessions() -> None:
    """Let a socket reach only pages of its own session.

    NiceGUI takes the `client_id` that a frame carries at its word: unguessable, but the only protection.
    """
    handlers: dict[str, Callable[..., Any]] = dict(core.sio.handlers["/"])

    async def connect(sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        named = parse_qs(environ.get("QUERY_STRING", "")).get("client_id", [""])[0]
        if not _is_own_page(environ, named):
            raise ConnectionRefusedError(REFUSED)
        await handlers["connect"](sid, environ, auth)

    async def handshake(sid: str, data: dict[str, Any]) -> bool:
        if not _is_own_page(core.sio.get_environ(sid), data.get("client_id")):
            return False
        return bool(await handlers["handshake"](sid, data))

    core.sio.on("connect", connect)
    core.sio.on("handshake", handshake)
    for name in ("event", "javascript_response", "ack", "log"):
        core.sio.on(name, _only_own_page(handlers[name]))


def _is_own_page(environ: dict[str, Any] | None, client_id: Any) -> bool:
    """Whether a page was opened with the session that its would-be socket has (both set by the gate)."""
    client = Client.instances.get(client_id) if isinstance(client_id, str) else None
    token = ((environ or {}).get("asgi.scope") or {}).get("state", {}).get("token")
    return client is not None and token is not None and token == client.request.state.token


def _only_own_page(handler: Callable[..., Any]) -> Callable[[str, dict[str, Any]], None]:
    def handle(sid: str, message: dict[str, Any]) -> None:
        # The handshake put the socket into a room named after its page.
        if message.get("client_id") in core.sio.rooms(sid):
            handler(sid, message)

    return handle
