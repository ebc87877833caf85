"""The console behind its gate: who gets in, what leaves it, and that it leaves other routes alone."""

from __future__ import annotations

import asyncio
import re
import uuid
from typing import Any

import pytest
import websockets
from nicegui import Client

from handoff.agents.models import AgentSession
from handoff.agents.service import create_agent, hash_token
from handoff.console import framework
from handoff.console.actions import Actions
from handoff.conversations.errors import WrongOwnerError
from handoff.testing import make_result
from tests.integration.handoff.conftest import PASSWORD, Running
from tests.integration.handoff.console_client import (
    NONCE,
    PageSocket,
    browser,
    count_subscriptions,
    open_page,
    signed_in,
    until,
    waiting_customer,
)

# The gate


async def test_nothing_is_served_without_a_session(service: Running) -> None:
    async with browser(service) as client:
        for path in ("/console/", "/console/conversations/00000000-0000-0000-0000-000000000000"):
            assert (await client.get(path)).status_code == 303
        assert (await client.get("/console/anything")).status_code == 404
        assert (await client.get("/console/_nicegui/client/x/upload")).status_code == 404
        polling = "/console/_nicegui_ws/socket.io/?EIO=4&transport=polling"
        assert (await client.get(polling)).status_code == 404
        assert (await client.post(polling, content="40")).status_code == 404
    assert not Client.instances


async def test_pages_of_the_rest_of_the_service_are_left_alone(service: Running) -> None:
    async with signed_in(service) as client:
        await client.get("/console/")
        for path in ("/health", "/api/v1/queue", "/nothing-here"):
            response = await client.get(path)
            assert "set-cookie" not in response.headers
            assert "unsafe" not in response.headers["content-security-policy"]
        assert set(client.cookies) == {"dragoman_session"}


async def test_page_carries_a_strict_policy(service: Running) -> None:
    async with signed_in(service) as client:
        first, second = await client.get("/console/"), await client.get("/console/")
    policy = first.headers["content-security-policy"]
    nonce = NONCE.search(policy)
    assert nonce is not None
    assert nonce[1] not in second.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "'unsafe-inline'" not in policy.split("style-src")[0]
    assert "http:" not in policy
    assert "https:" not in policy
    scripts = re.findall(r"<script[^>]*>", first.text)
    assert scripts
    assert all(f'nonce="{nonce[1]}"' in script for script in scripts)
    assert first.headers["cache-control"] == "no-store"
    assert first.headers["cross-origin-opener-policy"] == "same-origin"
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', first.text), "everything comes from the service"


async def test_forwarded_prefix_of_a_stranger_changes_no_address(service: Running) -> None:
    async with signed_in(service) as client:
        page = await client.get("/console/", headers={"X-Forwarded-Prefix": "//evil.example"})
    assert "evil.example" not in page.text


async def test_what_customers_typed_is_text(service: Running) -> None:
    attack = "</script><script>alert(1)</script><img src=x onerror=alert(2)>`${alert(3)}`{{7*7}}"
    service.bot.script = lambda request: make_result(
        request,
        attack,
        label="complaint",
        handoff="complaint",
        slots={
            "order": {
                "number": attack,
                "status": attack,
                "as_of": "2026-11-21T10:00:00+00:00",
                "parcels": [
                    {"carrier": attack, "tracking_number": attack, "tracking_url": "javascript:alert(4)"}
                ],
            },
            "email": attack,
        },
    )
    customer = await service.open_customer(page=attack)
    await customer.say(attack)
    await customer.hear("notice")
    async with signed_in(service) as client:
        page = await client.get(f"/console/conversations/{customer.conversation_id}")
    assert page.status_code == 200
    assert "alert(1)" in page.text
    for raw in ("<script>alert", "<img", "`${alert", 'href":"javascript:'):
        assert raw not in page.text


async def test_unknown_conversation_is_told_plainly(service: Running) -> None:
    async with signed_in(service) as client:
        page = await client.get("/console/conversations/00000000-0000-0000-0000-000000000000")
        assert page.status_code == 404
        assert "There is no such conversation." in page.text
        malformed = await client.get("/console/conversations/" + "-" * 36)
        assert malformed.status_code == 404


