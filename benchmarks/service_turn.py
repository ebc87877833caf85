"""What one message costs in the service: `python -m benchmarks.service_turn [--messages 400]`.

Runs the service by itself against a bot that answers at once, and prints: CPU a message, statements a
message, how long each step took, and which packages the CPU time went to (sampled). CPU is what the kernel
counted, so neither this client nor a busy machine weighs on it much.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
import psutil
import uvicorn
import uvloop
from sqlalchemy import event

from benchmarks.figures import calibrate
from benchmarks.load import CONVERSATION_LENGTH, ask, open_socket
from benchmarks.messages import Conversation
from handoff.app import create_app
from handoff.connections import make_server_config
from handoff.database import Base
from scripts.environment import ROOT, base_environment, say
from scripts.processes import SECRETS, free_port

# The kernel's clock ticks are coarser than this; it then samples at every tick of CPU time.
SAMPLE_EVERY_S = 0.001
WARM_UP_MESSAGES = 60
TEXT = "how much do you charge for delivery?"
# As long as the bot's answers are.
REPLY = {"text": "It costs £4.95 and is free from £50. " * 5, "buttons": [], "topic": "faq/shipping_cost"}
RANKED = {"label": "faq/shipping_cost", "confidence": 0.1, "title": "A topic's title"}
ANSWER = {
    "replies": [REPLY],
    "language": {"detected": "en", "confidence": 0.99, "chosen": "en", "asked": None},
    "understanding": {
        "label": "faq/shipping_cost",
        "confidence": 0.97,
        "ranking": [RANKED] * 5,
        "decision": "answer",
    },
    "entities": [],
    "task": None,
    "slots": {},
    "handoff": None,
}


# The service's side: this module is started a second time, and then is the service.


class Sampler:
    """Counts what the service does between SIGUSR1 and SIGUSR2; prints it as one line of JSON."""

    def __init__(self) -> None:
        self.statements: Counter[str] = Counter()
        self.packages: Counter[str] = Counter()

    def start(self) -> None:
        self.statements.clear()
        self.packages.clear()
        signal.setitimer(signal.ITIMER_PROF, SAMPLE_EVERY_S, SAMPLE_EVERY_S)

    def stop(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        say(json.dumps({"statements": self.statements, "packages": self.packages}))

    def sample(self, _number: int, frame: FrameType | None) -> None:
        """Count the package that is at work; the standard library works for whoever called it."""
        package = None
        while frame is not None and package is None:
            package = package_of(frame.f_code.co_filename)
            frame = frame.f_back
        self.packages[package or "event loop"] += 1

    def count_statement(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        """Count a statement by its first words and its tables."""
        words = statement.replace("(", " ").split()
        tables = [after for word, after in pairwise(words) if word in ("FROM", "INTO", "UPDATE", "JOIN")]
        self.statements[" ".join([words[0], *tables])] += 1


def package_of(file: str) -> str | None:
    """Return the package and its part that a source file belongs to; None for the standard library."""
    _, found, rest = file.rpartition("/site-packages/")
    path = Path(file)
    if found:
        parts = tuple(rest.split("/"))
    elif path.is_relative_to(ROOT):
        parts = path.relative_to(ROOT).parts
    else:
        return None
    return "/".join(parts[:2])


async def serve(port: int) -> None:
    """Run the service until SIGTERM; the settings come from the environment."""
    app = create_app()
    engine = app.state.services.database.engine
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    sampler = Sampler()
    event.listen(engine.sync_engine, "before_cursor_execute", sampler.count_statement)
    signal.signal(signal.SIGPROF, sampler.sample)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, sampler.start)
    loop.add_signal_handler(signal.SIGUSR2, sampler.stop)
    config = make_server_config(app, host="127.0.0.1", port=port, timeout_graceful_shutdown=1)
    await uvicorn.Server(config).serve()


# The customers' and the bot's side.


@dataclass
class InstantBot:
    """Speaks the bot's HTTP and answers at once; keeps when each message came in and when it was answered."""

    asked: dict[str, float] = field(default_factory=dict)
    answered: dict[str, float] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                lines = [line for line in head.split("\r\n") if line.startswith("content-length:")]
                body = await reader.readexactly(int(lines[0].split(":")[1]) if lines else 0)
                content = b"{}"
                if body:
                    turn = json.loads(body)
                    self.asked[turn["message_id"]] = time.perf_counter()
                    content = json.dumps({**ANSWER, "message_id": turn["message_id"]}).encode()
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                    b"Content-Length: %d\r\n\r\n%s" % (len(content), content)
                )
                if body:
                    self.answered[turn["message_id"]] = time.perf_counter()
        except asyncio.IncompleteReadError:
            writer.close()


@dataclass
class Steps:
    """How long each step of the messages took, in seconds."""

    accept: list[float] = field(default_factory=list)
    to_bot: list[float] = field(default_factory=list)
    from_bot: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)


