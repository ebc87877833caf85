"""The service's side of `bot/service_channel.py`: one call is one turn (tests/contracts/turn.schema.json)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import aiohttp
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from handoff import metrics
from handoff.errors import BotUnavailableError
from handoff.queue.models import Reason
from telemetry import traces

CONNECT_TIMEOUT_S = 2.0
READY_TIMEOUT_S = 2.0
MAX_CONNECTIONS = 64
# Bad gateway, unavailable, gateway time-out: what a proxy or a starting Rasa answers.
PASSING_STATUSES = frozenset({502, 503, 504})


class CircuitBreaker:
    """Keeps calls from a bot that is down: opens after failures in a row, then lets a probe a second through.

    `monotonic` gives seconds.
    """

    FAILURES_TO_OPEN = 5
    PROBE_EVERY_S = 1.0

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._failures = 0
        self._failing_since = 0.0
        self._next_probe = 0.0
        self._is_probing = False

    @property
    def is_open(self) -> bool:
        return self._failures >= self.FAILURES_TO_OPEN

    def allows(self) -> bool:
        """Whether a call may be made; after it comes `succeed`, `fail` or `forget`."""
        if not self.is_open:
            return True
        if self._is_probing or self._monotonic() < self._next_probe:
            return False
        self._is_probing = True
        return True

    def succeed(self) -> None:
        self._failures = 0
        self._is_probing = False

    def fail(self) -> None:
        now = self._monotonic()
        if self._failures == 0:
            self._failing_since = now
        self._failures += 1
        self._is_probing = False
        self._next_probe = now + self.PROBE_EVERY_S

    def forget(self) -> None:
        """A call ended without telling anything of the bot."""
        self._is_probing = False

    def open_for_s(self) -> float:
        """Return for how long the bot has not been reached, in seconds; 0 while the breaker is closed."""
        return self._monotonic() - self._failing_since if self.is_open else 0.0


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
    also: list[str] = Field(default_factory=list)
    """The second question of the message: a topic that was answered as well."""


class Entity(_Lenient):
    entity: str
    value: str


class HandoffSignal(_Lenient):
    reason: Reason

    @field_validator("reason")
    @classmethod
    def _check_is_the_bots(cls, reason: Reason) -> Reason:
        if reason is Reason.STEPPED_IN:
            raise ValueError("only an agent steps in")
        return reason


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
            BotUnavailableError: No answer, not in time, or no sensible one; says whether it may pass.
        """

    async def is_ready(self) -> bool: ...

    def down_for_s(self) -> float:
        """Return for how many seconds the bot has not been reached; 0 when it can be."""

    async def close(self) -> None: ...


class HttpBotClient:
    """Calls Rasa over HTTP on the private network, behind a circuit breaker."""

    def __init__(
        self, url: str, secret: str, timeout_s: float, breaker: CircuitBreaker | None = None
    ) -> None:
        self._url = url.rstrip("/") + "/webhooks/service/"
        self._headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=CONNECT_TIMEOUT_S)
        self._breaker = breaker or CircuitBreaker()
        self._opened: aiohttp.ClientSession | None = None

    @property
    def _session(self) -> aiohttp.ClientSession:
        # Belongs to the running loop, which there is only now.
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
            )
        return self._opened

    async def take_turn(self, request: TurnRequest) -> TurnResult:
        if not self._breaker.allows():
            raise BotUnavailableError("the circuit breaker is open")
        with traces.span("bot call", kind="client"), _timed():
            status, body = await self._call(request)
            if status != 200:
                raise BotUnavailableError(f"status {status}", may_pass=status in PASSING_STATUSES)
            try:
                result = TurnResult.model_validate_json(body)
            except ValidationError as error:
                problems = error.errors(include_url=False, include_input=False)[:3]
                raise BotUnavailableError(
                    f"the bot's answer makes no sense: {problems}", may_pass=False
                ) from error
            if result.message_id != request.message_id:
                # Somebody else's answer may hold somebody else's order.
                raise BotUnavailableError("an answer to another message", may_pass=False)
            return result

    async def _call(self, request: TurnRequest) -> tuple[int, bytes]:
        """Return status and body, and tell the breaker whether the bot is there."""
        try:
            async with self._session.post(
                self._url + "turn",
                data=request.model_dump_json().encode(),
                headers={**self._headers, **traces.headers()},
                # The secret and the customer's words go nowhere else.
                allow_redirects=False,
            ) as response:
                status, body = response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            self._breaker.fail()
            raise BotUnavailableError(f"{type(error).__name__}: {error}") from error
        except BaseException:
            # Cancelled: says nothing of the bot, but a probe that never ends would keep the breaker open.
            self._breaker.forget()
            raise
        if status in PASSING_STATUSES and not _is_failed_turn(body):
            self._breaker.fail()
        else:
            # Whatever else it says: the bot is there.
            self._breaker.succeed()
        return status, body

    async def is_ready(self) -> bool:
        """Whether Rasa has its model and its database."""
        try:
            timeout = aiohttp.ClientTimeout(total=READY_TIMEOUT_S)
            async with self._session.get(self._url, headers=self._headers, timeout=timeout) as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    def down_for_s(self) -> float:
        return self._breaker.open_for_s()

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()


@contextmanager
def _timed() -> Iterator[None]:
    outcome, started = "answered", time.perf_counter()
    try:
        yield
    except BotUnavailableError as error:
        outcome = (
            "unreachable" if isinstance(error.__cause__, aiohttp.ClientError | TimeoutError) else "failed"
        )
        raise
    except BaseException:
        outcome = "cancelled"
        raise
    finally:
        metrics.BOT_CALL_SECONDS.labels(outcome).observe(time.perf_counter() - started)


def _is_failed_turn(body: bytes) -> bool:
    """Whether the bot itself says that this one turn failed (its action server is away, say)."""
    try:
        said = json.loads(body)
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("code") == "turn_failed"
