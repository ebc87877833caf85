"""What the operator's own programs ask: figures for Prometheus."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from handoff import metrics
from handoff.clock import utc_now
from handoff.context import Services, get_services
from handoff.conversations import turn_repository
from handoff.errors import NotFoundError, StorageUnavailableError, UnauthorizedError
from handoff.queue import repository as queue_repository
from telemetry.metrics import CONTENT_TYPE, has_token, render

router = APIRouter(include_in_schema=False)

UNKNOWN = math.nan
"""What a figure of the database is while the database is away."""


@router.get("/metrics")
async def scrape(request: Request, services: Annotated[Services, Depends(get_services)]) -> Response:
    """The process's metrics, for who shows the token of the setting `metrics_token`."""
    token = services.settings.metrics_token
    if token is None:
        raise NotFoundError("no metrics_token is set")
    if not has_token(request.headers.get("authorization"), token.get_secret_value()):
        raise UnauthorizedError("wrong metrics_token")
    await _read_states(services)
    return Response(render(), media_type=CONTENT_TYPE)


async def _read_states(services: Services) -> None:
    """Set what is a state and not a count: two queries, each on an index."""
    metrics.BREAKER_OPEN.set(services.bot.down_for_s() > 0)
    try:
        async with services.database.reading() as session:
            pending, oldest_turn = await turn_repository.measure_pending(session)
            queue = await queue_repository.measure_queue(session)
    except StorageUnavailableError:
        for gauge in (metrics.TURNS_PENDING, metrics.TURN_OLDEST_SECONDS, metrics.QUEUE_OLDEST_SECONDS):
            gauge.set(UNKNOWN)
        for name in metrics.PRIORITIES.values():
            metrics.QUEUE_LENGTH.labels(name).set(UNKNOWN)
        return
    metrics.TURNS_PENDING.set(pending)
    metrics.TURN_OLDEST_SECONDS.set(_age_s(oldest_turn))
    for priority, name in metrics.PRIORITIES.items():
        metrics.QUEUE_LENGTH.labels(name).set(queue[priority][0] if priority in queue else 0)
    metrics.QUEUE_OLDEST_SECONDS.set(_age_s(min((oldest for _, oldest in queue.values()), default=None)))


def _age_s(moment: datetime | None) -> float:
    return max(0.0, (utc_now() - moment).total_seconds()) if moment else 0.0
