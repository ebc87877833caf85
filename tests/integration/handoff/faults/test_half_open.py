"""Sockets whose other side is gone or reads no more: closed in time, at nobody's cost, resumed in full."""

from __future__ import annotations

import asyncio
import json
import socket
import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from handoff.bot_client import TurnRequest, TurnResult
from handoff.conversations import service as conversations
from handoff.presence import Kind
from handoff.testing import FakeBot, echo, make_result
from tests.customer import Customer
from tests.integration.handoff.conftest import Running, make_settings, running_service
from tests.integration.handoff.faults.people import WITHIN_S
from tests.integration.handoff.faults.storage import until
from tests.integration.handoff.hostile.raw import TEXT, Raw, frame

MEGABYTE = 1024 * 1024
# More together than the system's buffers between two sockets of this machine hold.
LONG, REPLIES = "x" * 400_000, 30


def long_winded(request: TurnRequest) -> TurnResult:
    """Answer at length to who asks for it."""
    return make_result(request, LONG) if request.text == "long" else echo(request)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes half a minute and longer is here a matter of seconds."""
    monkeypatch.setattr("handoff.connections.READ_WITHIN_S", 2.0)
    monkeypatch.setattr("handoff.connections.FLUSH_WITHIN_S", 0.5)
    monkeypatch.setattr("handoff.channels.web.socket.SENT_WITHIN_S", 1.0)
    monkeypatch.setattr("handoff.channels.web.socket.CLOSED_WITHIN_S", 0.5)


async def open_deaf_socket(customer: Customer) -> Raw:
    """Open a second socket of a customer, say hello, and read nothing any more."""
    parts = urlsplit(customer.base_url)
    connection = socket.socket()
    connection.setblocking(False)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await asyncio.get_running_loop().sock_connect(connection, (parts.hostname, parts.port))
    deaf = Raw(*await asyncio.open_connection(sock=connection))
    assert b" 101 " in await deaf.upgrade()
    hello = {"type": "hello", "conversation_id": customer.conversation_id, "token": customer.token}
    await deaf.send(frame(TEXT, json.dumps(hello).encode()))
    async with asyncio.timeout(10):
        assert b'"ready"' in await deaf.reader.read(4096)
    deaf.writer.transport.pause_reading()  # type: ignore[attr-defined]
    return deaf


async def check_has_all(service: Running, customer: Customer) -> None:
    """Check that a widget that comes back with what it has read gets the rest, in order."""
    await customer.connect(after=customer.seq)
    async with service.services.database.reading() as session:
        log = await conversations.list_rendered_events(session, uuid.UUID(customer.conversation_id), 0)
    expected = [event["seq"] for event in log if event["kind"] != "understood"]
    async with asyncio.timeout(20):
        while customer.seq < expected[-1]:
            await customer.receive(20)
    assert [event["seq"] for event in customer.events] == expected
    await customer.disconnect()


@pytest.mark.usefixtures("impatient")
async def test_customer_who_reads_no_more_is_let_go_at_nobody_s_cost(tmp_path: Path, bot: FakeBot) -> None:
    bot.script = long_winded
    settings = make_settings(tmp_path, address_messages_per_minute=0)
    async with running_service(settings, bot) as service:
        writer, other = [await service.open_customer(language="en") for _ in range(2)]
        widget = Customer(
            service.base_url, {"conversation_id": writer.conversation_id, "token": writer.token}
        )
        deaf = [await open_deaf_socket(widget) for _ in range(5)]
        sockets = service.services.limits.sockets
        assert sockets.total == 7
        process, before, waits = psutil.Process(), psutil.Process().memory_info().rss, []
        for number in range(REPLIES):
            await writer.say("long")
            assert await writer.hear("bot", 20) == LONG
            # Only what this test itself has read is kept.
            writer.frames.clear()
            writer.events.clear()
            began = time.monotonic()
            await other.say(f"hello {number}")
            assert await other.hear("bot", 20) == f"echo: hello {number}"
            waits.append(time.monotonic() - began)
        # Five who read nothing of twelve megabytes: without a bound it would be sixty.
        assert process.memory_info().rss - before < 30 * MEGABYTE
        assert sorted(waits)[REPLIES // 2] < 1.0
        assert max(waits) < WITHIN_S
        await until(lambda: sockets.total == 2, 15)
        await writer.disconnect()
        await check_has_all(service, widget)
        for connection in deaf:
            await connection.close()


@pytest.mark.usefixtures("impatient")
async def test_customer_who_vanished_without_a_word_is_noticed_and_comes_back_to_everything(
    tmp_path: Path, bot: FakeBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handoff.channels.web.socket.SILENT_FOR_S", 2.0)
    monkeypatch.setattr("handoff.presence.LINGER_S", 0.2)
    bot.delay_s = 60
    async with running_service(make_settings(tmp_path), bot) as service:
        customer = await service.open_customer(language="en")
        await customer.disconnect()
        deaf = await open_deaf_socket(customer)
        message = {"type": "message", "id": str(uuid.uuid4()), "text": "hello"}
        await deaf.send(frame(TEXT, json.dumps(message).encode()))
        await until(lambda: len(bot.calls) == 1)
        conversation_id = uuid.UUID(customer.conversation_id)
        assert service.services.presence.is_here(Kind.CUSTOMER, conversation_id)
        # Its machine lost power, or the train went into a tunnel: no FIN, no RST, no pong.
        await until(lambda: service.services.limits.sockets.total == 0, 15)
        await until(lambda: not service.services.presence.is_here(Kind.CUSTOMER, conversation_id))
        bot.answer_now()
        await customer.connect()
        assert await customer.hear("bot") == "echo: hello"
        # The widget does not know that its message arrived, and sends it again.
        await customer.send(**message)
        await customer.wait_for(lambda frame: frame.get("id") == message["id"])
        await customer.disconnect()
        await check_has_all(service, customer)
        assert customer.texts("customer") == ["hello"]
        assert customer.texts("bot") == ["echo: hello"]
        await deaf.close()
