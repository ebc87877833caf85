"""A small bot, trained on nlu/ with the shop's own rules and domain, behind its real channel."""

from __future__ import annotations

import asyncio
import itertools
import socket
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import rasa
from aiohttp import web
from rasa.core.agent import Agent
from rasa.core.channels.channel import register
from rasa.utils.endpoints import EndpointConfig
from rasa.utils.log_utils import configure_structlog
from sanic import Sanic

from bot.conversation_store import ConversationStore
from bot.lock_store import ConversationLocks
from bot.service_channel import ServiceChannel

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[2]
SECRET = "a-secret-for-the-tests"

Sanic.test_mode = True
configure_structlog()

Result = dict[str, Any]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train once a session."""
    trained = rasa.train(
        domain=str(ROOT / "bot" / "domain"),
        config=str(FOLDER / "config.yml"),
        training_files=[str(FOLDER / "nlu"), str(ROOT / "data" / "rules")],
        output=str(tmp_path_factory.mktemp("models")),
        force_training=True,
    )
    assert trained.model
    return Path(trained.model)


class FakeActions:
    """Stands in for the action server: plays the order form by the book, and fails when told to."""

    def __init__(self) -> None:
        self.called: list[str] = []
        self.fail: Callable[[str], web.Response | None] = lambda name: None
        self.delay_seconds = 0.0
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {SECRET}":
            return web.Response(status=401)
        call = await request.json()
        self.called.append(call["next_action"])
        await asyncio.sleep(self.delay_seconds)
        failed = self.fail(call["next_action"])
        if failed is not None:
            return failed
        return web.json_response(getattr(self, call["next_action"])(call["tracker"]))

    def validate_track_order_form(self, tracker: dict[str, Any]) -> Result:
        message, slots = tracker["latest_message"], tracker["slots"]
        entities = {entity["entity"] for entity in message["entities"]}
        since = list(itertools.takewhile(lambda event: event["event"] != "user", reversed(tracker["events"])))
        # The form comes back after the answer to an interruption, with the same message.
        resumed = any(event["event"] == "action" and event["name"] != "track_order_form" for event in since)
        if (
            slots["requested_slot"]
            and message["intent"]["name"] not in ("inform", "track_order")
            and not resumed
        ):
            return {"events": [{"event": "action_execution_rejected", "name": "track_order_form"}]}
        missing = [slot for slot in ("order_number", "email") if slots[slot] is None]
        events = [
            {"event": "slot", "name": "order_search", "value": {"seen": sorted(entities)}},
            {"event": "slot", "name": "requested_slot", "value": missing[0] if missing else None},
        ]
        return {"events": events}

    def action_ask_order_number(self, tracker: dict[str, Any]) -> Result:
        buttons = [{"title": "TM-48213", "payload": "order:TM-48213"}]
        return {"responses": [{"response": "utter_ask_order_number", "buttons": buttons}]}

    def action_track_order(self, tracker: dict[str, Any]) -> Result:
        number = tracker["slots"]["order_number"]
        values = {"order_number": number, "date": {"date": "2026-11-24"}}
        return {"responses": [{"response": "utter_order_status_shipped", **values}]}


@pytest.fixture
async def actions() -> AsyncIterator[FakeActions]:
    fake = FakeActions()
    app = web.Application()
    app.router.add_post("/webhook", fake.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}/webhook"
    yield fake
    await runner.cleanup()


class Bot:
    """Speaks to the channel as the service does."""

    def __init__(self, client: httpx.AsyncClient, agent: Agent, store: ConversationStore) -> None:
        self.client = client
        self.agent = agent
        self.store = store

    async def post(self, document: Any, secret: str = SECRET) -> httpx.Response:
        headers = {"Authorization": f"Bearer {secret}"}
        if isinstance(document, bytes):
            return await self.client.post("/webhooks/service/turn", content=document, headers=headers)
        return await self.client.post("/webhooks/service/turn", json=document, headers=headers)

    async def events(self, sender_id: str) -> list[Any]:
        tracker = await self.store.retrieve(sender_id)
        return list(tracker.events) if tracker else []


class Customer:
    """One conversation; remembers its language as the service does."""

    def __init__(self, bot: Bot, **metadata: Any) -> None:
        self.bot = bot
        self.sender_id = f"{uuid.uuid4()}.1"
        self.metadata: dict[str, Any] = {
            "language": None,
            "language_asked": None,
            "language_hint": None,
            "market": None,
            "contact": None,
            **metadata,
        }

    def request(self, text: str, payload: str | None = None) -> dict[str, Any]:
        return {
            "sender_id": self.sender_id,
            "message_id": str(uuid.uuid4()),
            "text": text,
            "payload": payload,
            "metadata": dict(self.metadata),
        }

    async def say(self, text: str, payload: str | None = None) -> dict[str, Any]:
        response = await self.bot.post(self.request(text, payload))
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        self.metadata["language"] = answer["language"]["chosen"]
        self.metadata["language_asked"] = answer["language"]["asked"]
        return answer


@pytest.fixture(scope="session")
def loaded(model: Path) -> Agent:
    """Load once; each test gives it its own store and action server."""
    nlg = EndpointConfig(type="bot.nlg.CatalogueGenerator")
    return Agent.load(str(model), generator=nlg)


@pytest.fixture
async def bot(loaded: Agent, actions: FakeActions, tmp_path: Path) -> AsyncIterator[Bot]:
    store = ConversationStore(domain=loaded.domain, host=f"sqlite:///{tmp_path / 'bot.db'}")
    assert loaded.processor is not None
    loaded.tracker_store = loaded.processor.tracker_store = store
    loaded.lock_store = loaded.processor.lock_store = ConversationLocks()
    headers = {"Authorization": f"Bearer {SECRET}"}
    loaded.action_endpoint = loaded.processor.action_endpoint = EndpointConfig(actions.url, headers=headers)
    channel = ServiceChannel.from_credentials({"secret": SECRET, "timeout_seconds": 2})
    app = Sanic(f"bot-{uuid.uuid4().hex}", configure_logging=False)
    register([channel], app, "/webhooks/")
    app.ctx.agent = loaded
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        server = await app.create_server(sock=listening, return_asyncio_server=True)
        assert server is not None
        await server.startup()
        await server.start_serving()
        async with httpx.AsyncClient(base_url=url, timeout=10, trust_env=False) as client:
            yield Bot(client, loaded, store)
        server.close()
        await server.wait_closed()
    store.close()
