"""Killing replicas at random moments, and starting them again at once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from scripts.processes import Processes
from tests.cluster.crowd import now

# A start of Rasa takes about twenty seconds of a core, one of the others two or three: killed as often as
# they, it would do nothing but start.
WEIGHTS = {"service": 0.5, "actions": 0.35, "bot": 0.15}


@dataclass(frozen=True)
class Kill:
    at: float
    """On the monotonic clock."""
    kind: str
    replica: int


@dataclass
class Killer:
    """Kills one process at a time; the moments and the victims follow from the seed."""

    replicas: Sequence[Processes]
    rng: random.Random
    spare_the_last: bool
    """Whether a kind's last ready replica is left alone."""
    kills: list[Kill] = field(default_factory=list)

    async def run(self, count: int, mean_pause_s: float) -> None:
        """Kill `count` times, with random pauses; return when everything is ready again."""
        for _ in range(count):
            await asyncio.sleep(self.rng.uniform(0, 2 * mean_pause_s))
            kind, replica = await self._choose()
            await self.kill(kind, replica)
        await self.all_ready()

    async def kill(self, kind: str, replica: int) -> None:
        """SIGKILL one process and start it again at once."""
        self.kills.append(Kill(now(), kind, replica))
        await asyncio.to_thread(self.replicas[replica].stop, kind, kill=True)
        await asyncio.to_thread(self.replicas[replica].start, kind)

    async def all_ready(self, timeout_s: float = 120) -> None:
        """Raises TimeoutError when something does not come back, SetupError when it ended by itself."""
        async with asyncio.timeout(timeout_s):
            for replica in self.replicas:
                await asyncio.to_thread(replica.wait_until_ready, timeout_s)

    async def _choose(self) -> tuple[str, int]:
        kinds = list(WEIGHTS)
        while True:
            kind = self.rng.choices(kinds, [WEIGHTS[kind] for kind in kinds])[0]
            ready = [
                number
                for number, replica in enumerate(self.replicas)
                if await asyncio.to_thread(replica.is_ready, kind)
            ]
            if len(ready) > self.spare_the_last:
                return kind, self.rng.choice(ready)
            await asyncio.sleep(0.1)
