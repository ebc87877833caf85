"""What must hold of a conversation's log, whoever did what in which order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema

from handoff.conversations.models import Author, Conversation, Message, Owner, TurnState
from handoff.conversations.transitions import TRANSITIONS, Move
from handoff.queue.models import Handoff, HandoffState
from handoff.queue.repository import OPEN_STATES
from locales import catalogue
from tests.integration.handoff.state.bot import Manner, reply_to

# Checking the schema itself takes far longer than a packet: once is enough.
PACKETS = jsonschema.Draft202012Validator(
    json.loads(
        (Path(__file__).parents[3] / "contracts" / "handoff_packet.schema.json").read_text(encoding="utf-8")
    )
)


@dataclass(frozen=True)
class Story:
    """A conversation as the database has it at one moment."""

    conversation: Conversation
    events: Sequence[dict[str, Any]]
    """Whole log, with what only agents may see."""
    messages: Sequence[Message]
    handoffs: Sequence[Handoff]

    @property
    def pending(self) -> list[str]:
        return [str(message.id) for message in self.messages if message.turn_state is TurnState.PENDING]

    @property
    def visible(self) -> list[dict[str, Any]]:
        """What the customer's side may see of the log."""
        return [
            {key: value for key, value in event.items() if key != "internal"}
            for event in self.events
            if event["kind"] != "understood"
        ]

    def count_moves(self, move: Move) -> int:
        return sum(
            event["kind"] == "owner" and event["internal"]["move"] == move.value for event in self.events
        )

    @property
    def was_told_of_delay(self) -> bool:
        return self.conversation.delayed_at is not None


class LogReader:
    """Reads a log from its beginning and holds every event against what may come next."""

    def __init__(self, story: Story, manners: dict[str, Manner]) -> None:
        self._story = story
        self._manners = manners
        self._texts = {str(message.id): message.text for message in story.messages}
        self._handoffs = iter(story.handoffs)
        self._owner = Owner.BOT
        self._holder: str | None = None
        self._language = story.conversation.language_hint or "en"
        self._pending: list[str] = []
        self._understood: list[str] = []
        self._told_of_delay = False
        self._due_notice: str | None = None
        self._due_replies: list[str] = []
        self._read: set[str] = set()

    def check(self) -> None:
        for number, event in enumerate(self._story.events, 1):
            assert event["seq"] == number, "the log has no gaps"
            if self._due_notice is not None:
                self._check_notice(event)
            elif event["kind"] == "message":
                getattr(self, f"_hear_{event['message']['author']}")(event["message"])
            else:
                getattr(self, f"_note_{event['kind']}")(event)
        assert self._due_notice is None, "the customer is told of every change"
        assert not self._due_replies, "the bot's whole answer is written"
        assert self._pending == self._story.pending, "every message has exactly one outcome"
        conversation = self._story.conversation
        assert conversation.owner is self._owner
        assert conversation.last_seq == len(self._story.events)
        if self._owner is Owner.BOT:
            assert self._story.was_told_of_delay == self._told_of_delay
        self._check_handoffs(conversation)

    def _check_notice(self, event: dict[str, Any]) -> None:
        assert event["kind"] == "message", "the customer is told of a change at once"
        assert event["message"]["author"] == Author.NOTICE.value
        assert event["message"]["text"] == self._due_notice, "the notice fits the change and the language"
        self._due_notice = None

    def _note_owner(self, event: dict[str, Any]) -> None:
        move = Move(event["internal"]["move"])
        transition = TRANSITIONS[move]
        assert self._owner is transition.source, f"{move} comes from {transition.source}"
        assert not self._due_replies
        before, self._owner = self._holder, transition.target
        self._holder = event["agent"]["name"] if event["agent"] else None
        assert (self._holder is not None) == (self._owner is Owner.AGENT), "agents alone have names"
        if transition.source is Owner.BOT:
            # What the bot has not answered is the people's now.
            self._pending = []
            self._told_of_delay = False
        key = transition.notice
        if move in (Move.HAND_OFF, Move.STEP_IN):
            handoff = next(self._handoffs)
            key = key or f"notice.handoff.{handoff.reason.value}"
        if key is not None:
            self._due_notice = catalogue.text("service", key, self._language, agent=self._holder or before)

    def _note_language(self, event: dict[str, Any]) -> None:
        self._language = event["language"]

    def _note_delivery(self, event: dict[str, Any]) -> None:
        assert event["message_id"] not in self._read, "a message is read once"
        self._read.add(event["message_id"])

    def _note_understood(self, event: dict[str, Any]) -> None:
        message_id = event["internal"]["message_id"]
        assert self._owner is Owner.BOT, "the bot answers what it owns"
        assert not self._due_replies
        assert self._pending[:1] == [message_id], "messages are answered in order and once"
        self._pending.pop(0)
        self._told_of_delay = self._told_of_delay and bool(self._pending)
        self._understood.append(message_id)
        text = self._texts[message_id]
        self._due_replies = [reply_to(text)] if self._manners[text].has_reply else []

    def _hear_customer(self, message: dict[str, Any]) -> None:
        assert self._owner is not Owner.CLOSED, "writing opens a closed conversation again first"
        if self._owner is Owner.BOT:
            self._pending.append(message["id"])

    def _hear_bot(self, message: dict[str, Any]) -> None:
        assert self._owner is Owner.BOT, "no bot sentence while people own the conversation"
        assert self._due_replies[:1] == [message["text"]], "every answer is written once"
        self._due_replies.pop(0)

    def _hear_agent(self, message: dict[str, Any]) -> None:
        assert self._owner is Owner.AGENT
        assert message["name"] == self._holder, "one agent owns a conversation"

    def _hear_notice(self, message: dict[str, Any]) -> None:
        assert message["text"] == catalogue.text("service", "notice.delayed", self._language)
        assert self._owner is Owner.BOT
        assert self._pending, "who waits for nothing hears of no delay"
        assert not self._told_of_delay, "a delay is told once"
        self._told_of_delay = True

    def _check_handoffs(self, conversation: Conversation) -> None:
        opened = [handoff for handoff in self._story.handoffs if handoff.state in OPEN_STATES]
        expected = {Owner.WAITING: [HandoffState.WAITING], Owner.AGENT: [HandoffState.TAKEN]}
        assert [handoff.state for handoff in opened] == expected.get(self._owner, [])
        assert next(self._handoffs, None) is None, "every handoff has its event"
        agents = [handoff.agent_id for handoff in opened]
        assert agents in ([], [conversation.agent_id])
        if self._owner is Owner.WAITING:
            told = [line["id"] for line in opened[0].packet["transcript"]]
            assert told == list(self._texts), "who waits is described as things stand"
        for handoff in opened:
            PACKETS.validate(handoff.packet)
