"""Rasa's only input channel: `POST /webhooks/service/turn`, spoken to by the service and nobody else."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from rasa.core.agent import Agent
from rasa.core.channels.channel import InputChannel, UserMessage
from rasa.shared.exceptions import RasaException
from sanic import Blueprint, Sanic
from sanic.exceptions import InvalidUsage
from sanic.request import Request
from sanic.response import HTTPResponse, json, raw
from sqlalchemy.exc import SQLAlchemyError

from bot import rasa_logs
from bot.live_knowledge import live_knowledge
from bot.metrics import TURN_SECONDS
from bot.turn import CHANNEL, TurnFailedError, Turns, parse_text
from bot.turn_format import MalformedTurnError, TextTooLongError, TurnRequest, parse_turn, render_turn
from telemetry import logs, metrics, traces

DEFAULT_TIMEOUT_SECONDS = 10.0

# The longest text there is, every character of it escaped, and room for the rest.
MAX_BODY_BYTES = 256 * 1024

# Seconds that the database has to answer when readiness is asked for.
CHECK_SECONDS = 2.0

READY = "ok"

_LEAST_SECRET_LENGTH = 16

logger = logging.getLogger(__name__)


class ChannelSettingsError(RasaException):
    """credentials.yml lacks what the channel needs."""


class ServiceChannel(InputChannel):
    """One call is one turn: the replies, what was understood, and whether a person is needed."""

    def __init__(self, secret: str, timeout_seconds: float) -> None:
        self._secret = secret
        self._timeout_seconds = timeout_seconds
        self._turns: Turns | None = None

    @classmethod
    def name(cls) -> str:
        return CHANNEL

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> ServiceChannel:
        """Read the channel's section of credentials.yml.

        Raises:
            ChannelSettingsError: The secret is missing or too short to be one.
        """
        given = credentials or {}
        secret = str(given.get("secret") or "")
        if len(secret) < _LEAST_SECRET_LENGTH:
            raise ChannelSettingsError(
                f"DRAGOMAN_INTERNAL_SECRET must have at least {_LEAST_SECRET_LENGTH} characters"
            )
        rasa_logs.take_over()
        traces.configure("bot")
        return cls(secret, float(given.get("timeout_seconds", DEFAULT_TIMEOUT_SECONDS)))

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        """Return the endpoints. `on_new_message` is not used: a turn answers for itself (bot.turn)."""
        blueprint = Blueprint("dragoman_service_channel")

        @blueprint.listener("before_server_start")
        async def limit_bodies(app: Sanic, *_: Any) -> None:
            app.config.REQUEST_MAX_SIZE = MAX_BODY_BYTES

        @blueprint.listener("after_server_start")
        async def warm_up(app: Sanic, *_: Any) -> None:
            agent = _agent(app)
            if agent is not None:
                self._warm_up(agent)
            live_knowledge().start()

        @blueprint.listener("after_server_stop")
        async def disconnect(*_: Any) -> None:
            live_knowledge().stop()
            if self._turns is not None:
                await self._turns.close()

        @blueprint.get("/")
        async def health(request: Request) -> HTTPResponse:
            status = await self._status(_agent(request.app))
            return json({"status": status}, status=200 if status == READY else 503)

        @blueprint.listener("after_server_stop")
        async def send_traces(*_: Any) -> None:
            traces.shutdown()

        @blueprint.get("/metrics")
        async def scrape(request: Request) -> HTTPResponse:
            if not self._is_authorised(request):
                return _problem(401, "unauthorised", "the bearer token is missing or wrong")
            return raw(metrics.render(), content_type=metrics.CONTENT_TYPE)

        @blueprint.post("/turn")
        async def turn(request: Request) -> HTTPResponse:
            return await self._answer(request)

        return blueprint

    async def _status(self, agent: Agent | None) -> str:
        """Return whether turns can be taken, and if not, why."""
        if agent is None:
            return "loading"
        try:
            await asyncio.wait_for(self._turns_of(agent).store.check(), CHECK_SECONDS)
        except (SQLAlchemyError, asyncio.TimeoutError):
            logger.warning("not ready: the database does not answer", exc_info=True)
            return "no database"
        return READY

    def _warm_up(self, agent: Agent) -> None:
        """Read what is read at first use, so that the first customer does not wait for it."""
        parse_text(self._turns_of(agent).processor, "?", {})
        # A model is a million objects that stay; Python would go through them again and again, a tenth of a
        # second each time.
        gc.collect()
        gc.freeze()

    async def _answer(self, request: Request) -> HTTPResponse:
        if not self._is_authorised(request):
            return _problem(401, "unauthorised", "the bearer token is missing or wrong")
        try:
            asked = parse_turn(request.json)
        except InvalidUsage:
            return _problem(400, MalformedTurnError.code, "the body is no JSON")
        except TextTooLongError as error:
            return _problem(413, error.code, str(error))
        except MalformedTurnError as error:
            return _problem(400, error.code, str(error))
        agent = _agent(request.app)
        if agent is None:
            return _problem(503, "not_ready", "the model is still being loaded")
        # Rasa knows a conversation as `<id>.<bot session>` (docs/decisions/0006).
        ids = {"conversation_id": asked.sender_id.partition(".")[0], "message_id": asked.message_id}
        with (
            logs.bound(**ids),
            traces.span("rasa turn", kind="server", headers=request.headers, **ids) as span,
        ):
            started = time.perf_counter()
            outcome = "cancelled"
            try:
                answer = await self._take_turn(agent, asked)
                outcome = "answered"
            except TurnFailedError as error:
                outcome = "failed"
                logger.exception("the turn failed")
                answer = _problem(503, "turn_failed", str(error))
            except Exception as error:
                outcome = "fault"
                # A fault of ours. The service must get JSON all the same, and hands the customer to a person.
                logger.exception("the turn met a fault")
                answer = _problem(500, "internal_error", type(error).__name__)
            finally:
                took_s = time.perf_counter() - started
                TURN_SECONDS.labels(outcome).observe(took_s)
                span.set(outcome=outcome)
                logger.info("turn %s in %.1f ms", outcome, took_s * 1000)
            return answer

    async def _take_turn(self, agent: Agent, asked: TurnRequest) -> HTTPResponse:
        taken = await self._turns_of(agent).take(asked, self._timeout_seconds)
        return json(render_turn(asked.message_id, taken, live_knowledge().base))

    def _turns_of(self, agent: Agent) -> Turns:
        processor = agent.processor
        assert processor is not None
        # Rasa may have loaded another model meanwhile.
        if self._turns is None or self._turns.processor is not processor:
            self._turns = Turns(agent, processor)
        return self._turns

    def _is_authorised(self, request: Request) -> bool:
        return metrics.has_token(request.headers.get("authorization"), self._secret)


def _agent(app: Sanic) -> Agent | None:
    agent: Agent | None = getattr(app.ctx, "agent", None)
    return agent if agent is not None and agent.is_ready() else None


def _problem(status: int, code: str, message: str) -> HTTPResponse:
    return json({"code": code, "message": message}, status=status)
