"""Actions as this bot runs them: Rasa's own where they decide, ours where they call the action server.

Rasa's call of an action server opens a connection, sends the whole domain and checks the answer against a
schema that it first checks against the schema of schemas: 60 ms. Ours keeps the connection, leaves out what
our actions never read, and reads the answer strictly.
"""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import rasa
from rasa.core.actions.action import Action, ActionExecutionRejection, RemoteAction, action_for_name_or_text
from rasa.core.actions.forms import FormAction
from rasa.core.channels.channel import OutputChannel
from rasa.core.nlg.generator import NaturalLanguageGenerator
from rasa.shared.constants import UTTER_PREFIX
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import Event, SlotSet
from rasa.shared.core.trackers import DialogueStateTracker, EventVerbosity
from rasa.shared.exceptions import RasaException
from rasa.utils.endpoints import EndpointConfig

from bot.stored_events import UnknownEventError, read_events
from telemetry import traces

# Seconds that a connection may lie idle: less than the action server and any proxy in between keep theirs, so
# that none is used that the other side has just closed.
IDLE_SECONDS = 10

_DONE, _REJECTED = 200, 400


class ActionServerError(RasaException):
    """The action server is away, failed, or answered what is no answer."""


class ActionServer(EndpointConfig):
    """The action server, called over connections that stay open."""

    _session: aiohttp.ClientSession | None = None

    @classmethod
    def at(cls, endpoint: EndpointConfig) -> ActionServer:
        """Return the same endpoint as an ActionServer."""
        return endpoint if isinstance(endpoint, cls) else cls(endpoint.url, headers=endpoint.headers)

    async def call(self, action: str, tracker: DialogueStateTracker) -> dict[str, Any]:
        """Run an action there and return its answer: `{"events": […], "responses": […]}`.

        Raises:
            ActionExecutionRejection: The action leaves the message to the rules.
            ActionServerError: The call failed. How long it may take is the turn's affair.
        """
        body = {
            "next_action": action,
            "sender_id": tracker.sender_id,
            "tracker": tracker.current_state(EventVerbosity.ALL),
            "version": rasa.__version__,
        }
        headers = {**self.headers, **traces.headers()}
        try:
            async with self._open_session().post(self.url, json=body, headers=headers) as response:
                status, content = response.status, await response.read()
        except (aiohttp.ClientError, OSError) as error:
            raise ActionServerError(f"the action server is away: {error}") from error
        if status == _REJECTED:
            raise ActionExecutionRejection(action)
        if status != _DONE:
            raise ActionServerError(f"the action server answered {status}")
        try:
            answer = json.loads(content)
        except ValueError as error:
            raise ActionServerError(f"the action server did not answer with JSON: {error}") from error
        if not isinstance(answer, dict) or not all(
            isinstance(answer.get(name, []), list) for name in ("events", "responses")
        ):
            raise ActionServerError("the action server's answer has no lists of events and responses")
        return answer

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                # No limit: each call belongs to one turn, and those are limited by the service.
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
            )
        return self._session

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


class ServerAction(RemoteAction):
    """An action of the action server."""

    def __init__(self, name: str, server: ActionServer) -> None:
        super().__init__(name, server)
        self._server = server

    async def run(
        self,
        output_channel: OutputChannel,
        nlg: NaturalLanguageGenerator,
        tracker: DialogueStateTracker,
        domain: Domain,
    ) -> list[Event]:
        """Run it and return its replies and events.

        Raises:
            ActionExecutionRejection: The action leaves the message to the rules.
            ActionServerError: The call failed, or the answer holds what is no event.
        """
        answer = await self._server.call(self.name(), tracker)
        try:
            events = read_events(answer.get("events", []))
            replies = await self._utter_responses(answer.get("responses", []), output_channel, nlg, tracker)
        except (UnknownEventError, AttributeError, TypeError) as error:
            raise ActionServerError(f"{self.name()} answered wrongly: {error}") from error
        return [*replies, *events]


class ServerForm(FormAction):
    """A form whose validation and questions are actions of the action server."""

    def __init__(self, name: str, actions: Actions) -> None:
        super().__init__(name, actions.server)
        self._actions = actions

    async def validate_slots(
        self,
        slot_candidates: dict[str, Any],
        tracker: DialogueStateTracker,
        domain: Domain,
        output_channel: OutputChannel,
        nlg: NaturalLanguageGenerator,
    ) -> list[Event]:
        """Return the events of `validate_<form>`, or none where the domain has no such action."""
        name = f"validate_{self.name()}"
        if name not in domain.action_names_or_texts:
            return []
        found: list[Event] = [SlotSet(slot, value) for slot, value in slot_candidates.items()]
        seen = self._temporary_tracker(tracker, found, domain)
        return await self._actions.get(name).run(output_channel, nlg, seen, domain)

    async def _ask_for_slot(
        self,
        domain: Domain,
        nlg: NaturalLanguageGenerator,
        output_channel: OutputChannel,
        slot_name: str,
        tracker: DialogueStateTracker,
    ) -> list[Event]:
        name = self._name_of_utterance(domain, slot_name)
        return await self._actions.get(name).run(output_channel, nlg, tracker, domain) if name else []


class Actions:
    """All actions of a domain, each made once: they keep nothing of a conversation."""

    def __init__(self, domain: Domain, server: ActionServer) -> None:
        self.server = server
        self._domain = domain
        self._made: dict[str, Action] = {}

    def get(self, name: str) -> Action:
        """Return the action of that name. Raises ActionNotFoundException."""
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _make(self, name: str) -> Action:
        if name in self._domain.form_names:
            return ServerForm(name, self)
        if name in self._domain.user_actions and not name.startswith(UTTER_PREFIX):
            return ServerAction(name, self.server)
        return action_for_name_or_text(name, self._domain, self.server)
