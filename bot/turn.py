"""One turn: a customer's message goes through Rasa once, and the tracker is saved once or not at all.

Rasa's own `handle_message` swallows what goes wrong in an action and saves the conversation half told. Here a
failing action fails the turn: nothing is saved, and the service may repeat it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from rasa.core.actions.action import Action, ActionExecutionRejection
from rasa.core.agent import Agent
from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
from rasa.core.lock_store import LockError
from rasa.core.processor import MessageProcessor
from rasa.core.tracker_store import FailSafeTrackerStore
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.exceptions import ActionLimitReached
from rasa.shared.core.constants import REQUESTED_SLOT
from rasa.shared.core.events import BotUttered, Event, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from sqlalchemy.exc import SQLAlchemyError

from bot.buttons import find_typed_button, parse_payload
from bot.context import EXPECTING_CLARIFY, EXPECTING_LANGUAGE
from bot.direct_runner import DirectRunner
from bot.failures import decision_of
from bot.nlg import CatalogueGenerator
from bot.turn_format import TurnRequest

CHANNEL = "service"

# Rasa reads "/greet" as a command. Customers' text is never one.
_COMMAND_PREFIX = "/"

logger = logging.getLogger(__name__)


class TurnFailedError(RuntimeError):
    """The turn could not be finished and nothing was saved; it may be repeated."""


async def handle_turn(agent: Agent, request: TurnRequest, timeout_seconds: float) -> DialogueStateTracker:
    """Let the bot take a turn; return the tracker with it, as saved.

    A message that the tracker has already is not handled again: the service repeats what it got no answer to.

    Args:
        agent: Rasa's, ready.
        request: What the service has sent.
        timeout_seconds: How long the turn may take.

    Raises:
        TurnFailedError: An action failed or the time is up.
    """
    processor = agent.processor
    if processor is None:
        raise TurnFailedError("the model is not loaded")
    try:
        return await asyncio.wait_for(_handle_locked(agent, processor, request), timeout_seconds)
    except asyncio.TimeoutError as error:
        raise TurnFailedError(f"the turn took more than {timeout_seconds} s") from error
    except (SQLAlchemyError, LockError, ActionLimitReached) as error:
        raise TurnFailedError(str(error)) from error


async def _handle_locked(
    agent: Agent, processor: MessageProcessor, request: TurnRequest
) -> DialogueStateTracker:
    _prepare(processor)
    async with agent.lock_store.lock(request.sender_id):
        tracker = await processor.fetch_tracker_and_update_session(request.sender_id)
        if find_turn(tracker.events, request.message_id) is not None:
            return tracker
        await _take_turn(processor, tracker, request)
        await processor.save_tracker(tracker)
        return tracker


def _prepare(processor: MessageProcessor) -> None:
    """Fit Rasa's own processor for our turns; done once, and again where Rasa has loaded another model."""
    if isinstance(processor.graph_runner, DaskGraphRunner):
        processor.graph_runner = DirectRunner(processor.graph_runner)
    if isinstance(processor.nlg, CatalogueGenerator):
        processor.nlg.use(processor.domain)
    if isinstance(processor.tracker_store, FailSafeTrackerStore):
        # Rasa's wrapper goes on without the database and forgets the conversation; a failed turn is repeated
        # instead.
        processor.tracker_store = processor.tracker_store._tracker_store


async def _take_turn(
    processor: MessageProcessor, tracker: DialogueStateTracker, request: TurnRequest
) -> None:
    channel = CollectingOutputChannel()
    metadata = {**request.metadata, **conversation_context(tracker)}
    metadata["pressed"] = request.payload or find_typed_button(request.text, last_buttons(tracker.events))
    parse_data = await parse_text(processor, request.text, metadata, tracker)
    message = UserMessage(
        request.text,
        channel,
        request.sender_id,
        parse_data=parse_data,
        input_channel=CHANNEL,
        message_id=request.message_id,
        metadata=metadata,
    )
    await processor._handle_message_with_tracker(message, tracker)
    await processor.run_action_extract_slots(channel, tracker)
    await _run_actions(processor, tracker, channel)


