"""`make bench [QUICK=1]`: start the real processes, put them under load, print and keep the figures."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import uvloop

from benchmarks.aims import list_aims
from benchmarks.figures import Usage, describe_machine
from benchmarks.http_load import rest_body, run_http_load, turn_body
from benchmarks.idle import measure_idle_sockets
from benchmarks.load import Load, NothingMeasuredError, ask, open_socket, run_load
from benchmarks.messages import Mix
from benchmarks.render import FIGURES, render_figures, write_page
from benchmarks.stock_rasa.project import ensure_stock_model, running_stock_rasa
from scripts.cluster import Cluster
from scripts.environment import ROOT, SetupError, ensure_environments, say
from scripts.processes import Installation, Processes, free_ports, prepare
from scripts.train import ensure_model
from tests.servers import ServerError

FOLDER = ROOT / "var" / "bench"

# All customers come from one address here; logs stay on, because they cost too.
SETTINGS = {
    "DRAGOMAN_MESSAGES_PER_MINUTE": "1000000",
    "DRAGOMAN_CONVERSATIONS_PER_MINUTE": "1000000",
    "DRAGOMAN_ADDRESS_MESSAGES_PER_MINUTE": "0",
    "DRAGOMAN_FRAMES_PER_MINUTE": "0",
    "DRAGOMAN_SOCKETS_PER_ADDRESS": "0",
    # The same on every day of the week.
    "DRAGOMAN_TELL_SUPPORT_HOURS": "false",
}

LOADS = (
    Load(customers=1, seconds=15),
    Load(customers=8, seconds=15),
    Load(customers=32, seconds=20),
    # People think: 200 of them come to 100 messages a second.
    Load(customers=200, seconds=25, think_s=2.0, warm_up_s=4),
)
QUICK_LOADS = (Load(customers=1, seconds=6), Load(customers=32, seconds=8))
RASA_LOADS = (Load(customers=1, seconds=8), Load(customers=32, seconds=10))
QUICK_RASA_LOADS = (Load(customers=1, seconds=4), Load(customers=32, seconds=5))
REPLICAS_LOAD = Load(customers=32, seconds=15, warm_up_s=4)
IDLE_SOCKETS = 1000

Figures = dict[str, Any]


def pids_of(processes: Processes) -> dict[str, int]:
    """Return the process ids by name: service, bot, actions."""
    return {name: process.pid for name, process in processes.running.items()}


def bench_embedded(is_quick: bool) -> Figures:
    """Measure the embedded set-up: start-up, the loads, Rasa by itself, idle sockets."""
    shutil.rmtree(FOLDER / "embedded", ignore_errors=True)
    installation = Installation(FOLDER / "embedded", free_ports(), SETTINGS)
    processes = Processes(installation, ensure_model(installation.environment()))
    prepare(installation)
    start_up: Figures = {}
    try:
        for key in ("first_s",) if is_quick else ("first_s", "warm_s"):
            processes.stop()
            started = time.monotonic()
            processes.start()
            processes.wait_until_ready()
            start_up[key] = round(time.monotonic() - started, 1)
            say(f"· all three processes answer after {start_up[key]} s")
        figures = {"start_up": start_up, **uvloop.run(_measure(processes, start_up, is_quick))}
        if not is_quick:
            # A service that has been under load has memory to spare, and would hide what sockets need.
            processes.stop("service")
            processes.start("service")
            processes.wait_until_ready()
            idle = uvloop.run(measure_idle_sockets(installation.origin, IDLE_SOCKETS, 8, pids_of(processes)))
            figures["idle_sockets"] = idle
            say(f"· {IDLE_SOCKETS} idle sockets: {idle['added_mb']} MB")
        return figures
    finally:
        processes.stop()


async def _measure(processes: Processes, start_up: Figures, is_quick: bool) -> Figures:
    installation, pids = processes.installation, pids_of(processes)
    origin = installation.origin
    start_up["first_reply_ms"] = await _first_reply_ms(origin)
    figures: Figures = {"service": {}, "bot": {}}
    for load in QUICK_LOADS if is_quick else LOADS:
        row = await run_load(origin, load, pids)
        figures["service"][str(load.customers)] = row
        p50_ms = row["accepted_to_reply"]["p50_ms"]
        say(f"· {load.customers} customers: {row['replies_per_s']} replies/s, p50 {p50_ms} ms")
    figures["memory_mb"] = {name: used["rss_mb"] for name, used in Usage(pids).read().items()}
    secret = installation.environment()["DRAGOMAN_INTERNAL_SECRET"]
    headers = {"Authorization": f"Bearer {secret}"}
    for load in QUICK_RASA_LOADS if is_quick else RASA_LOADS:
        row = await run_http_load(
            installation.ports.bot, "/webhooks/service/turn", headers, turn_body, load, {"bot": pids["bot"]}
        )
        figures["bot"][str(load.customers)] = row
        say(f"· our Rasa alone, {load.customers} customers: {row['replies_per_s']} replies/s")
    return figures


async def _first_reply_ms(origin: str) -> float:
    conversation = next(Mix(seed=0).conversations(1))
    async with httpx.AsyncClient(base_url=origin, trust_env=False) as http, AsyncExitStack() as stack:
        socket = await open_socket(http, conversation, stack)
        answer, _ = await ask(socket, conversation.messages[0])
    if answer is None:
        raise SetupError("the first message was not answered")
    return round((answer.replied - answer.sent) * 1000, 1)


def bench_stock_rasa(is_quick: bool) -> Figures:
    """Measure stock Rasa with the same messages and customers over its REST channel."""
    model, training_s = ensure_stock_model(FOLDER / "stock")
    levels: Figures = {}
    with running_stock_rasa(model) as (port, pid, start_s):
        for load in QUICK_RASA_LOADS if is_quick else RASA_LOADS:
            row = uvloop.run(run_http_load(port, "/webhooks/rest/webhook", {}, rest_body, load, {"bot": pid}))
            levels[str(load.customers)] = row
            say(f"· stock Rasa, {load.customers} customers: {row['replies_per_s']} replies/s")
    return {"start_s": start_s, "training_s": training_s, "levels": levels}


def bench_replicas() -> Figures:
    """Measure one and two replicas of every process behind nginx, on PostgreSQL and Redis.

    All share this machine's cores: where these are busy, it shows what replicas cost, not what they gain.
    """
    runs: list[Figures] = []
    for replicas in (1, 2):
        with (
            TemporaryDirectory(prefix="dragoman-bench-") as folder,
            Cluster(Path(folder), SETTINGS, replicas) as cluster,
        ):
            pids = {
                f"{name}-{number}": pid
                for number, replica in enumerate(cluster.replicas)
                for name, pid in pids_of(replica).items()
            }
            for server in (cluster.postgres, cluster.redis):
                assert server.process is not None
                pids[server.name] = server.process.pid
            row = uvloop.run(run_load(cluster.origin, REPLICAS_LOAD, pids))
        runs.append({"replicas": replicas, **row})
        say(f"· {replicas} of each behind nginx: {row['replies_per_s']} replies/s")
    ratio = runs[1]["replies_per_s"] / runs[0]["replies_per_s"]
    return {"runs": runs, "throughput_ratio": round(ratio, 2)}


def compare(service: Figures, stock: Figures) -> Figures:
    """Return how many times faster Dragoman is: whole, sockets and database included, against bare Rasa."""
    ours, theirs = service["1"]["sent_to_reply"], stock["1"]["sent_to_reply"]
    cpu_ms = service["32"]["cpu_ms_per_reply"]
    own_cpu_ms = sum(used for name, used in cpu_ms.items() if name != "driver")
    return {
        "throughput": round(service["32"]["replies_per_s"] / stock["32"]["replies_per_s"], 2),
        "latency": round(theirs["p50_ms"] / ours["p50_ms"], 2),
        # Holds on a busy machine too, where the other two depend on who else wants the cores.
        "cpu": round(stock["32"]["cpu_ms_per_reply"]["bot"] / own_cpu_ms, 2),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="two loads of a few seconds; the page is not touched"
    )
    arguments = parser.parse_args()
    started = time.monotonic()
    try:
        ensure_environments()
        FOLDER.mkdir(parents=True, exist_ok=True)
        figures: Figures = {"machine": describe_machine(), "is_quick": arguments.quick}
        figures |= bench_embedded(arguments.quick)
        figures["stock_rasa"] = bench_stock_rasa(arguments.quick)
        if not arguments.quick:
            figures["replicas"] = bench_replicas()
    except (SetupError, ServerError, NothingMeasuredError) as error:
        sys.exit(f"make bench: {error}")
    figures["ratios"] = compare(figures["service"], figures["stock_rasa"]["levels"])
    figures["aims"] = list_aims(figures)
    figures["took_s"] = round(time.monotonic() - started)
    FIGURES.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    say("\n" + render_figures(figures))
    say(f"{figures['took_s']} s; all figures: {FIGURES.relative_to(ROOT)}")
    if not arguments.quick:
        write_page(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
