"""Restarts that an operator does, one after the other, while customers talk: nobody notices."""

from __future__ import annotations

import asyncio

import pytest

from scripts.cluster import KINDS, Cluster
from tests.cluster.crowd import Crowd, Installed, crowd_at, waits_s

VISITORS = 20
THINK_S = 3.0
# On a machine that has other work, too; a proxy that does not take a replica back makes people wait a minute.
LONGEST_WAIT_S = 20.0


async def _check(crowd: Crowd) -> None:
    verdict = await crowd.finish()
    assert verdict.problems == []
    assert verdict.answered > 0
    assert verdict.handed_off == 0
    assert max(waits_s(crowd)) < LONGEST_WAIT_S


@pytest.mark.parametrize("kind", KINDS)
async def test_rolling_restart_loses_doubles_and_reorders_nothing(
    cluster: Cluster, installed: Installed, kind: str
) -> None:
    async with crowd_at(installed, VISITORS, THINK_S) as crowd:
        await crowd.goes_on(VISITORS)
        for replica in cluster.replicas:
            await asyncio.to_thread(replica.stop, kind)
            await crowd.goes_on(5)
            replica.start(kind)
            await asyncio.to_thread(replica.wait_until_ready, 120)
            await crowd.goes_on(5)
        await _check(crowd)


async def test_redis_gone_and_back_loses_doubles_and_reorders_nothing(
    cluster: Cluster, installed: Installed
) -> None:
    async with crowd_at(installed, VISITORS, THINK_S) as crowd:
        await crowd.goes_on(VISITORS)
        await asyncio.to_thread(cluster.redis.stop)
        try:
            await crowd.goes_on(VISITORS)
        finally:
            cluster.redis.start()
        await crowd.goes_on(VISITORS)
        await _check(crowd)


async def test_restart_of_postgres_loses_doubles_and_reorders_nothing(
    cluster: Cluster, installed: Installed
) -> None:
    async with crowd_at(installed, VISITORS, THINK_S) as crowd:
        await crowd.goes_on(VISITORS)
        for _ in range(2):
            await asyncio.to_thread(cluster.postgres.stop)
            await asyncio.to_thread(cluster.postgres.start)
            await crowd.goes_on(VISITORS)
        await _check(crowd)
