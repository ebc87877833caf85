"""The left column: who waits, my conversations, the others', and the assistant's."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from nicegui.events import GenericEventArguments

from handoff.console.board import Board, Line
from handoff.console.elements import Moment, Tag
from handoff.console.words import Words

# Following a link in place, unless it is to be opened elsewhere.
FOLLOW = """(event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button) return;
  event.preventDefault();
  emit();
}"""

Open = Callable[[uuid.UUID], Any]


class LineRow:
    """One conversation in a list; changes in place, so that the keyboard's focus stays where it is."""

    def __init__(self, words: Words, line: Line, address: str, open_: Open) -> None:
        self._words = words
        self._line: Line | None = None
        with Tag("li") as self.item, Tag("a", "line", href=address) as self._link:
            with Tag("div", "line-top"):
                self._customer = Tag("b", "customer", dir="auto")
                self._since = Moment(line.since.isoformat(), "since")
            self._message = Tag("p", "last", dir="auto")
            with Tag("div", "tags"):
                self._priority = Tag("span", "priority")
                self._reason = Tag("span")
                self._language = Tag("span", "language")
                self._agent = Tag("span", "quiet", dir="auto")
                self._unread = Tag("span", "unread")
        self._link.on("click", lambda: open_(line.conversation_id), js_handler=FOLLOW)
        self.show(line)

    def show(self, line: Line) -> None:
        if line == self._line:
            return
        self._line = line
        words = self._words
        self._customer.text = line.customer or words("visitor", code=str(line.conversation_id)[:4].upper())
        self._since.props["at"] = line.since.isoformat()
        self._message.text = " ".join((line.last_message or "").split())
        self._message.show(bool(line.last_message))
        self._language.text = words.language_tag(line.language)
        self._show(self._priority, words(f"priority.{line.priority}") if line.priority else None)
        self._priority.classes(replace=f"priority priority-{line.priority}")
        self._show(self._reason, words(f"reason.{line.reason}") if line.reason else None)
        self._show(self._agent, line.agent)
        self._show(self._unread, words.count("unread", line.unread) if line.unread else None)
        self._link.set_class("is-unread", bool(line.unread))

    def mark_open(self, is_open: bool) -> None:
        self._link.set_class("is-open", is_open)
        self._link.put("aria-current", "true" if is_open else None)

    def mark_new(self, is_new: bool) -> None:
        self._link.set_class("is-new", is_new)

    def _show(self, tag: Tag, text: str | None) -> None:
        tag.text = text or ""
        tag.show(text is not None)


class LineList:
    """A heading with a count, and its lines in order."""

    def __init__(
        self, words: Words, key: str, address: Callable[[str], str], open_: Open, *, fold: bool
    ) -> None:
        self._words = words
        self._address = address
        self._open = open_
        self._rows: dict[uuid.UUID, LineRow] = {}
        self._opened: uuid.UUID | None = None
        with Tag("details" if fold else "section", f"lines lines-{key}") as self.box:
            with Tag("summary" if fold else "h2"):
                Tag("span", text=words(f"list.{key}"))
                self._count = Tag("span", "count")
            self._items = Tag("ul", "plain")
            self._empty = Tag("p", "empty", words(f"list.{key}_empty"))

    def show(self, lines: list[Line], *, mark_new: bool = False) -> None:
        """Bring the list up to date; `mark_new` sets off lines that were not there before."""
        for gone in self._rows.keys() - {line.conversation_id for line in lines}:
            self._rows.pop(gone).item.delete()
        for index, line in enumerate(lines):
            row = self._rows.get(line.conversation_id)
            if row is None:
                with self._items:
                    row = LineRow(self._words, line, self._address(str(line.conversation_id)), self._open)
                self._rows[line.conversation_id] = row
                row.mark_new(mark_new)
                row.mark_open(line.conversation_id == self._opened)
            else:
                row.show(line)
            if self._items.default_slot.children[index] is not row.item:
                row.item.move(self._items, index)
        self._count.text = str(len(lines)) if lines else None
        self._empty.show(not lines)

    def mark_open(self, conversation_id: uuid.UUID | None) -> None:
        self._opened = conversation_id
        for key, row in self._rows.items():
            row.mark_open(key == conversation_id)
            if key == conversation_id:
                row.mark_new(False)


class Lists:
    """All lists. `on_fold` hears when the assistant's conversations are unfolded or folded."""

    def __init__(
        self, words: Words, address: Callable[[str], str], open_: Open, on_fold: Callable[[], Any]
    ) -> None:
        self.shows_bot = False
        self._on_fold = on_fold
        self._board: Board | None = None
        self._waiting = LineList(words, "waiting", address, open_, fold=False)
        self._mine = LineList(words, "mine", address, open_, fold=False)
        self._others = LineList(words, "others", address, open_, fold=False)
        self._bot = LineList(words, "bot", address, open_, fold=True)
        self._bot.box.on("toggle", self._fold, js_handler="(event) => emit(event.target.open)")

    def show(self, board: Board) -> None:
        self._waiting.show(board.waiting, mark_new=self._board is not None)
        self._mine.show(board.mine)
        self._others.show(board.others)
        self._bot.show(board.with_bot)
        self._board = board

    def mark_open(self, conversation_id: uuid.UUID | None) -> None:
        for lines in (self._waiting, self._mine, self._others, self._bot):
            lines.mark_open(conversation_id)

    def concerns(self, payload: dict[str, Any]) -> bool:
        """Whether something that the bus says may change the lists."""
        if payload["type"] != "turn" or self.shows_bot or self._board is None:
            return True
        return payload["conversation_id"] in self._board.ids()

    async def _fold(self, event: GenericEventArguments) -> None:
        self.shows_bot = event.args is True
        await self._on_fold()
