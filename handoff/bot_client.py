"""The service's side of `bot/service_channel.py`: one call is one turn (tests/contracts/turn.schema.json)."""

from __future__ import annotations

from typing import Any, Protocol

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from handoff.errors import BotUnavailableError
from handoff.queue.models import Reason


class TurnRequest(BaseModel):
    sender_id: str
    message_id: str
    text: str
    payload: str | None = None
    metadata: dict[str, Any]


class _Lenient(BaseModel):
    # The bot may say more than this version knows.
    model_config = ConfigDict(extra="ignore")


class Button(_Lenient):
    title: str
    payload: str


class Reply(_Lenient):
    text: str
    buttons: list[Button] = Field(default_factory=list)
    topic: str | None = None


class RecognisedLanguage(_Lenient):
    detected: str
    confidence: float
    chosen: str
    asked: str | None = None


class RankedLabel(_Lenient):
    label: str
    confidence: float
    title: str | None = None


class Understanding(_Lenient):
    label: str
    confidence: float
    ranking: list[RankedLabel] = Field(default_factory=list)
    decision: str


class Entity(_Lenient):
    entity: str
    value: str


class HandoffSignal(_Lenient):
    reason: Reason


class TurnResult(_Lenient):
    message_id: str
    replies: list[Reply]
    language: RecognisedLanguage
    understanding: Understanding
    entities: list[Entity] = Field(default_factory=list)
    task: str | None = None
    slots: dict[str, Any] = Field(default_factory=dict)
    handoff: HandoffSignal | None = None


class BotClient(Protocol):
    async def take_turn(self, request: TurnRequest) -> TurnResult:
        """Let the bot answer one message; a repeat of the same message id gives the same answer.

        Raises:
            BotUnavailableError: No answer, not in time, or not one that makes sense. May be retried.
        """

    async def is_ready(self) -> bool: ...

    async def close(self) -> None: ...


class HttpBotClient:
    """Calls Rasa over HTTP on the private network."""

    def __init__(self, url: str, secret: str, timeout_s: float) -> None:
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {secret}"},
            timeout=httpx.Timeout(timeout_s, connect=2.0),
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=64),
            # Never through a proxy of the environment: this is the private network.
            trust_env=False,
        )

    async def take_turn(self, request: TurnRequest) -> TurnResult:
        try:
            response = await self._client.post(
                "/webhooks/service/turn",
                content=request.model_dump_json(),
                headers={"Content-Type": "application/json"},
            )
            response.raise_for_status()
            return TurnResult.model_validate_json(response.content)
        except httpx.HTTPError as error:
            raise BotUnavailableError(f"{type(error).__name__}: {error}") from error
        except ValidationError as error:
            raise BotUnavailableError(f"the bot's answer makes no sense: {error.errors()[:3]}") from error

    async def is_ready(self) -> bool:
        """Whether Rasa answers at all."""
        try:
            response = await self._client.get("/", timeout=2.0)
        except httpx.HTTPError:
            return False
        return response.status_code < 500

    async def close(self) -> None:
        await self._client.aclose()
