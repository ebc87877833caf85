"""The real service in a thread of its own, its bot scripted; tests play customers, and agents in browsers."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from nicegui import Client, core
from playwright.sync_api import Browser, Page

from handoff.agents import service as agents
from handoff.agents.endpoints import SESSION_COOKIE
from handoff.agents.errors import WrongCredentialsError
from handoff.bot_client import TurnRequest, TurnResult
from handoff.bus import InProcessBus
from handoff.conversations.models import Owner
from handoff.conversations.repository import get_conversation
from handoff.queue.models import Reason
from handoff.testing import FakeBot, make_result
from tests.integration.handoff.conftest import PASSWORD, Customer, Running, make_settings, running_service

Result = TypeVar("Result")

ORDER = {
    "number": "TM-48213",
    "status": "shipped",
    "placed_at": "2026-11-18T09:12:00+00:00",
    "total": 8940,
    "currency": "EUR",
    "lines": [{"name": "Linen throw", "quantity": 1}, {"name": "Stoneware mug", "quantity": 2}],
    "parcels": [
        {
            "carrier": "BRT",
            "tracking_number": "0123456789",
            "tracking_url": "https://carrier.example/0123456789",
        }
    ],
    "expected_on": "2026-11-23",
    "as_of": "2026-11-21T10:00:00+00:00",
}


def script(request: TurnRequest) -> TurnResult:
    """Answer by the first word: "agent", "angry", "fire" hand off, "order" looks one up; repeat the rest."""
    word = request.text.split()[0].lower()
    reasons = {"agent": Reason.REQUESTED, "angry": Reason.COMPLAINT, "fire": Reason.SENSITIVE}
    if word in reasons:
        label = {"agent": "request_human", "angry": "complaint"}.get(word, "out_of_scope")
        return make_result(request, label=label, handoff=reasons[word])
    if word == "order":
        result = make_result(
            request,
            "It is on its way.",
            label="track_order",
            slots={"order": ORDER, "email": "maria@example.com"},
        )
        result.task = "track_order"
        return result
    return make_result(request, f"echo: {request.text}")


class ConsoleService:
    """Handles by which a synchronous test drives the service."""

    def __init__(self, running: Running, loop: asyncio.AbstractEventLoop) -> None:
        self._running = running
        self._loop = loop
        self.url = running.base_url

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine on the service's loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=20)

    def open_account(self, name: str, language: str = "en") -> str:
        """Open an agent's account; return its e-mail address, which is nobody else's."""
        email = f"{uuid.uuid4().hex[:8]}@example.com"

        async def create() -> None:
            async with self._running.services.database.transaction() as session:
                await agents.create_agent(
                    session, email=email, name=name, password=PASSWORD, language=language
                )

        self.run(create())
        return email

    def customer(self, *texts: str, **body: Any) -> CustomerHandle:
        """Open a customer's widget, say things, and wait until each is answered."""
        customer = CustomerHandle(self, self.run(self._running.open_customer(**body)))
        for text in texts:
            customer.say(text)
            customer.hear("notice" if text.split()[0] in ("agent", "angry", "fire") else "bot")
        return customer

    def open_session(self, email: str) -> str:
        """Sign an agent in; return the session's token."""
        services = self._running.services
        return self.run(agents.sign_in(services.database, email, PASSWORD, session_hours=1)).token

    def fail_to_sign_in(self, email: str, times: int) -> None:
        """Try wrong passwords."""

        async def fail() -> None:
            for _ in range(times):
                with suppress(WrongCredentialsError):
                    await agents.sign_in(self._running.services.database, email, "wrong", session_hours=1)

        self.run(fail())

    def end_session(self, token: str) -> None:
        """Sign an agent out from elsewhere, as an administrator or the clock would."""

        async def end() -> None:
            async with self._running.services.database.transaction() as session:
                await agents.sign_out(session, token)

        self.run(end())

    def forget_pages(self) -> None:
        """Lose every page and its socket, as a restart of the service does."""

        async def forget() -> None:
            for client in list(Client.instances.values()):
                client.delete()
            for socket in list(core.sio.eio.sockets.values()):
                await socket.close(wait=False)

        self.run(forget())

    def is_taken(self, conversation_id: str) -> bool:
        """Whether an agent has the conversation."""

        async def read() -> bool:
            async with self._running.services.database.reading() as session:
                conversation = await get_conversation(session, uuid.UUID(conversation_id))
                return conversation.owner is Owner.AGENT

        return self.run(read())

    def count_subscriptions(self) -> int:
        bus = self._running.services.bus
        assert isinstance(bus, InProcessBus)
        return sum(len(subscribers) for subscribers in bus._subscriptions.values())


class CustomerHandle:
    """A customer at the widget."""

    def __init__(self, service: ConsoleService, customer: Customer) -> None:
        self._service = service
        self._customer = customer
        self.id = customer.conversation_id

    @property
    def code(self) -> str:
        """What the console calls a visitor without a name by."""
        return self.id[:4].upper()

    def say(self, text: str) -> None:
        self._service.run(self._customer.say(text))

    def send(self, **frame: Any) -> None:
        self._service.run(self._customer.send(**frame))

    def leave(self) -> None:
        """Close the widget's page."""
        self._service.run(self._customer.disconnect())

    def come_back(self) -> None:
        self._service.run(self._customer.connect())

    def hear(self, author: str) -> str:
        """Wait for the next message of an author that was not heard before."""
        return self._service.run(self._customer.hear(author))

    def wait_for(self, kind: str) -> dict[str, Any]:
        return self._service.run(self._customer.wait_for(lambda frame: frame["type"] == kind))


@contextmanager
def console_service(
    folder: Path, answer: Callable[[TurnRequest], TurnResult] = script, **changes: Any
) -> Iterator[ConsoleService]:
    """Run the service, its settings changed as said, until the block ends."""
    started: dict[str, Any] = {}
    is_up, is_over = threading.Event(), threading.Event()

    async def serve() -> None:
        try:
            async with running_service(make_settings(folder, **changes), FakeBot(script=answer)) as running:
                started.update(running=running, loop=asyncio.get_running_loop())
                is_up.set()
                await asyncio.to_thread(is_over.wait)
        finally:
            is_up.set()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    is_up.wait(30)
    assert started, "the service did not start"
    try:
        yield ConsoleService(started["running"], started["loop"])
    finally:
        is_over.set()
        thread.join(20)


def open_console(browser: Browser, service: ConsoleService, token: str, **options: Any) -> Page:
    """Open the console in a browser of its own that has a session; `watch` tells what its page has."""
    context = browser.new_context(
        **{"viewport": {"width": 1280, "height": 760}, "locale": "en-GB", **options}
    )
    context.add_cookies([{"name": SESSION_COOKIE, "value": token, "url": service.url}])
    page = context.new_page()
    page.set_default_timeout(8000)
    watch(page)
    page.goto(service.url + "/console/")
    page.wait_for_selector(".console")
    return page


def watch(page: Page) -> None:
    """Collect in `page.errors` what goes wrong: exceptions, errors logged, requests to other hosts."""
    errors: list[str] = []
    page.errors = errors  # type: ignore[attr-defined]
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("http://127.0.0.1", "data:", "ws://127.0.0.1"))
            else errors.append(f"request to {request.url}")
        ),
    )
    page.on("dialog", lambda dialog: (errors.append(f"dialog: {dialog.message}"), dialog.dismiss()))
