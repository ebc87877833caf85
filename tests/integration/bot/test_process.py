"""Rasa as it is run: a process of its own that is told to end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bot.conversation_store import ConversationStore
from tests.integration.bot.conftest import ROOT, SECRET, FakeActions

START_SECONDS = 120


class Rasa:
    """`rasa run` on a free port."""

    def __init__(self, model: Path, folder: Path, actions_url: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.database = f"sqlite:///{folder / 'bot.db'}"
        self.log = folder / "rasa.log"
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "RASA_TELEMETRY_ENABLED": "false",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "DRAGOMAN_INTERNAL_SECRET": SECRET,
            "DRAGOMAN_BOT_DATABASE": self.database,
            "DRAGOMAN_ACTIONS_URL": actions_url,
        }
        command = [
            sys.executable, "-W", "ignore", "-m", "rasa", "run", "--model", str(model),
            "--endpoints", "bot/endpoints.yml", "--credentials", "bot/credentials.yml",
            "--interface", "127.0.0.1", "--port", str(port),
        ]  # fmt: skip
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    async def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=2) as client:
            while time.monotonic() < deadline and self.process.poll() is None:
                try:
                    if (await client.get("/webhooks/service/")).status_code == 200:
                        return
                except httpx.TransportError:
                    # It does not listen yet.
                    await asyncio.sleep(0.1)
        raise AssertionError(f"Rasa is not ready:\n{self.log.read_text(encoding='utf-8')[-3000:]}")


@pytest.fixture
def rasa(model: Path, tmp_path: Path, actions: FakeActions) -> Iterator[Rasa]:
    rasa = Rasa(model, tmp_path, actions.url)
    try:
        yield rasa
    finally:
        rasa.process.kill()
        rasa.process.wait()


async def test_turn_under_way_is_finished_when_rasa_is_told_to_end(rasa: Rasa, actions: FakeActions) -> None:
    await rasa.wait_until_ready()
    actions.delay_seconds = 0.5
    body = {
        "sender_id": "c1.1",
        "message_id": "m-1",
        "text": "where is my order",
        "metadata": {"language": "en"},
    }
    async with httpx.AsyncClient(
        base_url=rasa.url,
        headers={"Authorization": f"Bearer {SECRET}"},
        trust_env=False,
        timeout=20,
    ) as client:
        asked = asyncio.create_task(client.post("/webhooks/service/turn", json=body))
        while not actions.called:
            await asyncio.sleep(0.01)
        rasa.process.send_signal(signal.SIGTERM)
        answer = await asked
    assert (answer.status_code, answer.json()["task"]) == (200, "track_order")
    assert await asyncio.to_thread(rasa.process.wait, 20) == 0
    store = ConversationStore(host=rasa.database)
    assert await store.keys() == ["c1.1"]
    store.close()
