"""The real thing for tests: Rasa, the action server and the service as processes, on free ports."""

from __future__ import annotations

from pathlib import Path

import httpx

from scripts.processes import Installation, Processes, free_ports, prepare
from scripts.train import ensure_model
from tests.customer import Customer


class Shop:
    """A running installation, and who may sign in to it."""

    def __init__(self, folder: Path) -> None:
        # Many conversations come from one address here, and a test must not depend on the time of day.
        settings = {
            "DRAGOMAN_CONVERSATIONS_PER_MINUTE": "1000",
            "DRAGOMAN_TELL_SUPPORT_HOURS": "false",
        }
        self.installation = Installation(folder, free_ports(), settings)
        self.processes = Processes(self.installation, ensure_model(self.installation.environment()))
        self.account: dict[str, object] = {}

    @property
    def origin(self) -> str:
        return self.installation.origin

    def start(self) -> None:
        account = prepare(self.installation)
        self.account = account if account["created"] else self.account
        self.processes.start()
        self.processes.wait_until_ready()

    def stop(self) -> None:
        self.processes.stop()

    async def open_customer(self, **body: object) -> Customer:
        return await open_customer(self.origin, **body)

    async def sign_in(self) -> httpx.AsyncClient:
        """Return the first account's client, with its token."""
        return await sign_in(self.origin, self.account)


async def open_customer(origin: str, **body: object) -> Customer:
    """Open a conversation; return the customer, connected."""
    async with httpx.AsyncClient(base_url=origin, trust_env=False) as http:
        response = await http.post("/api/v1/web/conversations", json=body)
    assert response.status_code == 201, response.text
    customer = Customer(origin, response.json())
    assert (await customer.connect())["type"] == "ready"
    return customer


async def sign_in(origin: str, account: dict[str, object]) -> httpx.AsyncClient:
    """Return the client of an account ("email", "password"), with its token."""
    client = httpx.AsyncClient(base_url=origin, trust_env=False)
    body = {"email": account["email"], "password": account["password"]}
    response = await client.post("/api/v1/session", json=body)
    assert response.status_code == 201, response.text
    client.cookies.clear()
    client.headers["Authorization"] = f"Bearer {response.json()['token']}"
    return client
