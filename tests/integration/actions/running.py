"""Starts the action server as a process of its own, for the tests of this folder."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[3]
SECRET = secrets.token_urlsafe(32)
# A machine may be busy; alone it takes about a second.
START_S = 60.0


@dataclass
class RunningServer:
    """The process, its log, and a client that knows the secret."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    client: httpx.Client

    def call(self, action: str, **tracker: Any) -> httpx.Response:
        """Call an action as Rasa does, without the domain."""
        state = {"sender_id": "c1.1", "slots": {}, "latest_message": {}, "events": [], **tracker}
        return self.client.post(
            "/webhook", json={"next_action": action, "sender_id": "c1.1", "tracker": state}
        )


@contextmanager
def running_server(folder: Path) -> Iterator[RunningServer]:
    """Run a server on a free port, with log and database in a folder; it is healthy when this begins."""
    port = find_free_port()
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "actions.server"],
            cwd=ROOT,
            env=environment(folder, port, SECRET),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    headers = {"Authorization": f"Bearer {SECRET}"}
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False)
    try:
        _wait_until_healthy(client, process, log)
        yield RunningServer(process, port, log, client)
    finally:
        client.close()
        process.kill()
        process.wait()


def find_free_port() -> int:
    """Return a port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(folder: Path, port: int, secret: str) -> dict[str, str]:
    """Return the settings of a server, and nothing else of this process's environment."""
    return {
        "PATH": os.environ["PATH"],
        "DRAGOMAN_INTERNAL_SECRET": secret,
        "DRAGOMAN_ACTIONS_PORT": str(port),
        "DRAGOMAN_SHOP_DATABASE": f"sqlite+aiosqlite:///{folder / 'shop.db'}",
    }


def _wait_until_healthy(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            if client.get("/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"not healthy after {START_S} s: {log.read_text()}")
