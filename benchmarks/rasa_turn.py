"""What one turn costs in Rasa: `python -m benchmarks.rasa_turn [--turns 300]`.

Starts Rasa and the action server as `make run` does, calls `POST /webhooks/service/turn` as the service does,
and prints CPU and wall milliseconds a turn. CPU is the process's own, as the kernel counts it, so that
neither this client nor a busy machine weighs on it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import psutil

from scripts.processes import Installation, Processes, free_ports, prepare
from scripts.train import ensure_model

# What is said in one conversation, again and again.
SCRIPTS = {
    "question": ["how much is delivery?", "how long do I have to send something back?"],
    "small talk": ["good morning", "thank you so much"],
    "order": ["where is my order", "48190", "hannah.whitlock@mail.example"],
}


@dataclass(frozen=True)
class Figures:
    """Of the turns of one kind. CPU in milliseconds a turn, wall times in milliseconds."""

    kind: str
    turns: int
    conversations: int
    cpu_ms: float
    actions_cpu_ms: float
    p50_ms: float
    p95_ms: float
    turns_per_s: float


class Rasa:
    """A running Rasa with its action server, and their CPU clocks."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.installation = Installation(folder, free_ports(), settings)
        self.processes = Processes(self.installation, ensure_model(self.installation.environment()))
        self.start_seconds = 0.0

    def start(self) -> None:
        prepare(self.installation)
        self.processes.start("actions")
        started = time.monotonic()
        self.processes.start("bot")
        with httpx.Client(base_url=self.url, trust_env=False, timeout=2) as client:
            while not _is_ready(client):
                self.processes.check_alive()
                time.sleep(0.1)
        self.start_seconds = time.monotonic() - started

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.installation.ports.bot}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.installation.environment()['DRAGOMAN_INTERNAL_SECRET']}"}

    def cpu_seconds(self, name: str) -> float:
        spent = psutil.Process(self.processes.running[name].pid).cpu_times()
        return float(spent.user + spent.system)

    def memory_mb(self) -> float:
        return float(psutil.Process(self.processes.running["bot"].pid).memory_info().rss) / 1e6


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/webhooks/service/").status_code == 200
    except httpx.TransportError:
        return False


def measure(rasa: Rasa, kind: str, turns: int, conversations: int, at_once: int) -> Figures:
    """Return the figures of `turns` turns, spread over conversations that begin with them."""
    each = turns // conversations
    with httpx.Client(base_url=rasa.url, headers=rasa.headers, trust_env=False, timeout=30) as client:
        bot, actions = rasa.cpu_seconds("bot"), rasa.cpu_seconds("actions")
        started = time.perf_counter()
        with ThreadPoolExecutor(at_once) as pool:
            talks = pool.map(lambda _: list(_talk(client, kind, each)), range(conversations))
            wall = sorted(seconds for talk in talks for seconds in talk)
        elapsed = time.perf_counter() - started
        count = len(wall)
        return Figures(
            kind=kind,
            turns=count,
            conversations=conversations,
            cpu_ms=round((rasa.cpu_seconds("bot") - bot) / count * 1000, 2),
            actions_cpu_ms=round((rasa.cpu_seconds("actions") - actions) / count * 1000, 2),
            p50_ms=round(statistics.median(wall) * 1000, 1),
            p95_ms=round(wall[int(count * 0.95)] * 1000, 1),
            turns_per_s=round(count / elapsed, 1),
        )


def _talk(client: httpx.Client, kind: str, turns: int) -> Iterator[float]:
    """Take the turns of one conversation; yield how many seconds each took."""
    sender_id = f"{uuid.uuid4()}.1"
    for turn in range(turns):
        body = {
            "sender_id": sender_id,
            "message_id": str(uuid.uuid4()),
            "text": SCRIPTS[kind][turn % len(SCRIPTS[kind])],
            "payload": None,
            "metadata": {"language": "en", "market": "GB", "contact": None},
        }
        started = time.perf_counter()
        response = client.post("/webhooks/service/turn", json=body)
        yield time.perf_counter() - started
        if response.status_code != 200 or not response.json()["replies"]:
            raise SystemExit(f"{kind}: turn {turn + 1} got {response.status_code}: {response.text[:500]}")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rasa_turn", description=__doc__)
    parser.add_argument("--turns", type=int, default=300, help="of each kind")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--database", help="DRAGOMAN_BOT_DATABASE; an SQLite file of its own by default")
    parser.add_argument("--locks", help="DRAGOMAN_BOT_LOCKS")
    options = parser.parse_args()
    settings = {
        name: value
        for name, value in (
            ("DRAGOMAN_BOT_DATABASE", options.database),
            ("DRAGOMAN_BOT_LOCKS", options.locks),
        )
        if value
    }
    with tempfile.TemporaryDirectory() as folder:
        rasa = Rasa(Path(folder), settings)
        try:
            rasa.start()
            measure(rasa, "question", 20, 2, 1)
            _say(f"ready after {rasa.start_seconds:.1f} s, {rasa.memory_mb():.0f} MB")
            found = []
            for kind in SCRIPTS:
                for conversations, at_once in ((options.turns // 6, 1), (3, 1), (options.turns // 6, 8)):
                    found.append(measure(rasa, kind, options.turns, conversations, at_once))
                    _say(_line(found[-1], at_once))
            _say(f"in the end {rasa.memory_mb():.0f} MB")
        finally:
            rasa.processes.stop()
    if options.json:
        options.json.write_text(
            json.dumps([asdict(figures) for figures in found], indent=1), encoding="utf-8"
        )
    return 0


def _line(figures: Figures, at_once: int) -> str:
    return (
        f"{figures.kind:10}  {figures.turns // figures.conversations:4} in a conversation, {at_once} at once:"
        f"  {figures.cpu_ms:6.2f} ms CPU (actions {figures.actions_cpu_ms:5.2f})"
        f"  p50 {figures.p50_ms:6.1f}  p95 {figures.p95_ms:6.1f} ms  {figures.turns_per_s:6.1f}/s"
    )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
