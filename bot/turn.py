"""One turn: a customer's message goes through Rasa once, and the conversation is saved once or not at all.

Rasa's own `handle_message` swallows what goes wrong in an action and saves the conversation half told. Here a
failing action fails the turn: nothing is saved, and the service may repeat it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from rasa.core.actions.action import Action, ActionExecutionRejection, RemoteAction, create_bot_utterance
from rasa.core.actions.forms import FormAction
from rasa.core.agent import Agent
from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
from rasa.core.lock_store import LockError
from rasa.core.policies.policy import PolicyPrediction
from rasa.core.processor import MessageProcessor
from rasa.core.tracker_store import FailSafeTrackerStore
from rasa.engine.constants import PLACEHOLDER_MESSAGE, PLACEHOLDER_TRACKER
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.exceptions import ActionLimitReached
from rasa.shared.core.constants import (
    ACTION_DEACTIVATE_LOOP_NAME,
    ACTION_EXTRACT_SLOTS,
    ACTION_LISTEN_NAME,
    REQUESTED_SLOT,
)
from rasa.shared.core.events import ActionExecutionRejected, BotUttered, Event, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.exceptions import RasaException
from sqlalchemy.exc import SQLAlchemyError
from threadpoolctl import threadpool_limits

from bot.buttons import find_typed_button, parse_payload
from bot.context import EXPECTING_LANGUAGE
from bot.conversation_store import ConversationChangedError, ConversationStore, Turn, turn_just_taken
from bot.direct_runner import DirectRunner
from bot.failures import decision_of, denied_topics
from bot.lock_store import ConversationLocks
from bot.metrics import PARSE_SECONDS
from bot.nlg import CatalogueGenerator
from bot.server_actions import Actions, ActionServer
from bot.several_questions import understand_questions
from bot.stored_events import UnknownEventError
from bot.turn_format import TurnRequest
from bot.understanding import DENY
from locales.knowledge import is_topic
from telemetry import traces

CHANNEL = "service"

SECOND_ANSWER = "utter_also"

# Rasa reads "/greet" as a command. Customers' text is never one.
_COMMAND_PREFIX = "/"


class TurnFailedError(RuntimeError):
    """The turn could not be finished and nothing was saved; it may be repeated."""


class WrongEndpointsError(RasaException):
    """endpoints.yml names what turns cannot be taken with."""


class Turns:
    """Takes turns with one loaded model.

    Fits Rasa's own processor for that: our graph runner, our actions, and the tracker store without Rasa's
    wrapper, which goes on without the database and forgets the conversation.
    """

    def __init__(self, agent: Agent, processor: MessageProcessor) -> None:
        """Take an agent that is ready, and its processor.

        Raises:
            WrongEndpointsError: The tracker store is not ours, or there is no action server.
        """
        self.processor = processor
        self._locks = agent.lock_store
        store = processor.tracker_store
        if isinstance(store, FailSafeTrackerStore):
            store = store._tracker_store
        if not isinstance(store, ConversationStore) or processor.action_endpoint is None:
            raise WrongEndpointsError("endpoints.yml must name our tracker_store and an action_endpoint")
        self.store = processor.tracker_store = store
        if isinstance(processor.graph_runner, DaskGraphRunner):
            processor.graph_runner = DirectRunner(processor.graph_runner)
        if isinstance(processor.nlg, CatalogueGenerator):
            processor.nlg.use(processor.domain)
        self.server = processor.action_endpoint = ActionServer.at(processor.action_endpoint)
        self._actions = Actions(processor.domain, self.server)
        # One message is too little work to share; threads that wait for more of it take as much of another
        # core as the message takes of its own.
        threadpool_limits(limits=1, user_api="blas")

    async def take(self, request: TurnRequest, timeout_seconds: float) -> Turn:
        """Let the bot take a turn; return it as saved.

        A message that was answered already is not handled again: the service repeats what it did not hear.

        Args:
            request: What the service has sent.
            timeout_seconds: How long the turn may take.

        Raises:
            TurnFailedError: An action failed, the database does not answer, another Rasa goes on with the
                conversation, or the time is up.
        """
        try:
            return await asyncio.wait_for(self._take_locked(request), timeout_seconds)
        except asyncio.TimeoutError as error:
            raise TurnFailedError(f"the turn took more than {timeout_seconds} s") from error
        except (
            SQLAlchemyError,
            LockError,
            ActionLimitReached,
            ConversationChangedError,
            UnknownEventError,
        ) as error:
            raise TurnFailedError(str(error)) from error

    async def close(self) -> None:
        """Close the connections to the action server, to Redis and to the database."""
        await self.server.close()
        if isinstance(self._locks, ConversationLocks):
            await self._locks.close()
        self.store.close()

    async def _take_locked(self, request: TurnRequest) -> Turn:
        async with self._locks.lock(request.sender_id):
            try:
                return await self._take_or_find(request)
            except ConversationChangedError:
                # The lock ran out, or there was none between two Rasas: what the other one wrote counts.
                return await self._take_or_find(request)

    async def _take_or_find(self, request: TurnRequest) -> Turn:
        found = await self.store.read(request.sender_id, request.message_id)
        if isinstance(found, Turn):
            return found
        await self._take(found, request)
        await self.store.save(found)
        return turn_just_taken(found)

    async def _take(self, tracker: DialogueStateTracker, request: TurnRequest) -> None:
        processor = self.processor
        channel = CollectingOutputChannel()
        if not tracker.events:
            await processor._update_tracker_session(tracker, channel)
        metadata = {**request.metadata, **conversation_context(tracker)}
        metadata["pressed"] = request.payload or find_typed_button(request.text, last_buttons(tracker.events))
        with PARSE_SECONDS.time(), traces.span("parse") as span:
            parse_data = parse_text(processor, request.text, metadata, tracker)
            understanding = self._understand(parse_data, request.text, metadata, tracker)
            span.set(label=understanding.get("label"), decision=understanding.get("decision"))
        said = UserUttered(
            parse_data["text"],
            parse_data["intent"],
            parse_data["entities"],
            parse_data,
            input_channel=CHANNEL,
            message_id=request.message_id,
            metadata=metadata,
        )
        tracker.update(said, processor.domain)
        extraction = self._actions.get(ACTION_EXTRACT_SLOTS)
        slots = await extraction.run(channel, processor.nlg, tracker, processor.domain)
        tracker.update_with_events(slots, processor.domain)
        second = bool(understanding.get("also"))
        if second and not is_topic(understanding["label"]):
            # The task asks its question below the answer.
            await self._say(SECOND_ANSWER, tracker, channel)
            second = False
        while not tracker.is_paused():
            action, prediction = self._predict(tracker)
            if action.name() == ACTION_LISTEN_NAME and second:
                await self._say(SECOND_ANSWER, tracker, channel)
            await self._run(action, prediction, tracker, channel)
            if action.name() == ACTION_LISTEN_NAME:
                return
            if tracker.active_loop_name and _hands_over(tracker.events):
                # A person goes on with it; the form would only ask its question once more.
                for name in (ACTION_DEACTIVATE_LOOP_NAME, ACTION_LISTEN_NAME):
                    await self._run(self._actions.get(name), prediction, tracker, channel)
                return

    def _understand(
        self, parse_data: dict[str, Any], text: str, metadata: dict[str, Any], tracker: DialogueStateTracker
    ) -> dict[str, Any]:
        """Look for more than one thing said, unless a button was pressed or an answer is waited for."""
        whole: dict[str, Any] | None = parse_data.get("understanding")
        if whole is None:
            return {}
        if metadata["pressed"] or metadata["expecting"] or metadata["clarified"]:
            understood = {**whole, "also": []}
        else:
            understood = understand_questions(
                whole,
                text,
                lambda part: parse_text(self.processor, part, metadata, tracker)["understanding"],
            )
        parse_data["understanding"] = understood
        if understood["decision"] == "answer":
            parse_data["intent"] = {
                "name": understood["label"].partition("/")[0],
                "confidence": understood["confidence"],
            }
        return understood

    async def _say(
        self, response: str, tracker: DialogueStateTracker, channel: CollectingOutputChannel
    ) -> None:
        """Add a response to what the bot says, beside the rules: they know one answer a message."""
        message = await self.processor.nlg.generate(response, tracker, channel.name())
        tracker.update(create_bot_utterance(message), self.processor.domain)

    def _predict(self, tracker: DialogueStateTracker) -> tuple[Action, PolicyPrediction]:
        processor = self.processor
        if processor.is_action_limit_reached(
            tracker, processor.should_predict_another_action(tracker.latest_action_name)
        ):
            raise ActionLimitReached("the rules go round in circles")
        prediction = processor._predict_next_with_tracker(tracker)
        name = processor.domain.action_names_or_texts[prediction.max_confidence_index]
        return self._actions.get(name), prediction

    async def _run(
        self,
        action: Action,
        prediction: PolicyPrediction,
        tracker: DialogueStateTracker,
        channel: CollectingOutputChannel,
    ) -> None:
        """Run an action and add to the tracker what comes of it: Rasa's own way, but with errors raised."""
        domain = self.processor.domain
        events: list[Event] = []
        if action.name() != ACTION_LISTEN_NAME:
            seen = tracker
            if isinstance(action, (FormAction, RemoteAction)):
                # These may leave the message to the rules: what was predicted has not happened then.
                seen = tracker.copy()
                seen.update_with_events(prediction.events, domain)
            try:
                with traces.span(f"rasa action {action.name()}"):
                    events = list(await action.run(channel, self.processor.nlg, seen, domain) or [])
            except ActionExecutionRejection:
                tracker.update(
                    ActionExecutionRejected(action.name(), prediction.policy_name, prediction.max_confidence)
                )
                return
            except Exception as error:
                raise TurnFailedError(f"{action.name()} failed: {error}") from error
        # A validation may refuse with an event, too.
        if not any(isinstance(event, ActionExecutionRejected) for event in events):
            tracker.update_with_events(prediction.events, domain)
            tracker.update(action.event_for_successful_execution(prediction), domain)
        tracker.update_with_events(events, domain)


