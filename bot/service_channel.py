"""Rasa's only input channel: `POST /webhooks/service/turn`, spoken to by the service and nobody else."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from rasa.core.agent import Agent
from rasa.core.channels.channel import InputChannel, UserMessage
from rasa.shared.exceptions import RasaException
from sanic import Blueprint
from sanic.exceptions import InvalidUsage
from sanic.request import Request
from sanic.response import HTTPResponse, json

from bot.knowledge import default_knowledge
from bot.turn import CHANNEL, TurnFailedError, find_turn, handle_turn
from bot.turn_format import (
    MalformedTurnError,
    TextTooLongError,
    TurnRequest,
    parse_turn,
    render_turn,
    state_after,
)

DEFAULT_TIMEOUT_SECONDS = 10.0

_LEAST_SECRET_LENGTH = 16

logger = logging.getLogger(__name__)


class ChannelSettingsError(RasaException):
    """credentials.yml lacks what the channel needs."""


class ServiceChannel(InputChannel):
    """One call is one turn: the replies, what was understood, and whether a person is needed."""

    def __init__(self, secret: str, timeout_seconds: float) -> None:
        self._secret = secret
        self._timeout_seconds = timeout_seconds

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
        return cls(secret, float(given.get("timeout_seconds", DEFAULT_TIMEOUT_SECONDS)))

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        """Return the endpoints. `on_new_message` is not used: a turn answers for itself (bot.turn)."""
        blueprint = Blueprint("dragoman_service_channel")

        @blueprint.get("/")
        async def health(request: Request) -> HTTPResponse:
            ready = _agent(request) is not None
            return json({"status": "ok" if ready else "loading"}, status=200 if ready else 503)

        @blueprint.post("/turn")
        async def turn(request: Request) -> HTTPResponse:
            return await self._answer(request)

        return blueprint

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
        agent = _agent(request)
        if agent is None:
            return _problem(503, "not_ready", "the model is still being loaded")
        try:
            return await self._take_turn(agent, asked)
        except TurnFailedError as error:
            logger.exception("turn %s of %s failed", asked.message_id, asked.sender_id)
            return _problem(503, "turn_failed", str(error))
        except Exception as error:
            # A fault of ours. The service must get JSON all the same, and hands the customer to a person.
            logger.exception("turn %s of %s met a fault", asked.message_id, asked.sender_id)
            return _problem(500, "internal_error", f"{type(error).__name__}: {error}")

    async def _take_turn(self, agent: Agent, asked: TurnRequest) -> HTTPResponse:
        tracker = await handle_turn(agent, asked, self._timeout_seconds)
        events = list(tracker.events)
        taken = find_turn(events, asked.message_id)
        assert taken is not None
        slots, active_loop = state_after(events, taken)
        return json(render_turn(asked.message_id, taken, slots, active_loop, default_knowledge()))

    def _is_authorised(self, request: Request) -> bool:
        given = request.headers.get("authorization", "")
        # Bytes, because compare_digest takes no other text than ASCII.
        return hmac.compare_digest(given.encode(), f"Bearer {self._secret}".encode())


def _agent(request: Request) -> Agent | None:
    agent: Agent | None = getattr(request.app.ctx, "agent", None)
    return agent if agent is not None and agent.is_ready() else None


def _problem(status: int, code: str, message: str) -> HTTPResponse:
    return json({"code": code, "message": message}, status=status)
