"""What the customers of a benchmark say: questions in five languages, and orders looked up step by step."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from scripts.environment import ROOT

DEV = ROOT / "tests" / "data" / "dev"
FLOWS = Path(__file__).parent / "flows.yml"

# Topics that the bot answers by itself. What asks for a person would end the conversation after one message.
ANSWERED = ("faq/", "greet", "thank", "help")
# Of ten blocks of messages one is an order's whole story (four messages), so a third of all messages.
FLOW_SHARE = 0.1


@dataclass(frozen=True)
class Conversation:
    """One customer's messages, in order."""

    language: str
    market: str
    messages: tuple[str, ...]


class Mix:
    """Conversations without end, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._flows = yaml.safe_load(FLOWS.read_text(encoding="utf-8"))
        self._questions = {flow["language"]: load_questions(flow["language"]) for flow in self._flows}

    def conversations(self, length: int) -> Iterator[Conversation]:
        """Yield conversations of `length` messages (up to three more, when an order's story ends one)."""
        while True:
            flow = self._random.choice(self._flows)
            said: list[str] = []
            while len(said) < length:
                if self._random.random() < FLOW_SHARE:
                    said.extend(flow["says"])
                else:
                    said.append(self._random.choice(self._questions[flow["language"]]))
            yield Conversation(flow["language"], flow["market"], tuple(said))


def load_questions(language: str) -> list[str]:
    """Return the measured messages of a language (tests/data/dev) that the bot answers by itself."""
    lines = (DEV / f"{language}.jsonl").read_text(encoding="utf-8").splitlines()
    parsed = [json.loads(line) for line in lines]
    return [item["text"] for item in parsed if item["expected"][0].startswith(ANSWERED)]