def parse_text(
    processor: MessageProcessor,
    text: str,
    metadata: dict[str, Any],
    tracker: DialogueStateTracker | None = None,
) -> dict[str, Any]:
    """Return what the pipeline makes of a text, which is never read as a command to Rasa."""
    plain = text.strip().lstrip(_COMMAND_PREFIX)
    target = processor.model_metadata.nlu_target
    inputs = {PLACEHOLDER_MESSAGE: [UserMessage(plain, metadata=metadata)], PLACEHOLDER_TRACKER: tracker}
    (message,) = processor.graph_runner.run(inputs, [target])[target]
    nothing = {"intent": {"name": None, "confidence": 0.0}, "entities": []}
    return {**nothing, **message.as_dict(only_output_properties=True), "text": text.strip()}


def conversation_context(tracker: DialogueStateTracker) -> dict[str, Any]:
    """Return what only the tracker knows: `expecting`, `offered`, `clarified` and `offered_instead` (see
    bot.context)."""
    # "That didn't help" is a no to the answer above it, pressed or typed.
    offered = [
        DENY if pressed.kind == "feedback" else pressed.value
        for pressed in map(parse_payload, (button["payload"] for button in last_buttons(tracker.events)))
        if pressed and pressed.kind in ("label", "feedback")
    ]
    message = tracker.latest_message
    clarified = bool(offered) and message is not None and decision_of(message) == "clarify"
    return {
        "expecting": _expecting(tracker),
        "offered": offered,
        "clarified": clarified,
        "offered_instead": bool(denied_topics(tracker.events)[0]),
    }


def _expecting(tracker: DialogueStateTracker) -> str | None:
    if tracker.active_loop_name and tracker.get_slot(REQUESTED_SLOT):
        return str(tracker.get_slot(REQUESTED_SLOT))
    # A response that asks nothing back has no buttons.
    asking = [buttons for reply in _last_replies(tracker.events) if (buttons := reply.data.get("buttons"))]
    languages = asking and any(button["payload"].startswith("language:") for button in asking[-1])
    return EXPECTING_LANGUAGE if languages else None


def last_buttons(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Return the buttons under the bot's replies to the latest message, in the order shown."""
    return [button for event in _last_replies(events) for button in event.data.get("buttons") or []]


def _hands_over(events: Sequence[Event]) -> bool:
    return any("handoff" in (reply.data.get("custom") or {}) for reply in _last_replies(events))


def _last_replies(events: Sequence[Event]) -> list[BotUttered]:
    replies: list[BotUttered] = []
    for event in reversed(events):
        if isinstance(event, UserUttered):
            break
        if isinstance(event, BotUttered):
            replies.insert(0, event)
    return replies
