"""What was said and what happened, in order; grows as events come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from babel import numbers

from handoff.channels.base import ChannelTraits
from handoff.console.elements import Moment, Tag
from handoff.console.words import Words
from handoff.conversations.models import Author, Delivery

# Messages of one author within this time stand together under one name.
TOGETHER_S = 300


class MessageLine:
    """One message, with room for what becomes of it."""

    def __init__(self, words: Words, event: dict[str, Any], *, continues: bool) -> None:
        message = event["message"]
        self.seq: int = event["seq"]
        self.author: str = message["author"]
        self._words = words
        with Tag("article", f"message by-{self.author}" + (" continues" if continues else "")):
            with Tag("header"):
                Tag("span", "author", _author(words, message), dir="auto")
                Moment(event["at"])
            Tag("p", "text", message["text"], dir=_direction(message), lang=message["language"])
            if message["buttons"]:
                with Tag("ul", "offered", aria_label=words("transcript.buttons")):
                    for button in message["buttons"]:
                        Tag("li", text=button["title"], dir="auto")
            self._footer = Tag("footer")
        self._marks: dict[str, Tag] = {}
        if self.author != Author.NOTICE:
            self.show_language(message["language"])

    def show_language(self, tag: str | None) -> None:
        if tag:
            self._mark("language", tag).put("title", self._words.language_tag(tag))

    def show_understanding(self, understanding: dict[str, Any]) -> None:
        """Say what the assistant took the message for, and how sure it was."""
        share = numbers.format_percent(understanding["confidence"], locale=self._words.language.locale)
        decision = understanding.get("decision")
        key = "understood" if decision == "answer" else "understood_unsure"
        label = self._words.label(understanding["label"], _said_title(understanding))
        self._mark("understood", self._words(f"transcript.{key}", label=label, share=share))

    def show_delivery(self, state: str, problem: str | None = None) -> None:
        text = self._words(f"delivery.{state}")
        text = self._words("delivery.why", state=text, problem=problem) if problem else text
        self._mark("delivery", text).set_class("failed", state == Delivery.FAILED)

    def _mark(self, name: str, text: str) -> Tag:
        if name not in self._marks:
            with self._footer:
                self._marks[name] = Tag("span", name)
        self._marks[name].text = text
        return self._marks[name]


class Transcript:
    """The lines of one conversation. `seq` is the position up to which it is complete."""

    def __init__(self, words: Words, traits: ChannelTraits, parent: Tag) -> None:
        self.seq = 0
        self._words = words
        self._traits = traits
        self._parent = parent
        self._lines: dict[str, MessageLine] = {}
        self._last: tuple[str, datetime] | None = None

    def add(self, event: dict[str, Any]) -> None:
        """Show the event that follows on `seq`."""
        self.seq = event["seq"]
        with self._parent:
            if event["kind"] == "message":
                self._add_message(event)
            elif event["kind"] == "owner":
                self._add_change(event, self._describe_move(event))
            elif event["kind"] == "language":
                language = self._words.language_tag(event["language"])
                self._add_change(event, self._words("transcript.language", language=language))
            elif event["kind"] == "understood":
                self._note_understanding(event["internal"])
            elif event["kind"] == "delivery":
                self._note_delivery(event)

    def show_receipt(self, delivered: int, read: int) -> None:
        """Note up to which position the customer's side has received and read."""
        for line in self._lines.values():
            if line.author == Author.AGENT and not self._traits.pushes:
                state = Delivery.SENT
                if line.seq <= read:
                    state = Delivery.READ
                elif line.seq <= delivered:
                    state = Delivery.DELIVERED
                line.show_delivery(state.value)

    def _add_message(self, event: dict[str, Any]) -> None:
        message = event["message"]
        at = datetime.fromisoformat(event["at"])
        before = self._last
        continues = (
            before is not None
            and before[0] == f"{message['author']} {message['name']}"
            and (at - before[1]).total_seconds() < TOGETHER_S
        )
        line = MessageLine(self._words, event, continues=continues)
        self._last = (f"{message['author']} {message['name']}", at)
        self._lines[message["id"]] = line
        if line.author == Author.AGENT:
            line.show_delivery((Delivery.PENDING if self._traits.pushes else Delivery.SENT).value)

    def _add_change(self, event: dict[str, Any], text: str) -> None:
        self._last = None
        with Tag("p", "change"):
            Tag("span", text=text)
            Moment(event["at"])

    def _describe_move(self, event: dict[str, Any]) -> str:
        move = event["internal"]["move"]
        agent = (event.get("agent") or {}).get("name")
        return self._words(f"move.{move}", agent=agent or "")

    def _note_understanding(self, internal: dict[str, Any]) -> None:
        line = self._lines.get(internal["message_id"])
        if line is not None:
            line.show_language(internal["language"])
            line.show_understanding(internal["understanding"])

    def _note_delivery(self, event: dict[str, Any]) -> None:
        line = self._lines.get(event["message_id"])
        # That the bot or an agent has read a customer's message goes without saying here.
        if line is not None and line.author != Author.CUSTOMER:
            line.show_delivery(event["state"], (event.get("internal") or {}).get("error"))


def _said_title(understanding: dict[str, Any]) -> str | None:
    """Return what the bot called the label, in the customer's language."""
    ranking: Sequence[dict[str, Any]] = understanding.get("ranking") or []
    return next((entry.get("title") for entry in ranking if entry["label"] == understanding["label"]), None)


def _direction(message: dict[str, Any]) -> str:
    """Return how a text runs: what people type by its own letters, what we say by its language.

    A name in other letters may stand at the beginning of our sentences.
    """
    is_ours = message["author"] in (Author.BOT, Author.NOTICE)
    return message["direction"] or "auto" if is_ours else "auto"


def _author(words: Words, message: dict[str, Any]) -> str:
    if message["author"] == Author.AGENT:
        return str(message["name"])
    return words(f"author.{message['author']}")
