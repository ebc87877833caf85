"""The console behind its gate: who gets in, what leaves it, and that it leaves other routes alone."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from nicegui import Client

from handoff.agents.models import AgentSession
from handoff.agents.service import FREE_ATTEMPTS, create_agent, hash_token
from handoff.bus import InProcessBus
from handoff.console import framework
from handoff.console.actions import Actions
from handoff.conversations.errors import WrongOwnerError
from handoff.testing import FakeBot, make_result
from tests.integration.handoff.conftest import PASSWORD, Running, make_settings, running_service

SIGN_IN = "/console/sign-in"
FORM_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]+)"')
CLIENT_ID = re.compile(r"'client_id': '([0-9a-f-]{36})'")
NONCE = re.compile(r"'nonce-([^']+)'")


async def open_account(service: Running, name: str, language: str = "en") -> str:
    email = f"{name.lower()}@example.com"
    async with service.services.database.transaction() as session:
        await create_agent(session, email=email, name=name, password=PASSWORD, language=language)
    return email


def browser(service: Running, **headers: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=service.base_url, trust_env=False, headers=headers)


async def post_form(
    client: httpx.AsyncClient, email: str, password: str = PASSWORD, **fields: str
) -> httpx.Response:
    """Fill in the sign-in form as a browser does."""
    page = await client.get(SIGN_IN)
    token = FORM_TOKEN.search(page.text)
    assert token is not None, page.text
    form = {"form_token": token[1], "email": email, "password": password, **fields}
    return await client.post(SIGN_IN, data=form)


@asynccontextmanager
async def signed_in(service: Running, name: str = "Anna", **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    email = await open_account(service, name, **more)
    async with browser(service) as client:
        response = await post_form(client, email)
        assert response.status_code == 303, response.text
        yield client


async def waiting_customer(service: Running, **body: Any) -> str:
    customer = await service.open_customer(**body)
    await customer.say("agent")
    await customer.hear("notice")
    return customer.conversation_id


class PageSocket:
    """A page's socket, as NiceGUI's script speaks it (Socket.IO 5 in Engine.IO 4 frames)."""

    def __init__(self, service: Running, client: httpx.AsyncClient, client_id: str, **headers: str) -> None:
        self._url = (
            service.base_url.replace("http", "ws", 1) + "/console/_nicegui_ws/socket.io/"
            f"?EIO=4&transport=websocket&client_id={client_id}&tab_id=tab&document_id=document"
            "&next_message_id=0&implicit_handshake=true"
        )
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        self._headers = {"Cookie": cookie, **headers}
        self._origin = headers.pop("Origin", service.base_url)
        self.client_id = client_id
        self._socket: Any = None

    async def connect(self) -> str:
        """Return the answer to the connection: "40…" accepted, "44…" refused."""
        headers = {name: value for name, value in self._headers.items() if name != "Origin"}
        self._socket = await websockets.connect(
            self._url, additional_headers=headers, origin=self._origin, proxy=None
        )
        assert (await self._receive()).startswith("0")
        await self._socket.send("40")
        return await self._receive()

    async def emit(self, event: str, data: dict[str, Any]) -> None:
        await self._socket.send("42" + json.dumps([event, data]))

    async def close(self) -> None:
        await self._socket.close()

    async def _receive(self) -> str:
        return str(await asyncio.wait_for(self._socket.recv(), 5))


async def open_page(client: httpx.AsyncClient, path: str = "/console/") -> str:
    """Return the id under which NiceGUI keeps the page."""
    page = await client.get(path)
    found = CLIENT_ID.search(page.text)
    assert found is not None, page.text[:500]
    return found[1]


def count_subscriptions(service: Running) -> int:
    bus = service.services.bus
    assert isinstance(bus, InProcessBus)
    return sum(len(subscribers) for subscribers in bus._subscriptions.values())


async def until(is_so: Any, timeout_s: float = 5.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not is_so():
            await asyncio.sleep(0.02)


# Signing in


async def test_pages_lead_to_the_sign_in_page_and_back(service: Running) -> None:
    conversation_id = await waiting_customer(service)
    path = f"/console/conversations/{conversation_id}"
    email = await open_account(service, "Anna")
    async with browser(service) as client:
        redirected = await client.get(path)
        assert redirected.status_code == 303
        assert redirected.headers["location"] == f"{SIGN_IN}?next={path}"
        form = await client.get(redirected.headers["location"])
        assert f'value="{path}"' in form.text
        landed = await post_form(client, email, next=path)
        assert landed.headers["location"] == path
        assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/console/../evil",
        "/console/\nLocation: x",
        "javascript:alert(1)",
    ],
)
async def test_signing_in_leads_nowhere_else(service: Running, target: str) -> None:
    email = await open_account(service, "Anna")
    async with browser(service) as client:
        assert (await post_form(client, email, next=target)).headers["location"] == "/console/"


async def test_session_cookie_is_out_of_scripts_reach(tmp_path: Path, bot: FakeBot) -> None:
    settings = make_settings(tmp_path, public_origin="https://help.example")
    async with running_service(settings, bot) as service:
        email = await open_account(service, "Anna")
        async with browser(service) as client:
            page = await client.get(SIGN_IN)
            # The client would not send a Secure cookie back over plain HTTP by itself.
            cookie = page.headers["set-cookie"].split(";")[0]
            token = FORM_TOKEN.search(page.text)
            assert token is not None
            form = {"form_token": token[1], "email": email, "password": PASSWORD}
            response = await client.post(SIGN_IN, data=form, headers={"Cookie": cookie})
        [session] = [c for c in response.headers.get_list("set-cookie") if c.startswith("dragoman_session=")]
        attributes = {part.strip().lower() for part in session.split(";")[1:]}
        assert {"httponly", "samesite=strict", "secure", "path=/"} <= attributes


async def test_form_of_another_browser_is_refused(service: Running) -> None:
    email = await open_account(service, "Anna")
    async with browser(service) as attacker, browser(service) as victim:
        token = FORM_TOKEN.search((await attacker.get(SIGN_IN)).text)
        assert token is not None
        await victim.get(SIGN_IN)
        for form_token in (token[1], "", "0" * 64):
            form = {"email": email, "password": PASSWORD, "form_token": form_token}
            answer = await victim.post(SIGN_IN, data=form)
            assert answer.status_code == 403
            assert "dragoman_session" not in answer.headers.get("set-cookie", "")


async def test_wrong_passwords_are_told_and_lock_the_account(service: Running) -> None:
    email = await open_account(service, "Anna")
    async with browser(service) as client:
        for _ in range(FREE_ATTEMPTS):
            wrong = await post_form(client, email, "not the password")
            assert wrong.status_code == 401
            assert "E-mail address or password is wrong." in wrong.text
            assert f'value="{email}"' in wrong.text
            assert "not the password" not in wrong.text
        locked = await post_form(client, email)
        assert locked.status_code == 429
        wait_s = int(locked.headers["retry-after"])
        assert 0 < wait_s <= 31
        assert f"try again in {wait_s} seconds" in locked.text


async def test_unknown_address_reads_like_a_wrong_password(service: Running) -> None:
    async with browser(service) as client:
        for email in ("nobody@example.com", "x" * 400, "<script>alert(1)</script>"):
            answer = await post_form(client, email, "wrong password")
            assert answer.status_code == 401
            assert "E-mail address or password is wrong." in answer.text
            assert "<script>alert" not in answer.text


async def test_session_that_was_there_before_is_not_taken_over(service: Running) -> None:
    email = await open_account(service, "Anna")
    async with browser(service) as client, browser(service) as other:
        assert (await post_form(other, email)).status_code == 303
        planted = other.cookies["dragoman_session"]
        page = await client.get(SIGN_IN)
        token = FORM_TOKEN.search(page.text)
        assert token is not None
        client.cookies.set("dragoman_session", planted)
        form = {"form_token": token[1], "email": email, "password": PASSWORD}
        answer = await client.post(SIGN_IN, data=form)
        [cookie] = [c for c in answer.headers.get_list("set-cookie") if c.startswith("dragoman_session=")]
        assert planted not in cookie
        assert (await other.get("/console/")).status_code == 303, "the session from before has ended"


async def test_sign_out_needs_the_pages_token_and_ends_the_session(service: Running) -> None:
    async with signed_in(service) as client:
        page = await client.get("/console/")
        csrf_token = re.search(r'"name":"csrf_token","value":"([^"]+)"', page.text)
        assert csrf_token is not None
        assert (await client.post("/console/sign-out", data={"csrf_token": "guess"})).status_code == 403
        assert (await client.get("/console/")).status_code == 200
        token = client.cookies["dragoman_session"]
        answer = await client.post("/console/sign-out", data={"csrf_token": csrf_token[1]})
        assert (answer.status_code, answer.headers["location"]) == (303, SIGN_IN)
        client.cookies.set("dragoman_session", token)
        assert (await client.get("/console/")).status_code == 303


async def test_sign_in_page_speaks_the_browsers_language(service: Running) -> None:
    async with browser(service, **{"Accept-Language": "tlh, he-IL;q=0.9, en;q=0.8"}) as client:
        page = await client.get(SIGN_IN)
        assert '<html lang="he" dir="rtl">' in page.text
    async with browser(service, **{"Accept-Language": "tlh"}) as client:
        assert '<html lang="en" dir="ltr">' in (await client.get(SIGN_IN)).text


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
            assert "content-security-policy" not in response.headers
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
            await PageSocket(service, anna, page_id, Origin="http://127.0.0.1:1").connect()

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
            while "/console/sign-in?next=/console/" not in await socket._receive():
                pass
        await socket.close()
