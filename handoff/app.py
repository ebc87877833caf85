"""The service's application: everything that a stranger can reach."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from handoff import api_page, console, operation
from handoff.agents import endpoints as agent_endpoints
from handoff.api_page import ERROR_RESPONSES
from handoff.bot_client import BotClient, HttpBotClient
from handoff.bus import make_bus
from handoff.channels.registry import ChannelRegistry
from handoff.channels.web import endpoints as web_endpoints
from handoff.channels.web import socket as web_socket
from handoff.channels.web.verification import sign_identity
from handoff.clock import Clock, utc_now
from handoff.context import Services
from handoff.conversations import turn_repository
from handoff.conversations.outbox import Outbox
from handoff.conversations.stalls import StallWatch
from handoff.conversations.turns import TurnTaker
from handoff.database import Database
from handoff.errors import DragomanError, InvalidRequestError, NotFoundError
from handoff.http_limits import BodyLimitMiddleware, SecurityHeadersMiddleware, SocketGuard
from handoff.intake import Intake
from handoff.knowledge import endpoints as knowledge_endpoints
from handoff.presence import Presence
from handoff.queue import endpoints as queue_endpoints
from handoff.queue.positions import QueuePositions
from handoff.queue.team import Team
from handoff.rate_limits import RateLimits
from handoff.rendering import list_accepted_languages, render_error
from handoff.settings import Settings, get_settings
from handoff.worker import Worker
from locales.languages import find_language
from locales.markets import default_language
from telemetry import traces

logger = logging.getLogger(__name__)

SOCKET_PATHS = (web_socket.PATH, f"{console.MOUNT_PATH}/_nicegui_ws/")


def make_services(
    settings: Settings,
    *,
    bot: BotClient | None = None,
    channels: ChannelRegistry | None = None,
    clock: Clock = utc_now,
) -> Services:
    bus = make_bus(settings.bus_url)
    database = Database(settings.database_url, bus)
    channels = channels or ChannelRegistry()
    bot = bot or HttpBotClient(
        settings.bot_url, settings.internal_secret.get_secret_value(), settings.bot_timeout_s
    )
    presence = Presence(bus)
    team = Team(presence, keeps_hours=settings.tell_support_hours, clock=clock)
    patience_s = settings.bot_patience_s
    turns = TurnTaker(database, bus, bot, channels, team, lease_s=settings.lease_s, patience_s=patience_s)
    stalls = StallWatch(
        database, channels, bot, team, delayed_after_s=settings.bot_delayed_after_s, patience_s=patience_s
    )
    worker = Worker(database, turns, stalls, Outbox(database, channels), settings.turn_concurrency)

    async def count_pending_turns() -> int:
        async with database.reading() as session:
            return await turn_repository.count_pending_turns(session, settings.max_pending_turns)

    return Services(
        settings=settings,
        database=database,
        bus=bus,
        bot=bot,
        channels=channels,
        limits=RateLimits(settings, count_pending_turns),
        presence=presence,
        intake=Intake(database, channels, turns, worker),
        worker=worker,
        positions=QueuePositions(database, bus),
    )


def create_app(
    settings: Settings | None = None,
    *,
    bot: BotClient | None = None,
    channels: ChannelRegistry | None = None,
    clock: Clock = utc_now,
) -> FastAPI:
    """Return the application. `bot`, `channels` and `clock` (of support's hours) are for tests."""
    settings = settings or get_settings()
    services = make_services(settings, bot=bot, channels=channels, clock=clock)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await services.bus.start()
        await services.presence.start()
        await services.positions.start()
        await services.worker.start()
        try:
            yield
        finally:
            await services.worker.stop()
            await services.positions.stop()
            await services.bot.close()
            await services.presence.close()
            await services.bus.close()
            await services.database.close()
            await asyncio.to_thread(traces.shutdown)

    app = FastAPI(
        title="Dragoman",
        version="0.1.0",
        lifespan=lifespan,
        # FastAPI's pages of the API load their scripts from elsewhere; ours (api_page.py) has none.
        docs_url=None,
        redoc_url=None,
        # Would answer with an absolute address made of whatever Host header came.
        redirect_slashes=False,
        responses=ERROR_RESPONSES,
    )
    app.state.services = services
    secret = settings.identity_secret.get_secret_value()
    app.state.sign_identity = lambda contact_id, email, _name=None: sign_identity(secret, contact_id, email)

    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.widget_origins,
        allow_methods=["GET", "POST"],
        allow_headers=["Content-Type"],
    )
    app.add_middleware(BodyLimitMiddleware, max_bytes=settings.max_body_bytes)
    app.add_middleware(SocketGuard, services=services, paths=SOCKET_PATHS)
    app.add_middleware(SecurityHeadersMiddleware, is_secure=settings.public_origin.startswith("https:"))
    app.add_exception_handler(DragomanError, _answer_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(Exception, _answer_failure)

    app.include_router(api_page.router)
    app.include_router(web_endpoints.router)
    app.include_router(web_socket.router)
    app.include_router(agent_endpoints.router)
    app.include_router(agent_endpoints.agents)
    app.include_router(queue_endpoints.router)
    app.include_router(knowledge_endpoints.router)
    app.include_router(knowledge_endpoints.internal)
    app.include_router(operation.router)

    @app.get("/health", tags=["operation"])
    async def health() -> dict[str, str]:
        """The process is up."""
        return {"status": "ok"}

    @app.get("/ready", tags=["operation"], responses={503: {"description": "Not ready", "model": None}})
    async def ready() -> JSONResponse:
        """Whether the bot can be reached as well; 503 when it can't."""
        is_ready = await services.bot.is_ready()
        return JSONResponse({"bot": is_ready}, status_code=200 if is_ready else 503)

    if settings.demo:
        # Not loaded where it is not shown.
        from handoff import storefront

        app.include_router(storefront.router)
    console.mount(app)
    return app


def _language_of(request: Request) -> str:
    for tag in list_accepted_languages(request.headers.get("accept-language", "")):
        language = find_language(tag)
        if language:
            return language.tag
    return default_language()


async def _answer_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DragomanError)
    headers = {"Retry-After": str(error.retry_after_s)} if error.retry_after_s else None
    return JSONResponse(render_error(error, _language_of(request)), status_code=error.status, headers=headers)


async def _answer_failure(request: Request, _error: Exception) -> JSONResponse:
    """Say that it was our fault and no more; uvicorn logs what it was."""
    return JSONResponse(render_error(DragomanError(), _language_of(request)), status_code=500)


async def _answer_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems = [
        {"where": ".".join(str(part) for part in problem["loc"]), "problem": problem["msg"]}
        for problem in error.errors()
    ]
    body = {**render_error(InvalidRequestError(), _language_of(request)), "problems": problems}
    # Lone surrogates in what was sent would not encode: they are escaped, the rest is not touched.
    safe = jsonable_encoder(body)
    return JSONResponse(_escape(safe), status_code=422)


def _escape(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list):
        return [_escape(item) for item in value]
    if isinstance(value, dict):
        return {key: _escape(item) for key, item in value.items()}
    return value


async def _answer_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    known = NotFoundError() if error.status_code == 404 else InvalidRequestError()
    body = render_error(known, _language_of(request))
    return JSONResponse(body, status_code=error.status_code, headers=error.headers)