async def converse(http: httpx.AsyncClient, bot: InstantBot, messages: int, steps: Steps) -> None:
    """Be one customer for so many messages."""
    conversation = Conversation("en", "GB", (TEXT,) * CONVERSATION_LENGTH)
    said = 0
    while said < messages:
        async with AsyncExitStack() as stack:
            socket = await open_socket(http, conversation, stack)
            for text in conversation.messages[: messages - said]:
                answer, _ = await ask(socket, text)
                assert answer is not None
                said += 1
                steps.accept.append(answer.accepted - answer.sent)
                steps.to_bot.append(bot.asked[answer.message_id] - answer.sent)
                steps.from_bot.append(answer.replied - bot.answered[answer.message_id])
                steps.whole.append(answer.replied - answer.sent)


async def drive(messages: int, customers: int) -> None:
    """Measure and print."""
    bot, port, bot_port = InstantBot(), free_port(), free_port()
    server = await asyncio.start_server(bot.serve, "127.0.0.1", bot_port)
    with tempfile.TemporaryDirectory() as folder, running_service(Path(folder), port, bot_port) as service:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60
        ) as http:
            await wait_until_up(http, service)
            await asyncio.gather(
                *(converse(http, bot, WARM_UP_MESSAGES // customers + 1, Steps()) for _ in range(customers))
            )
            steps, process = Steps(), psutil.Process(service.pid)
            service.send_signal(signal.SIGUSR1)
            before, started = process.cpu_times(), time.perf_counter()
            await asyncio.gather(
                *(converse(http, bot, messages // customers, steps) for _ in range(customers))
            )
            elapsed_s, after = time.perf_counter() - started, process.cpu_times()
            service.send_signal(signal.SIGUSR2)
            assert service.stdout is not None
            counted = json.loads(await asyncio.to_thread(service.stdout.readline))
    server.close()
    show(steps, counted, after.user + after.system - before.user - before.system, elapsed_s)


@contextmanager
def running_service(folder: Path, port: int, bot_port: int) -> Iterator[subprocess.Popen[str]]:
    """Start this module as the service; end it with the block."""
    environment = {
        **base_environment(),
        **{name: secrets.token_urlsafe(48) for name in SECRETS},
        "DRAGOMAN_DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'dragoman.db'}",
        "DRAGOMAN_BOT_URL": f"http://127.0.0.1:{bot_port}",
        "DRAGOMAN_MESSAGES_PER_MINUTE": "1000000",
        "DRAGOMAN_CONVERSATIONS_PER_MINUTE": "1000000",
        "DRAGOMAN_ADDRESS_MESSAGES_PER_MINUTE": "0",
    }
    command = [sys.executable, "-m", "benchmarks.service_turn", "--serve", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=20)


async def wait_until_up(http: httpx.AsyncClient, service: subprocess.Popen[str]) -> None:
    """Raises RuntimeError when the service ended instead."""
    while True:
        try:
            await http.get("/health")
        except httpx.TransportError:
            if service.poll() is not None:
                raise RuntimeError(f"the service ended with {service.returncode}") from None
            await asyncio.sleep(0.1)
        else:
            return


def show(steps: Steps, counted: dict[str, Any], cpu_s: float, elapsed_s: float) -> None:
    """Print what was measured."""
    messages = len(steps.whole)
    say(f"{messages} messages, {messages / elapsed_s:.0f}/s")
    say(f"machine: load {os.getloadavg()[0]:.1f}, calibration loop {calibrate()} s")
    say(f"CPU of the service     {cpu_s / messages * 1000:7.2f} ms a message")
    say(f"statements             {sum(counted['statements'].values()) / messages:7.2f} a message")
    for name, values in (
        ("sent → accepted", steps.accept),
        ("sent → bot asked", steps.to_bot),
        ("bot answered → reply", steps.from_bot),
        ("sent → reply", steps.whole),
    ):
        median, p95 = statistics.median(values), statistics.quantiles(values, n=20)[18]
        say(f"{name:22} {median * 1000:7.2f} ms p50, {p95 * 1000:.2f} ms p95")
    for statement, count in Counter(counted["statements"]).most_common(20):
        say(f"  {statement:60} {count / messages:5.2f}")
    samples = sum(counted["packages"].values())
    for package, count in Counter(counted["packages"]).most_common(20):
        share = count / samples
        say(f"  {package:36} {share:6.1%}  {share * cpu_s / messages * 1000:6.2f} ms a message")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service_turn", description=__doc__)
    parser.add_argument("--messages", type=int, default=400)
    parser.add_argument("--customers", type=int, default=1)
    parser.add_argument("--serve", type=int, metavar="PORT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    uvloop.run(serve(arguments.serve) if arguments.serve else drive(arguments.messages, arguments.customers))
    return 0


if __name__ == "__main__":
    sys.exit(main())
