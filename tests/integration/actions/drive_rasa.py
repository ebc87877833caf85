"""Trains Rasa on rasa_project/ and bot/domain/orders.yml and holds conversations with it, in Rasa's Python.

Reads {"actions_url", "secret", "folder", "conversations": {name: [[message, metadata], …]}} from stdin and
writes {name: {"replies": [[response, …], …], "slots": {…}, "active_loop": …}} to stdout's last line.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from rasa.core.agent import Agent
from rasa.core.channels import CollectingOutputChannel, UserMessage
from rasa.model_training import train
from rasa.utils.endpoints import EndpointConfig

ROOT = Path(__file__).parents[3]
PROJECT = Path(__file__).parent / "rasa_project"


def train_model(folder: Path) -> str:
    """Train and return the model's path. Rasa takes one domain folder, so the two files meet in one."""
    domain = folder / "domain"
    domain.mkdir()
    for file in (PROJECT / "domain.yml", ROOT / "bot" / "domain" / "orders.yml"):
        (domain / file.name).write_bytes(file.read_bytes())
    result = train(
        domain=str(domain),
        config=str(PROJECT / "config.yml"),
        training_files=[str(PROJECT / "rules.yml"), str(PROJECT / "nlu.yml")],
        output=str(folder / "models"),
    )
    return str(result.model)


async def hold(agent: Agent, name: str, messages: list[list[Any]]) -> dict[str, Any]:
    """Hold one conversation."""
    replies = []
    for text, metadata in messages:
        channel = CollectingOutputChannel()
        await agent.handle_message(UserMessage(text, channel, sender_id=name, metadata=metadata))
        # The texts of the domain are keys, which are the responses' names.
        replies.append([message["text"] for message in channel.messages])
    tracker = await agent.tracker_store.retrieve(name)
    return {
        "replies": replies,
        "slots": tracker.current_slot_values(),
        "active_loop": tracker.active_loop_name,
    }


async def main() -> None:
    """Train, hold the conversations, write what was said."""
    given = json.load(sys.stdin)
    model = train_model(Path(given["folder"]))
    headers = {"Authorization": f"Bearer {given['secret']}"}
    agent = Agent.load(model, action_endpoint=EndpointConfig(given["actions_url"], headers=headers))
    held = {name: await hold(agent, name, messages) for name, messages in given["conversations"].items()}
    sys.stdout.write("\n" + json.dumps(held))


if __name__ == "__main__":
    asyncio.run(main())