async def _run_actions(
    processor: MessageProcessor, tracker: DialogueStateTracker, channel: CollectingOutputChannel
) -> None:
    """Run what the policies predict until they listen again: Rasa's loop, but with errors raised."""
    goes_on = True
    while goes_on and not tracker.is_paused():
        action, prediction = processor.predict_next_with_tracker_if_should(tracker)
        watched = _WatchedAction(action)
        goes_on = await processor._run_action(watched, tracker, channel, processor.nlg, prediction)
        if watched.error:
            raise TurnFailedError(f"{action.name()} failed: {watched.error}") from watched.error


class _WatchedAction(Action):
    """An action that remembers the exception which Rasa only logs."""

    def __init__(self, action: Action) -> None:
        self._action = action
        self.error: Exception | None = None

    def name(self) -> str:
        return str(self._action.name())

    async def run(self, *args: Any, **kwargs: Any) -> list[Event]:
        try:
            return list(await self._action.run(*args, **kwargs) or [])
        except ActionExecutionRejection:
            # Not a failure: the form leaves the message to the rules.
            raise
        except Exception as error:
            self.error = error
            raise

    def event_for_successful_execution(self, prediction: Any) -> Any:
        return self._action.event_for_successful_execution(prediction)


async def parse_text(
    processor: MessageProcessor,
    text: str,
    metadata: dict[str, Any],
    tracker: DialogueStateTracker | None = None,
) -> dict[str, Any]:
    """Return what the pipeline makes of a text, which is never read as a command to Rasa."""
    plain = text.strip().lstrip(_COMMAND_PREFIX)
    parse_data = await processor.parse_message(UserMessage(plain, metadata=metadata), tracker)
    return {**parse_data, "text": text.strip()}


def conversation_context(tracker: DialogueStateTracker) -> dict[str, Any]:
    """Return what only the tracker knows: `expecting` and `offered` (see bot.context)."""
    offered = [
        pressed.value
        for pressed in map(parse_payload, (button["payload"] for button in last_buttons(tracker.events)))
        if pressed and pressed.kind == "label"
    ]
    return {"expecting": _expecting(tracker), "offered": offered}


def _expecting(tracker: DialogueStateTracker) -> str | None:
    if tracker.active_loop_name and tracker.get_slot(REQUESTED_SLOT):
        return str(tracker.get_slot(REQUESTED_SLOT))
    # A response that asks nothing back has no buttons.
    asking = [reply for reply in _last_replies(tracker.events) if reply.data.get("buttons")]
    if not asking:
        return None
    if any(button["payload"].startswith("language:") for button in asking[-1].data["buttons"]):
        return EXPECTING_LANGUAGE
    message = tracker.latest_message
    clarified = message is not None and decision_of(message) == "clarify"
    return EXPECTING_CLARIFY if clarified else None


def last_buttons(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Return the buttons under the bot's replies to the latest message, in the order shown."""
    return [button for event in _last_replies(events) for button in event.data.get("buttons") or []]


def _last_replies(events: Sequence[Event]) -> list[BotUttered]:
    replies: list[BotUttered] = []
    for event in reversed(events):
        if isinstance(event, UserUttered):
            break
        if isinstance(event, BotUttered):
            replies.insert(0, event)
    return replies


def find_turn(events: Sequence[Event], message_id: str) -> list[Event] | None:
    """Return the events of one turn, the customer's message first, or None where there is no such message."""
    start = next(
        (
            position
            for position, event in enumerate(events)
            if isinstance(event, UserUttered) and event.message_id == message_id
        ),
        None,
    )
    if start is None:
        return None
    turn = list(events)[start:]
    end = next(
        (position for position, event in enumerate(turn[1:], 1) if isinstance(event, UserUttered)), len(turn)
    )
    return turn[:end]
