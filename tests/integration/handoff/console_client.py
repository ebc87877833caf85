"""Signing in to the console and opening its pages without a browser."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import websockets

from handoff.agents.service import create_agent
from handoff.bus import InProcessBus
from tests.integration.handoff.conftest import PASSWORD, Running

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

    def __init__(
        self, service: Running, client: httpx.AsyncClient, client_id: str, origin: str | None = None
    ) -> None:
        self._url = (
            service.base_url.replace("http", "ws", 1) + "/console/_nicegui_ws/socket.io/"
            f"?EIO=4&transport=websocket&client_id={client_id}&tab_id=tab&document_id=document"
            "&next_message_id=0&implicit_handshake=true"
        )
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        self._headers = {"Cookie": cookie}
        self._origin = origin or service.base_url
        self._socket: Any = None

    async def connect(self) -> str:
        """Return the answer to the connection: "40…" accepted, "44…" refused."""
        self._socket = await websockets.connect(
            self._url, additional_headers=self._headers, origin=self._origin, proxy=None
        )
        assert (await self.receive()).startswith("0")
        await self._socket.send("40")
        return await self.receive()

    async def emit(self, event: str, data: dict[str, Any]) -> None:
        await self._socket.send("42" + json.dumps([event, data]))

    async def close(self) -> None:
        await self._socket.close()

    async def receive(self) -> str:
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
