"""Calls to the shop that stay within the time that a customer waits for an answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from actions.commerce.base import CommerceUnavailableError
from actions.metrics import COMMERCE_FAILURES
from telemetry import traces

T = TypeVar("T")

# Together well below the service's limit for one turn of the bot (DRAGOMAN_BOT_TIMEOUT_S, 8 s).
ATTEMPTS = 2
TIMEOUT_S = 2.0

logger = logging.getLogger(__name__)


async def read(call: Callable[[], Awaitable[T]], attempts: int = ATTEMPTS, timeout_s: float = TIMEOUT_S) -> T:
    """Return what a reading call of `Commerce` returns, repeating it where it failed.

    Args:
        call: Starts the call; called once for each attempt.
        attempts: How often at most.
        timeout_s: Seconds that one attempt may take.

    Raises:
        CommerceUnavailableError: The last attempt failed too.
    """
    for attempt in range(1, attempts + 1):
        try:
            with traces.span("commerce", kind="client", attempt=attempt):
                async with asyncio.timeout(timeout_s):
                    return await call()
        except (CommerceUnavailableError, TimeoutError) as error:
            COMMERCE_FAILURES.inc()
            logger.warning(
                "the shop did not answer, attempt %d of %d: %s", attempt, attempts, type(error).__name__
            )
            if attempt == attempts:
                raise CommerceUnavailableError(f"no answer in {attempts} attempts") from error
    raise ValueError("at least one attempt has to be made")
