"""What was said and what happened, in order; grows as events come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from babel import numbers
from nicegui.element import Element

from handoff.channels.base import ChannelTraits
from handoff.console.elements import COMPONENTS
from handoff.console.words import Words
from handoff.conversations.models import Author, Delivery

# Messages of one author within this time stand together under one name.
TOGETHER_S = 300

Line = dict[str, Any]


class Transcript(Element, component=COMPONENTS / "transcript.js"):
    """The lines of one conversation, as components/transcript.js shows them.

    `seq` is the position up to which it is complete. One element for all lines: with one for each, opening a
    long conversation would hold up the whole service for a good part of a second.
    """

    def __init__(
        self,
        words: Words,
        traits: ChannelTraits,
        events: Sequence[dict[str, Any]],
        *,
        delivered: int,
        read: int,
    ) -> None:
        super().__init__()
        self.seq = 0
        self._words = words
        self._traits = traits
        self._messages: dict[str, Line] = {}
        self._seqs: dict[str, int] = {}
        self._last: Line | None = None
        lines: dict[str, Line] = {}
        for event in events:
            line = self._note(event)
            if line is not None:
                lines[line["id"]] = line
        self._note_receipt(delivered, read)
        self.props["lines"] = list(lines.values())
        self.props["words"] = {"buttons": words("transcript.buttons")}

    def add(self, event: dict[str, Any]) -> None:
        """Show the event that follows on `seq`."""
        line = self._note(event)
        if line is not None:
            self.run_method("put", line)

    def show_receipt(self, delivered: int, read: int) -> None:
        """Note up to which position the customer's side has received and read."""
        for line in self._note_receipt(delivered, read):
            self.run_method("put", line)

    def _note_receipt(self, delivered: int, read: int) -> list[Line]:
        """Return the lines that are no longer what they were."""
        if self._traits.pushes:
            # There the channel says what became of each message.
            return []
        changed = []
        for line in self._messages.values():
            if line["author"] == Author.AGENT:
                before = line["delivery"]
                seq = self._seqs[line["id"]]
                state = Delivery.DELIVERED if seq <= delivered else Delivery.SENT
                self._set_delivery(line, (Delivery.READ if seq <= read else state).value)
                if line["delivery"] != before:
                    changed.append(line)
        return changed

    def _note(self, event: dict[str, Any]) -> Line | None:
        """Return the line that an event makes or changes, if any."""
        self.seq = event["seq"]
        if event["kind"] == "message":
            return self._message(event)
        if event["kind"] == "owner":
            agent = (event.get("agent") or {}).get("name") or ""
            return self._change(event, self._words(f"move.{event['internal']['move']}", agent=agent))
        if event["kind"] == "language":
            language = self._words.language_tag(event["language"])
            return self._change(event, self._words("transcript.language", language=language))
        if event["kind"] == "understood":
            return self._understood(event["internal"])
        if event["kind"] == "delivery":
            return self._delivery(event)
        return None

    def _message(self, event: dict[str, Any]) -> Line:
        message = event["message"]
        author = message["author"]
        name = message["name"] if author == Author.AGENT else self._words(f"author.{author}")
        line: Line = {
            "id": message["id"],
            "at": event["at"],
            "author": author,
            "name": name,
            "continues": self._continues(author, name, event["at"]),
            "text": message["text"],
            "dir": _direction(message),
            "buttons": [button["title"] for button in message["buttons"]],
            "delivery": None,
        }
        if author != Author.NOTICE:
            self._set_language(line, message["language"])
        if author == Author.AGENT:
            self._set_delivery(line, (Delivery.PENDING if self._traits.pushes else Delivery.SENT).value)
        self._messages[line["id"]] = self._last = line
        self._seqs[line["id"]] = event["seq"]
        return line

    def _continues(self, author: str, name: str, at: str) -> bool:
        last = self._last
        if last is None or (last["author"], last["name"]) != (author, name):
            return False
        return (datetime.fromisoformat(at) - datetime.fromisoformat(last["at"])).total_seconds() < TOGETHER_S

    def _change(self, event: dict[str, Any], text: str) -> Line:
        self._last = None
        return {"id": f"event-{event['seq']}", "at": event["at"], "change": text}

    def _understood(self, internal: dict[str, Any]) -> Line | None:
        """Say what the assistant took a message for, and how sure it was."""
        line = self._messages.get(internal["message_id"])
        if line is None:
            return None
        understanding = internal["understanding"]
        share = numbers.format_percent(understanding["confidence"], locale=self._words.language.locale)
        label = self._words.label(understanding["label"], _said_title(understanding))
        key = "understood" if understanding.get("decision") == "answer" else "understood_unsure"
        line["understood"] = self._words(f"transcript.{key}", label=label, share=share)
        self._set_language(line, internal["language"])
        return line

    def _delivery(self, event: dict[str, Any]) -> Line | None:
        line = self._messages.get(event["message_id"])
        # That the bot or an agent has read a customer's message goes without saying here.
        if line is None or line["author"] == Author.CUSTOMER:
            return None
        self._set_delivery(line, event["state"], (event.get("internal") or {}).get("error"))
        return line

    def _set_language(self, line: Line, tag: str | None) -> None:
        line["lang"] = tag
        line["language"] = self._words.language_tag(tag) if tag else None

    def _set_delivery(self, line: Line, state: str, problem: str | None = None) -> None:
        text = self._words(f"delivery.{state}")
        line["delivery"] = self._words("delivery.why", state=text, problem=problem) if problem else text
        line["failed"] = state == Delivery.FAILED


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
