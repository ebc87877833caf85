"""The memory of each process over time, from the outside."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from scripts.cluster import KINDS
from scripts.processes import Processes
from tests.cluster.crowd import now

EVERY_S = 5.0
# A process grows while it meets everything for the first time.
WARM_UP_S = 60.0
# A slope over less than this says nothing.
LEAST_S = 120.0


@dataclass(frozen=True)
class ProcessMemory:
    """Resident memory of the last process of a replica, since the kills ended."""

    first_mb: float
    last_mb: float
    most_mb: float
    slope_mb_per_minute: float | None
    """Least squares, without the first minute; None when it was watched for too short."""


class MemoryWatch:
    """Notes the resident memory of every process every few seconds until it is cancelled."""

    def __init__(self, replicas: Sequence[Processes]) -> None:
        self._replicas = replicas
        self._samples: dict[str, list[tuple[float, float]]] = defaultdict(list)

    async def run(self) -> None:
        while True:
            for number, replica in enumerate(self._replicas):
                for kind in KINDS:
                    process = replica.running.get(kind)
                    if process is not None and process.poll() is None:
                        size_mb = psutil.Process(process.pid).memory_info().rss / 1e6
                        self._samples[f"{kind}-{number}"].append((now(), size_mb))
            await asyncio.sleep(EVERY_S)

    def note_calm(self) -> None:
        """Forget what was before: nobody is killed any more."""
        self._samples.clear()

    def processes(self) -> dict[str, ProcessMemory]:
        return {
            name: ProcessMemory(
                round(samples[0][1], 1),
                round(samples[-1][1], 1),
                round(max(size for _, size in samples), 1),
                slope_per_minute(samples),
            )
            for name, samples in sorted(self._samples.items())
        }


def slope_per_minute(samples: Sequence[tuple[float, float]]) -> float | None:
    """Return the slope of (second, MB) samples in MB a minute, by least squares after the warm-up.

    None when what is left spans less than LEAST_S.
    """
    kept = [(at, size) for at, size in samples if at >= samples[0][0] + WARM_UP_S]
    if len(kept) < 2 or kept[-1][0] - kept[0][0] < LEAST_S:
        return None
    mean_at = sum(at for at, _ in kept) / len(kept)
    mean_size = sum(size for _, size in kept) / len(kept)
    rise = sum((at - mean_at) * (size - mean_size) for at, size in kept)
    return round(60 * rise / sum((at - mean_at) ** 2 for at, _ in kept), 3)