async def test_fault_of_ours_is_not_shown(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr("handoff.console.page.read_board", fail)
    async with signed_in(service) as client:
        page = await client.get("/console/")
    assert page.status_code == 500
    assert "Something went wrong on our side." in page.text
    assert "secret" not in page.text


async def test_who_left_the_queue_is_not_taken_by_mistake(service: Running) -> None:
    customer = await service.open_customer(language="en")
    await customer.say("agent")
    await customer.hear("notice")
    actions = Actions(service.services, uuid.UUID(customer.conversation_id))
    async with service.services.database.transaction() as session:
        anna = await create_agent(session, email="anna@example.com", name="Anna", password=PASSWORD)
    await customer.send(type="leave_queue")
    await customer.hear("notice")
    with pytest.raises(WrongOwnerError):
        await actions.take(anna)
    await actions.step_in(anna)
    assert "Anna" in await customer.hear("notice")


# A page's socket


async def test_socket_needs_the_session_of_its_page(service: Running) -> None:
    async with (
        signed_in(service, "Anna") as anna,
        signed_in(service, "Bruno") as bruno,
        browser(service) as nobody,
    ):
        page_id = await open_page(anna)
        with pytest.raises(websockets.InvalidStatus) as refused:
            await PageSocket(service, nobody, page_id).connect()
        assert refused.value.response.status_code == 403
        with pytest.raises(websockets.InvalidStatus):
            await PageSocket(service, anna, page_id, origin="http://127.0.0.1:1").connect()

        stranger = PageSocket(service, bruno, page_id)
        assert (await stranger.connect()).startswith("44")
        await stranger.emit("handshake", {"client_id": page_id, "tab_id": "t", "document_id": "d"})
        own = PageSocket(service, anna, page_id)
        assert (await own.connect()).startswith("40")
        assert Client.instances[page_id].has_socket_connection
        await own.close()


async def test_socket_reaches_no_other_page(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async with signed_in(service, "Anna") as anna, signed_in(service, "Bruno") as bruno:
        annas, brunos = await open_page(anna), await open_page(bruno)
        own, other = PageSocket(service, anna, annas), PageSocket(service, bruno, brunos)
        assert (await own.connect()).startswith("40")
        assert (await other.connect()).startswith("40")
        heard: list[str] = []
        monkeypatch.setattr(Client, "handle_event", lambda client, message: heard.append(client.id))
        await other.emit("event", {"client_id": annas, "id": 0, "listener_id": "x", "args": []})
        await other.emit("event", {"client_id": brunos, "id": 0, "listener_id": "x", "args": []})
        await until(lambda: heard)
        assert heard == [brunos]
        await other.emit("handshake", {"client_id": annas, "tab_id": "t", "document_id": "d"})
        await other.emit("event", {"client_id": annas, "id": 0, "listener_id": "x", "args": []})
        await other.emit("event", {"client_id": brunos, "id": 0, "listener_id": "x", "args": []})
        await until(lambda: len(heard) == 2)
        assert heard == [brunos, brunos]
        await own.close()
        await other.close()


async def test_subscriptions_end_with_the_page(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framework.app.config, "reconnect_timeout", 0.2)
    conversation_id = await waiting_customer(service)
    before = count_subscriptions(service)
    async with signed_in(service) as client:
        for _ in range(3):
            page_id = await open_page(client, f"/console/conversations/{conversation_id}")
            assert count_subscriptions(service) == before, "a page that no browser has opened hears nothing"
            socket = PageSocket(service, client, page_id)
            await socket.connect()
            # queue, turns, the conversation
            await until(lambda: count_subscriptions(service) == before + 3)
            await socket.close()
            await until(lambda: count_subscriptions(service) == before)
            assert page_id not in Client.instances


async def test_ended_session_ends_what_its_page_hears(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handoff.console.live.SESSION_CHECK_S", 0.1)
    before = count_subscriptions(service)
    async with signed_in(service) as client:
        socket = PageSocket(service, client, await open_page(client))
        await socket.connect()
        await until(lambda: count_subscriptions(service) == before + 2)
        async with service.services.database.transaction() as session:
            stored = await session.get_one(AgentSession, hash_token(client.cookies["dragoman_session"]))
            await session.delete(stored)
        await until(lambda: count_subscriptions(service) == before)
        async with asyncio.timeout(5):
            while "/console/sign-in?next=/console/" not in await socket.receive():
                pass
        await socket.close()
