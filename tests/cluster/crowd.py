"""Many visitors at once, and the report on what became of what they said."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.cluster import truth
from tests.cluster.questions import PERSONAS
from tests.cluster.truth import Verdict
from tests.cluster.visitor import Said, Visitor

# Longer than a message may wait for a bot that is away (DRAGOMAN_BOT_PATIENCE_S, 30) and for a lease to end.
SETTLED_WITHIN_S = 75.0
HEARD_WITHIN_S = 15.0
# Every so many visitors there is one who asks three things at a time.
BURST_EVERY = 3


@dataclass(frozen=True)
class Installed:
    """What visitors and the truth need of a running installation."""

    origin: str
    identity_secret: str
    database_url: str
    bot_database_url: str
    """Both for SQLAlchemy's asynchronous engines."""


class Crowd:
    """Visitors who ask until `finish` is called."""

    def __init__(self, installed: Installed, count: int, think_s: float, rng: random.Random) -> None:
        self._installed = installed
        self._think_s = think_s
        self._rng = rng
        self._is_over = False
        self.visitors = [
            Visitor(
                installed.origin,
                number,
                PERSONAS[number % len(PERSONAS)],
                installed.identity_secret,
                burst=3 if number % BURST_EVERY == 0 else 1,
            )
            for number in range(count)
        ]
        self._talks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Let them come, one after the other within their first pause."""
        self._talks = [
            asyncio.create_task(visitor.talk(lambda: self._is_over, self._think)) for visitor in self.visitors
        ]

    def _think(self) -> float:
        return self._rng.uniform(0.2, 1.8) * self._think_s

    @property
    def said(self) -> list[Said]:
        return [said for visitor in self.visitors for said in visitor.said]

    def count_settled(self) -> int:
        return sum(said.settled_at is not None for said in self.said)

    async def goes_on(self, messages: int, timeout_s: float = SETTLED_WITHIN_S) -> None:
        """Wait until that many more messages than now were settled. Raises TimeoutError."""
        aim = self.count_settled() + messages
        async with asyncio.timeout(timeout_s):
            while self.count_settled() < aim:
                self._raise_what_failed()
                await asyncio.sleep(0.05)

    def _raise_what_failed(self) -> None:
        for talk in self._talks:
            if talk.done():
                talk.result()

    async def finish(self) -> Verdict:
        """Let everybody finish what they ask, and compare what they know with the databases."""
        self._is_over = True
        _, hanging = await asyncio.wait(self._talks, timeout=SETTLED_WITHIN_S)
        await self.stop()
        self._raise_what_failed_but(hanging)
        arrived = [visitor for visitor in self.visitors if visitor.conversation_id]
        last = await truth.last_seqs(self._installed.database_url, arrived)
        await asyncio.gather(
            *(visitor.catch_up(seq, HEARD_WITHIN_S) for visitor, seq in zip(arrived, last, strict=True))
        )
        await asyncio.gather(*(visitor.leave() for visitor in arrived))
        return await truth.judge(self._installed.database_url, self._installed.bot_database_url, arrived)

    def _raise_what_failed_but(self, hanging: set[asyncio.Task[None]]) -> None:
        for talk in self._talks:
            if talk not in hanging:
                talk.result()

    async def stop(self) -> None:
        """End all talks."""
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    def recovery_s(self, moment: float, within_s: float = 1.0) -> float:
        """Return how long after a moment all was settled that was open then or was said right after."""
        concerned = [
            said.settled_at
            for said in self.said
            if said.at <= moment + within_s and said.settled_at is not None and said.settled_at > moment
        ]
        return max(concerned, default=moment) - moment


@asynccontextmanager
async def crowd_at(
    installed: Installed, count: int, think_s: float, rng: random.Random | None = None
) -> AsyncIterator[Crowd]:
    """A crowd that is talking; call `finish` within the block for the verdict."""
    crowd = Crowd(installed, count, think_s, rng or random.Random(0))
    crowd.start()
    try:
        yield crowd
    finally:
        await crowd.stop()


def percentile(values: list[float], share: float) -> float:
    """Return the value that a share (0 to 1) of the values does not exceed; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def waits_s(crowd: Crowd) -> list[float]:
    """Return how long each settled message took from being said to its outcome."""
    return [said.settled_at - said.at for said in crowd.said if said.settled_at is not None]


def now() -> float:
    """Return the clock that all moments here are of."""
    return time.monotonic()
