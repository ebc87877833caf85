"""The action server as Rasa calls it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from rasa.core.actions.action import ActionExecutionRejection
from rasa.core.channels.channel import CollectingOutputChannel
from rasa.core.nlg.generator import NaturalLanguageGenerator
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import BotUttered, Event, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from bot.server_actions import Actions, ActionServer, ActionServerError, ServerAction, ServerForm

DOMAIN = Domain.from_dict(
    {
        "actions": ["action_track_order"],
        "forms": {"track_order_form": {"required_slots": []}},
        "responses": {"utter_greet": [{"text": "hello"}]},
    }
)


class Nlg(NaturalLanguageGenerator):
    async def generate(self, utter_action: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {"text": f"{utter_action} {sorted(kwargs)}"}


class Server:
    """Answers what it is told to, and counts connections."""

    def __init__(self) -> None:
        self.status = 200
        self.body = b"{}"
        self.calls: list[dict[str, Any]] = []
        self.connections: set[Any] = set()

    async def answer(self, request: web.Request) -> web.Response:
        self.calls.append(await request.json())
        self.connections.add(request.transport.get_extra_info("peername"))  # type: ignore[union-attr]
        return web.Response(status=self.status, body=self.body)


@pytest.fixture
async def server() -> Server:
    return Server()


@pytest.fixture
async def actions(server: Server) -> AsyncIterator[Actions]:
    app = web.Application()
    app.router.add_post("/webhook", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/webhook"
    actions = Actions(DOMAIN, ActionServer.at(EndpointConfig(url)))
    yield actions
    await actions.server.close()
    await runner.cleanup()


def tracker() -> DialogueStateTracker:
    return DialogueStateTracker.from_events("c1.1", [UserUttered("hi", {"name": "greet"})], DOMAIN.slots)


async def run(actions: Actions) -> list[Event]:
    action = actions.get("action_track_order")
    return await action.run(CollectingOutputChannel(), Nlg(), tracker(), DOMAIN)


async def test_answer_becomes_replies_and_events(server: Server, actions: Actions) -> None:
    answer = {
        "events": [{"event": "slot", "name": "order_number", "value": "1"}],
        "responses": [{"response": "utter_x", "count": 2, "buttons": [{"title": "1", "payload": "order:1"}]}],
    }
    server.body = json.dumps(answer).encode()
    reply, slot = await run(actions)
    assert isinstance(reply, BotUttered)
    assert reply.text == "utter_x ['buttons', 'count']"
    assert reply.data["buttons"] == [{"title": "1", "payload": "order:1"}]
    assert slot == SlotSet("order_number", "1")


async def test_call_carries_the_conversation_and_not_the_domain(server: Server, actions: Actions) -> None:
    await run(actions)
    (call,) = server.calls
    assert (call["next_action"], call["sender_id"]) == ("action_track_order", "c1.1")
    assert call["tracker"]["latest_message"]["text"] == "hi"
    assert [event["event"] for event in call["tracker"]["events"]] == ["user"]
    assert "domain" not in call


async def test_connection_is_kept(server: Server, actions: Actions) -> None:
    for _ in range(5):
        await run(actions)
    assert len(server.connections) == 1


async def test_rejection_is_no_failure(server: Server, actions: Actions) -> None:
    server.status = 400
    with pytest.raises(ActionExecutionRejection):
        await run(actions)


@pytest.mark.parametrize("status", [401, 404, 422, 500, 503, 302])
async def test_every_other_status_is_a_failure(server: Server, actions: Actions, status: int) -> None:
    server.status = status
    with pytest.raises(ActionServerError, match=str(status)):
        await run(actions)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff",
        b"[]",
        b"null",
        b'{"events": {}}',
        b'{"events": [1]}',
        b'{"events": [{}]}',
        b'{"events": [{"event": "stack"}]}',
        b'{"events": [{"event": "slot"}]}',
        b'{"responses": "hello"}',
        b'{"responses": ["hello"]}',
    ],
)
async def test_rubbish_is_a_failure_and_not_a_gap(server: Server, actions: Actions, body: bytes) -> None:
    server.body = body
    with pytest.raises(ActionServerError):
        await run(actions)


async def test_server_that_is_away_is_a_failure(actions: Actions) -> None:
    actions.server.url = "http://127.0.0.1:9/webhook"
    with pytest.raises(ActionServerError, match="away"):
        await run(actions)


async def test_rasas_own_actions_stay_rasas_own(actions: Actions) -> None:
    assert isinstance(actions.get("action_track_order"), ServerAction)
    assert isinstance(actions.get("track_order_form"), ServerForm)
    for name in ("utter_greet", "action_listen", "action_extract_slots"):
        assert type(actions.get(name)).__module__.startswith("rasa.")
    assert actions.get("utter_greet") is actions.get("utter_greet")
