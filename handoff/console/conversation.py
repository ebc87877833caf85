"""The middle column: one conversation, what can be done with it, and where the agent writes."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from handoff.agents.models import Agent
from handoff.console.actions import Actions
from handoff.console.elements import COMPONENTS, Tag
from handoff.console.transcript import Transcript
from handoff.console.views import ConversationView
from handoff.console.words import Words
from handoff.conversations.models import Owner
from handoff.queue.models import Resolution

FORM_VALUES = """(event) => {
  event.preventDefault();
  emit(Object.fromEntries(new FormData(event.target)));
}"""


class Composer(Element, component=COMPONENTS / "composer.js"):
    """The box that the agent writes in; see components/composer.js."""

    def __init__(self, words: Words, place: str) -> None:
        super().__init__()
        self.props["place"] = place
        self.props["words"] = {key: words(f"composer.{key}") for key in ("label", "placeholder", "send")}

    def accept(self) -> None:
        self.run_method("accepted")

    def refuse(self, reason: str) -> None:
        """Keep the text and say why it was not sent."""
        self.run_method("refused", reason)


Act = Callable[[Callable[[Agent], Awaitable[None]]], Awaitable[str | None]]


class ConversationPane:
    """A conversation that is open in the page.

    `act` carries out an action as the signed-in agent and returns what went wrong, in words, or None.
    """

    def __init__(self, words: Words, parent: Tag, actions: Actions, act: Act, agent_id: uuid.UUID) -> None:
        self._words = words
        self._parent = parent
        self.actions = actions
        self._act = act
        self._agent_id = agent_id
        self._composer: Composer | None = None
        self._is_acting = False
        self._holder: tuple[Owner, uuid.UUID | None] | None = None
        self.transcript: Transcript
        self.view: ConversationView

    @property
    def is_mine(self) -> bool:
        conversation = self.view.conversation
        return conversation.owner is Owner.AGENT and conversation.agent_id == self._agent_id

    def build(
        self, view: ConversationView, events: list[dict[str, Any]], show_all: Callable[[], Any] | None
    ) -> None:
        """Lay the pane out; `show_all` is offered where the transcript begins in the middle."""
        words = self._words
        self._parent.clear()
        with self._parent:
            with Tag("header", "pane-head"):
                with Tag("div", "pane-title"):
                    with Tag("div", "pane-name"):
                        self._customer = Tag("h1", dir="auto")
                        self._presence = Tag("span", "presence")
                    with Tag("p", "tags"):
                        self._language = Tag("span", "language")
                        self._owner = Tag("span")
                self._buttons = Tag("div", "buttons")
            self._form = Tag("div", "closing", hidden=True)
            with Tag("p", "problem", role="alert") as self._alert:
                self._alert_text = Tag("span")
            with Tag("div", "scroller", tabindex="0", aria_label=words("transcript.label"), role="log"):
                self.transcript = Transcript(
                    words,
                    view.traits,
                    events,
                    delivered=view.conversation.customer_delivered_seq,
                    read=view.conversation.customer_read_seq,
                )
            with self.transcript:
                if show_all is not None:
                    button = Tag("button", "button earlier", words("transcript.earlier"), type="button")
                    button.on("click", show_all)
            self._typing = Tag("p", "typing", aria_live="polite")
            self._foot = Tag("div", "pane-foot")
        self.alert(None)
        self.show_typing(None)
        self.show(view)

    def show(self, view: ConversationView) -> None:
        """Bring everything but the transcript up to date."""
        self.view = view
        conversation = view.conversation
        self._customer.text = view.customer or self._words.visitor(conversation.id)
        self._language.text = self._words.language_tag(view.packet["language"]["current"])
        self._owner.text = self._describe_owner()
        holder = (conversation.owner, conversation.agent_id)
        if holder != self._holder:
            # Only now: a form that is being filled in must outlive the customer's next message.
            self._holder = holder
            self._offer_actions()
            self._show_foot()

    def show_presence(self, is_here: bool | None) -> None:
        """Say whether the customer is here; nothing where the channel does not tell."""
        self._presence.text = self._words.presence(is_here)
        self._presence.set_class("is-here", is_here is True)
        self._presence.show(is_here is not None)

    def alert(self, text: str | None) -> None:
        """Say what went wrong, until the next action."""
        self._alert_text.text = text
        self._alert.show(text is not None)

    def show_typing(self, text: str | None) -> None:
        self._typing.text = text

    def _describe_owner(self) -> str:
        conversation = self.view.conversation
        if self.is_mine:
            return self._words("owner.mine")
        name = conversation.agent.name if conversation.agent else ""
        return self._words(f"owner.{conversation.owner.value}", agent=name)

    def _offer_actions(self) -> None:
        owner = self.view.conversation.owner
        self._form.clear()
        self._form.show(False)
        self._buttons.clear()
        with self._buttons:
            if owner is Owner.WAITING:
                self._button("take", lambda: self._do(self.actions.take), "primary")
            elif owner is Owner.BOT:
                self._button("step_in", lambda: self._do(self.actions.step_in))
            elif self.is_mine:
                self._button("hand_back", lambda: self._ask("hand_back", self.actions.hand_back))
                self._button("resolve", lambda: self._ask("resolve", self.actions.resolve), "primary")

    def _button(self, key: str, handler: Callable[[], Any], kind: str = "") -> None:
        Tag("button", f"button {kind}", self._words(f"action.{key}"), type="button").on("click", handler)

    async def _do(self, action: Callable[[Agent], Awaitable[None]]) -> None:
        if self._is_acting:
            # A double click: the second would only be told that the first has done it.
            return
        self._is_acting = True
        try:
            self.alert(await self._act(action))
        finally:
            self._is_acting = False

    def _ask(self, key: str, action: Callable[[Agent, dict[str, Any]], Awaitable[None]]) -> None:
        """Open the form of an action that ends the agent's part; the same button closes it."""
        is_open = self._form.props.get("data-form") == key and "hidden" not in self._form.props
        self._form.clear()
        self._form.show(not is_open)
        self._form.put("data-form", key)
        if is_open:
            return

        async def submit(event: GenericEventArguments) -> None:
            sent = event.args if isinstance(event.args, dict) else {}
            await self._do(lambda agent: action(agent, sent))

        with self._form, Tag("form", aria_label=self._words(f"action.{key}")) as form:
            if key == "resolve":
                label = Tag("label", text=self._words("resolve.reason"))
                with label, Tag("select", name="reason", required=True):
                    for how in Resolution:
                        Tag("option", text=self._words(f"resolution.{how.value}"), value=how.value)
            with Tag("label", text=self._words(f"{key}.note")):
                Tag("textarea", name="note", rows="2", maxlength="2000", dir="auto")
            with Tag("div", "buttons"):
                cancel = Tag("button", "button", self._words("action.cancel"), type="button")
                cancel.on("click", lambda: self._form.show(False))
                Tag("button", "button primary", self._words(f"action.{key}"), type="submit")
        form.on("submit", submit, js_handler=FORM_VALUES)
        ui.run_javascript(f'document.querySelector("#{form.html_id} [name]").focus()')

    def _show_foot(self) -> None:
        """Offer the composer to whoever has the conversation, a hint to everybody else."""
        self._foot.clear()
        self._composer = None
        with self._foot:
            if self.is_mine:
                place = f"{self._agent_id}:{self.view.conversation.id}"
                self._composer = Composer(self._words, place)
                self._composer.on("send", self._send)
                self._composer.on("typing", self._type, args=[])
            else:
                Tag("p", "hint", self._words(f"hint.{self.view.conversation.owner.value}"))

    async def _send(self, event: GenericEventArguments) -> None:
        sent = event.args if isinstance(event.args, dict) else {}
        composer = self._composer
        problem = await self._act(lambda agent: self.actions.write(agent, sent))
        if composer is None or composer.is_deleted:
            # Somebody else has the conversation by now: the box is gone, the draft stays in the browser.
            self.alert(problem)
        elif problem is None:
            composer.accept()
        else:
            composer.refuse(problem)

    async def _type(self) -> None:
        await self._act(self.actions.show_typing)
