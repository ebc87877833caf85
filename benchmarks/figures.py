"""Measuring: percentiles, what a process used, which machine it was."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from scripts.environment import ROOT

MB = 1_000_000


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Return p50, p95 and p99 in milliseconds."""
    if len(seconds) < 2:
        raise ValueError(f"{len(seconds)} measurements are too few for percentiles")
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {f"p{number}_ms": round(cuts[number - 1] * 1000, 2) for number in (50, 95, 99)}


class Usage:
    """CPU seconds of processes and their children between two moments, and their memory at the second."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._before = {name: _cpu_s(process) for name, process in self._processes.items()}
        self._started = time.perf_counter()

    def read(self) -> dict[str, dict[str, float]]:
        """Return for each process {"cpu_s", "cores" (share of one core), "rss_mb"} since the start."""
        elapsed_s = time.perf_counter() - self._started
        used = {name: _cpu_s(process) - self._before[name] for name, process in self._processes.items()}
        return {
            name: {
                "cpu_s": round(used[name], 2),
                "cores": round(used[name] / elapsed_s, 2),
                "rss_mb": round(_rss(process) / MB, 1),
            }
            for name, process in self._processes.items()
        }


def _rss(process: psutil.Process) -> int:
    return int(process.memory_info().rss) + sum(
        child.memory_info().rss for child in _living_children(process)
    )


def _cpu_s(process: psutil.Process) -> float:
    own = process.cpu_times()
    # What children used that have ended stays with the parent that waited for them.
    used = own.user + own.system + own.children_user + own.children_system
    for child in _living_children(process):
        times = child.cpu_times()
        used += times.user + times.system
    return float(used)


def _living_children(process: psutil.Process) -> Iterator[psutil.Process]:
    """Return the children; one that ends while it is looked at (PostgreSQL has many) is passed over."""
    for child in process.children(recursive=True):
        # Read here and kept for whoever asks.
        with suppress(psutil.NoSuchProcess), child.oneshot():
            child.cpu_times()
            child.memory_info()
            yield child


def calibrate() -> float:
    """Return the CPU seconds of a fixed piece of Python: how fast the machine is at this moment."""
    started = time.process_time()
    total = 0
    for number in range(3_000_000):
        total += number
    return round(time.process_time() - started, 3)


def describe_machine() -> dict[str, Any]:
    """Return date, processor, cores, load, and the commit that is measured."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "load_before": [round(load, 2) for load in os.getloadavg()],
        "calibration_s": calibrate(),
        "python": platform.python_version(),
        "commit": _git("rev-parse", "--short", "HEAD"),
        "has_changes": bool(_git("status", "--porcelain")),
    }


def _cpu_model() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _git(*arguments: str) -> str:
    """Return what git says; nothing where the folder is no repository (a release's archive)."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
