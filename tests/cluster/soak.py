"""`make soak`: two hundred kills under two hundred conversations, then a calm stretch to watch the memory.

python -m tests.cluster.soak [--kills 200] [--visitors 200] [--minutes 10] [--calm-minutes 10] [--seed N]

Writes var/soak.json (docs/testing.md says how to read it); ends with 1 when a message was lost, doubled, out
of order or answered wrongly.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import secrets
import shutil
import sys
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from scripts.cluster import Cluster
from scripts.environment import ROOT
from tests.cluster.conftest import installed_at
from tests.cluster.crowd import Crowd, crowd_at, percentile, waits_s
from tests.cluster.kills import Killer
from tests.cluster.memory import MemoryWatch
from tests.cluster.truth import Verdict

# Two hundred customers who think this long send ten messages a second: half of what two cores can do while
# processes start on them.
THINK_S = 20.0
PROBLEMS_SHOWN = 20


async def soak(cluster: Cluster, arguments: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Kill, watch, and return the figures."""
    rng = random.Random(seed)
    killer = Killer(cluster.replicas, rng, spare_the_last=True)
    memory = MemoryWatch(cluster.replicas)
    watching = asyncio.create_task(memory.run())
    try:
        async with crowd_at(installed_at(cluster), arguments.visitors, THINK_S, rng) as crowd:
            await crowd.goes_on(arguments.visitors)
            await killer.run(arguments.kills, mean_pause_s=60 * arguments.minutes / max(1, arguments.kills))
            memory.note_calm()
            _say(f"{len(killer.kills)} kills, {crowd.count_settled()} messages settled; calm now")
            await asyncio.sleep(60 * arguments.calm_minutes)
            verdict = await crowd.finish()
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    return _figures(crowd, killer, memory, verdict, seed)


def _figures(
    crowd: Crowd, killer: Killer, memory: MemoryWatch, verdict: Verdict, seed: int
) -> dict[str, Any]:
    recoveries = [crowd.recovery_s(kill.at) for kill in killer.kills]
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": seed,
        "kills": dict(Counter(kill.kind for kill in killer.kills)),
        "conversations": verdict.conversations,
        "messages": verdict.accepted,
        "answered": verdict.answered,
        "handed_off": verdict.handed_off,
        "lost": len(verdict.lost),
        "doubled": len(verdict.doubled),
        "out_of_order": len(verdict.disordered),
        "wrong": len(verdict.wrong),
        "recovery_s": _spread(recoveries),
        "wait_s": _spread(waits_s(crowd)),
        "sockets_opened": sum(visitor.connections for visitor in crowd.visitors),
        "refused": dict(Counter(error for visitor in crowd.visitors for error in visitor.errors)),
        "memory": {name: asdict(process) for name, process in memory.processes().items()},
        "problems": verdict.problems,
    }


def _spread(values: list[float]) -> dict[str, float]:
    spread = {
        "p50": percentile(values, 0.5),
        "p95": percentile(values, 0.95),
        "max": max(values, default=0.0),
    }
    return {name: round(value, 3) for name, value in spread.items()}


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _report(figures: dict[str, Any]) -> None:
    for name in ("kills", "conversations", "messages", "answered", "handed_off", "lost", "doubled"):
        _say(f"{name:14}{figures[name]}")
    for name in ("out_of_order", "wrong", "recovery_s", "wait_s", "sockets_opened", "refused"):
        _say(f"{name:14}{figures[name]}")
    for name, process in figures["memory"].items():
        slope = process["slope_mb_per_minute"]
        rate = "too short to tell" if slope is None else f"{slope:+.2f} MB a minute"
        _say(f"memory        {name}: {process['first_mb']:.0f} to {process['last_mb']:.0f} MB, {rate}")
    for problem in figures["problems"][:PROBLEMS_SHOWN]:
        _say(f"!! {problem}")


def main() -> int:
    """Run the soak; return the process's exit status."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--visitors", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=10, help="over which the kills are spread")
    parser.add_argument("--calm-minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    arguments = parser.parse_args()
    _say(f"seed {arguments.seed}")
    folder = ROOT / "var" / "soak"
    shutil.rmtree(folder, ignore_errors=True)
    with Cluster(folder) as cluster:
        figures = asyncio.run(soak(cluster, arguments, arguments.seed))
    _report(figures)
    file = ROOT / "var" / "soak.json"
    file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    _say(f"written to {file.relative_to(ROOT)}; logs are in {folder.relative_to(ROOT)}")
    return 1 if figures["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
