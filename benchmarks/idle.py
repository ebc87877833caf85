"""Open sockets on which nothing is said: what they cost, and whether an active customer notices."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import httpx
import psutil

from benchmarks.figures import MB, Usage
from benchmarks.load import ANSWER_WITHIN_S, Load, open_socket, run_load
from benchmarks.messages import Mix

AT_ONCE = 20


async def measure_idle_sockets(
    origin: str, sockets: int, seconds: float, pids: Mapping[str, int]
) -> dict[str, Any]:
    """Open sockets, then let one customer talk for `seconds`; return the service's memory before and after.

    Raises:
        RuntimeError: The system allows this process too few open files.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < sockets + 100:
        raise RuntimeError(f"{sockets} sockets need more open files than the {most} allowed (ulimit -n)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    service = psutil.Process(pids["service"])
    before_mb = service.memory_info().rss / MB
    opening = Usage({"service": pids["service"]})
    async with (
        httpx.AsyncClient(base_url=origin, trust_env=False, timeout=ANSWER_WITHIN_S) as http,
        AsyncExitStack() as stack,
    ):
        conversations = Mix(seed=0).conversations(1)
        for first in range(0, sockets, AT_ONCE):
            count = min(AT_ONCE, sockets - first)
            await asyncio.gather(*(open_socket(http, next(conversations), stack) for _ in range(count)))
        opening_s = opening.read()["service"]["cpu_s"]
        open_mb = service.memory_info().rss / MB
        active = await run_load(origin, Load(customers=1, seconds=seconds), pids)
        talking_mb = service.memory_info().rss / MB
    return {
        "sockets": sockets,
        "before_mb": round(before_mb, 1),
        "open_mb": round(open_mb, 1),
        "talking_mb": round(talking_mb, 1),
        "added_mb": round(open_mb - before_mb, 1),
        "opening_cpu_ms_each": round(opening_s / sockets * 1000, 2),
        "active_customer": active,
    }
