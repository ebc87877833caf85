"""Write stock Rasa's project from our training messages, train it once, start it."""

from __future__ import annotations

import hashlib
import http.client
import json
import random
import shutil
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from scripts.environment import ROOT, SetupError, base_environment, python_of, say
from scripts.processes import free_port

CONFIG = Path(__file__).parent / "config.yml"
LANGUAGES = ("en", "it")
# Messages of a topic in each language. More make training much longer and an answer no faster.
MESSAGES_PER_TOPIC = 8
STORIES = 12
START_TIMEOUT_S = 240.0
RESPONSE = (
    "This is an answer of about the length that a shop's answers have: what it costs, how long it takes, and "
    "what to do if something is not as it should be."
)


def collect_messages() -> dict[str, list[str]]:
    """Return our training messages by intent; a slash would make a retrieval intent of it."""
    messages: dict[str, list[str]] = defaultdict(list)
    for language in LANGUAGES:
        taken: dict[str, list[str]] = defaultdict(list)
        for file in sorted((ROOT / "data" / "nlu" / language).glob("*.yml")):
            for block in yaml.safe_load(file.read_text(encoding="utf-8"))["nlu"]:
                if "intent" in block:
                    examples = (line.strip() for line in block["examples"].splitlines())
                    taken[block["intent"]].extend(line for line in examples if line.startswith("- "))
        for intent, lines in taken.items():
            messages[intent.replace("/", "_")].extend(lines[:MESSAGES_PER_TOPIC])
    return dict(messages)


def render_project(messages: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
    """Return the project's files by name: messages, domain, one rule a topic, a few stories for TED."""
    intents = sorted(messages)

    def turn(intent: str) -> list[dict[str, str]]:
        return [{"intent": intent}, {"action": f"utter_{intent}"}]

    draw = random.Random(1)
    stories = [
        {
            "story": f"story {number}",
            "steps": [step for intent in draw.sample(intents, 3) for step in turn(intent)],
        }
        for number in range(STORIES)
    ]
    blocks = [{"intent": intent, "examples": "\n".join(messages[intent]) + "\n"} for intent in intents]
    topics = [*intents, "nlu_fallback"]
    return {
        "data/nlu.yml": {"version": "3.1", "nlu": blocks},
        "data/rules.yml": {
            "version": "3.1",
            "rules": [{"rule": f"answer {intent}", "steps": turn(intent)} for intent in topics],
            "stories": stories,
        },
        "domain.yml": {
            "version": "3.1",
            "intents": topics,
            "entities": ["order_number", "email"],
            "responses": {f"utter_{intent}": [{"text": RESPONSE}] for intent in topics},
        },
        "credentials.yml": {"rest": None},
        "endpoints.yml": {},
    }


def ensure_stock_model(folder: Path) -> tuple[Path, float | None]:
    """Write and train the project unless it is there; return the model and how long training took (seconds).

    Raises:
        SetupError: Training failed.
    """
    files = render_project(collect_messages())
    fingerprint = hashlib.sha256(json.dumps(files).encode() + CONFIG.read_bytes()).hexdigest()[:16]
    project = folder / fingerprint
    model = project / "models" / "stock.tar.gz"
    if model.exists():
        return model, None
    say("· training stock Rasa (DIET and TED, 100 epochs each), once; this takes some minutes")
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in files.items():
        file = project / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    shutil.copy(CONFIG, project / "config.yml")
    started = time.monotonic()
    command = ["train", "--fixed-model-name", "stock", "--augmentation", "0"]
    done = subprocess.run(
        [python_of(".venv-bot"), "-W", "ignore", "-m", "rasa", *command],
        cwd=project,
        env=base_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode or not model.exists():
        raise SetupError(f"training stock Rasa failed:\n{done.stdout[-3000:]}")
    return model, round(time.monotonic() - started, 1)


@contextmanager
def running_stock_rasa(model: Path) -> Iterator[tuple[int, int, float]]:
    """Start stock Rasa for as long as the block lasts; yield its port, its pid and its start-up seconds.

    Raises:
        SetupError: It ended by itself, or takes longer than START_TIMEOUT_S.
    """
    port = free_port()
    project = model.parent.parent
    started = time.monotonic()
    with (project / "run.log").open("ab") as log:
        process = subprocess.Popen(
            [
                python_of(".venv-bot"), "-W", "ignore", "-m", "rasa", "run", "--model", str(model),
                "--endpoints", "endpoints.yml", "--credentials", "credentials.yml",
                "--interface", "127.0.0.1", "--port", str(port),
            ],
            cwd=project, env=base_environment(), stdin=subprocess.DEVNULL, stdout=log,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        # Rasa listens before its model is loaded, and then answers `null` to messages.
        while not _has_model(port):
            if process.poll() is not None or time.monotonic() - started > START_TIMEOUT_S:
                raise SetupError(f"stock Rasa did not start (log: {project / 'run.log'})")
            time.sleep(0.2)
        yield port, process.pid, round(time.monotonic() - started, 1)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _has_model(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        body = json.dumps({"sender": "start", "message": "hello"})
        connection.request("POST", "/webhooks/rest/webhook", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status == 200 and bool(json.loads(response.read() or b"[]"))
    except OSError:
        return False
    finally:
        connection.close()
