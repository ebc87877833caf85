"""What these tests do with customers, over and over."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any

from handoff.conversations import repository, service
from locales import catalogue
from tests.customer import Customer
from tests.integration.handoff.conftest import Running

WITHIN_S = 5.0
"""A customer hears a true sentence within this time, whatever is broken."""


async def say_accepted(customer: Customer, text: str) -> float:
    """Write and wait for the confirmation; return when it came."""
    message_id = await customer.say(text)
    frame = await customer.wait_for(lambda frame: frame.get("id") == message_id)
    assert frame["type"] == "accepted", frame
    return time.monotonic()


def notice(key: str) -> str:
    return catalogue.text("service", f"notice.{key}", "en")


async def read_log(running: Running, customer: Customer) -> list[dict[str, Any]]:
    async with running.services.database.reading() as session:
        return await service.list_rendered_events(session, uuid.UUID(customer.conversation_id), 0)


async def list_texts(running: Running, customer: Customer) -> list[tuple[str, str]]:
    """Return what everybody has said: author and text."""
    async with running.services.database.reading() as session:
        messages = await repository.list_messages(session, uuid.UUID(customer.conversation_id))
    return [(message.author.value, message.text) for message in messages]


async def until_heard(customer: Customer, author: str, text: str, timeout_s: float = WITHIN_S) -> float:
    """Wait for a sentence, unless it was heard already; return when it came."""
    async with asyncio.timeout(timeout_s):
        while text not in customer.texts(author):
            await customer.receive(timeout_s)
    return time.monotonic()
