"""The left column: who waits, my conversations, the others', and the assistant's."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from handoff.console.board import Board, Line
from handoff.console.elements import COMPONENTS, Tag
from handoff.console.words import Words

Address = Callable[[str], str]
Open = Callable[[uuid.UUID], Any]
# By conversation and channel; None where the channel does not tell.
FindPresence = Callable[[uuid.UUID, str], bool | None]


class Lines(Element, component=COMPONENTS / "lines.js"):
    """The lines of a list, one element for all of them; see components/lines.js."""

    def __init__(self, words: Words, address: Address, open_: Open, find_presence: FindPresence) -> None:
        super().__init__()
        self._words = words
        self._address = address
        self._find_presence = find_presence
        self._new: set[str] = set()
        self.props["lines"] = []

        async def follow(event: GenericEventArguments) -> None:
            await open_(uuid.UUID(event.args))

        self.on("open", follow)

    def show(self, lines: list[Line], *, mark_new: bool) -> None:
        known = {line["id"] for line in self.props["lines"]}
        ids = {str(line.conversation_id) for line in lines}
        self._new = (self._new & ids) | (ids - known if mark_new else set())
        self._put([self._render(line) for line in lines])

    def mark_open(self, conversation_id: uuid.UUID) -> None:
        opened = str(conversation_id)
        self.props["opened"] = opened
        self._new.discard(opened)
        self._put([{**line, "new": line["id"] in self._new} for line in self.props["lines"]])

    def _put(self, lines: list[dict[str, Any]]) -> None:
        if lines != self.props["lines"]:
            self.props["lines"] = lines

    def _render(self, line: Line) -> dict[str, Any]:
        words = self._words
        conversation_id = str(line.conversation_id)
        is_here = self._find_presence(line.conversation_id, line.channel)
        return {
            "id": conversation_id,
            "address": self._address(conversation_id),
            "customer": line.customer or words.visitor(line.conversation_id),
            "here": is_here,
            "presence": words.presence(is_here),
            "since": line.since.isoformat(),
            "last": " ".join((line.last_message or "").split()),
            "level": line.priority,
            "priority": words(f"priority.{line.priority}") if line.priority else None,
            "reason": words(f"reason.{line.reason}") if line.reason else None,
            "language": words.language_tag(line.language),
            "agent": line.agent,
            "unread": words.count("unread", line.unread) if line.unread else None,
            "new": conversation_id in self._new,
        }


class LineList:
    """A heading with a count, and its lines in order."""

    def __init__(
        self,
        words: Words,
        key: str,
        address: Address,
        open_: Open,
        find_presence: FindPresence,
        *,
        fold: bool = False,
    ) -> None:
        with Tag("details" if fold else "section", f"lines lines-{key}") as self.box:
            with Tag("summary" if fold else "h2"):
                Tag("span", text=words(f"list.{key}"))
                self._count = Tag("span", "count")
            self.lines = Lines(words, address, open_, find_presence)
            self._empty = Tag("p", "empty", words(f"list.{key}_empty"))

    def show(self, lines: list[Line], *, mark_new: bool = False) -> None:
        """Bring the list up to date; `mark_new` sets off lines that were not there before."""
        self.lines.show(lines, mark_new=mark_new)
        self._count.text = str(len(lines)) if lines else None
        self._empty.show(not lines)


class Colleagues:
    """The names of the other agents who are here."""

    def __init__(self, words: Words) -> None:
        self._names: list[str] = []
        with Tag("section", "lines colleagues"):
            with Tag("h2"):
                Tag("span", text=words("list.colleagues"))
                self._count = Tag("span", "count")
            self._list = Tag("ul")
            self._empty = Tag("p", "empty", words("list.colleagues_empty"))

    def show(self, names: list[str]) -> None:
        self._count.text = str(len(names)) if names else None
        self._empty.show(not names)
        if names != self._names:
            self._names = names
            self._list.clear()
            with self._list:
                for name in names:
                    # The dot stands where the page begins its lines, however the name runs.
                    with Tag("li", "presence is-here"):
                        Tag("span", text=name, dir="auto")


class Lists:
    """All lists. `on_fold` hears when the assistant's conversations are unfolded or folded."""

    def __init__(
        self,
        words: Words,
        address: Address,
        open_: Open,
        on_fold: Callable[[], Any],
        find_presence: FindPresence,
    ) -> None:
        self.shows_bot = False
        self._on_fold = on_fold
        self._board: Board | None = None
        self._waiting = LineList(words, "waiting", address, open_, find_presence)
        self._mine = LineList(words, "mine", address, open_, find_presence)
        self._others = LineList(words, "others", address, open_, find_presence)
        self._bot = LineList(words, "bot", address, open_, find_presence, fold=True)
        self._bot.box.on("toggle", self._fold, js_handler="(event) => emit(event.target.open)")
        self.colleagues = Colleagues(words)

    def show(self, board: Board) -> None:
        self._waiting.show(board.waiting, mark_new=self._board is not None)
        self._mine.show(board.mine)
        self._others.show(board.others)
        self._bot.show(board.with_bot)
        self._board = board

    def show_presence(self) -> None:
        """Bring up to date which customers are here."""
        if self._board is not None:
            self.show(self._board)

    def lists(self, conversation_id: str) -> bool:
        """Whether a conversation is in one of the lists."""
        return self._board is not None and conversation_id in self._board.ids()

    def mark_open(self, conversation_id: uuid.UUID) -> None:
        for shown in (self._waiting, self._mine, self._others, self._bot):
            shown.lines.mark_open(conversation_id)

    def concerns(self, payload: dict[str, Any]) -> bool:
        """Whether something that the bus says may change the lists."""
        if payload["type"] != "turn" or self.shows_bot or self._board is None:
            return True
        return self.lists(payload["conversation_id"])

    async def _fold(self, event: GenericEventArguments) -> None:
        self.shows_bot = event.args is True
        await self._on_fold()
