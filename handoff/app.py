"""The service's application: everything that a stranger can reach."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from handoff import console
from handoff.agents import endpoints as agent_endpoints
from handoff.bot_client import BotClient, HttpBotClient
from handoff.bus import make_bus
from handoff.channels.registry import ChannelRegistry
from handoff.channels.web import endpoints as web_endpoints
from handoff.channels.web import socket as web_socket
from handoff.channels.web.verification import sign_identity
from handoff.context import Services
from handoff.conversations.outbox import Outbox
from handoff.conversations.turns import TurnTaker
from handoff.database import Database
from handoff.errors import DragomanError, InvalidRequestError, NotFoundError, RateLimitedError
from handoff.http_limits import BodyLimitMiddleware, SecurityHeadersMiddleware
from handoff.queue import endpoints as queue_endpoints
from handoff.rate_limits import RateLimits
from handoff.rendering import list_accepted_languages, render_error
from handoff.settings import Settings, get_settings
from handoff.worker import Worker
from locales.languages import find_language
from locales.markets import default_language

logger = logging.getLogger(__name__)


def make_services(
    settings: Settings, *, bot: BotClient | None = None, channels: ChannelRegistry | None = None
) -> Services:
    bus = make_bus(settings.bus_url)
    return Services(
        settings=settings,
        database=Database(settings.database_url, bus),
        bus=bus,
        bot=bot
        or HttpBotClient(
            settings.bot_url, settings.internal_secret.get_secret_value(), settings.bot_timeout_s
        ),
        channels=channels or ChannelRegistry(),
        limits=RateLimits(
            messages_per_minute=settings.messages_per_minute,
            conversations_per_minute=settings.conversations_per_minute,
        ),
    )


def make_worker(services: Services) -> Worker:
    settings = services.settings
    turns = TurnTaker(
        services.database,
        services.bus,
        services.bot,
        services.channels,
        lease_s=settings.lease_s,
        attempts=settings.bot_attempts,
    )
    outbox = Outbox(services.database, services.channels)
    return Worker(services.database, services.bus, turns, outbox, settings.turn_concurrency)


def create_app(
    settings: Settings | None = None,
    *,
    bot: BotClient | None = None,
    channels: ChannelRegistry | None = None,
) -> FastAPI:
    """Return the application. `bot` and `channels` stand in for the real ones in tests."""
    settings = settings or get_settings()
    services = make_services(settings, bot=bot, channels=channels)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        worker = make_worker(services)
        app.state.worker = worker
        await services.bus.start()
        await worker.start()
        try:
            yield
        finally:
            await worker.stop()
            await services.bot.close()
            await services.bus.close()
            await services.database.close()

    app = FastAPI(title="Dragoman", version="0.1.0", lifespan=lifespan, docs_url="/api/docs", redoc_url=None)
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
    app.add_middleware(SecurityHeadersMiddleware)
    app.add_exception_handler(DragomanError, _answer_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http_error)

    app.include_router(web_endpoints.router)
    app.include_router(web_socket.router)
    app.include_router(agent_endpoints.router)
    app.include_router(queue_endpoints.router)

    @app.get("/health", tags=["operation"])
    async def health() -> dict[str, str]:
        """The process is up."""
        return {"status": "ok"}

    @app.get("/ready", tags=["operation"])
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
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, RateLimitedError) else None
    return JSONResponse(render_error(error, _language_of(request)), status_code=error.status, headers=headers)


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
