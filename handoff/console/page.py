"""One open console: who it belongs to, what it shows, what its agent does."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable

from fastapi import Request
from nicegui import Client, ui
from nicegui.events import GenericEventArguments

from handoff.agents import repository as agent_repository
from handoff.agents import service as agents
from handoff.agents.models import Agent
from handoff.agents.service import SignedIn
from handoff.console.actions import Actions
from handoff.console.board import read_board
from handoff.console.conversation import ConversationPane
from handoff.console.elements import Tag
from handoff.console.gate import SIGN_IN_PATH
from handoff.console.lists import Lists
from handoff.console.live import LiveUpdates
from handoff.console.packet_panel import PacketPanel
from handoff.console.views import FIRST_EVENTS, read_events, read_view
from handoff.console.words import NAME, Words, find_console_language, list_console_languages
from handoff.context import Services
from handoff.errors import ConflictError, DragomanError, UnauthorizedError
from handoff.presence import Kind
from handoff.rendering import render_error


def address_of(conversation_id: uuid.UUID | str | None) -> str:
    """Return the address of a conversation in the console, or of the console alone."""
    return f"/console/conversations/{conversation_id}" if conversation_id else "/console/"


class ConsolePage:
    """A page in a browser. Whatever its agent does goes through `act`, which looks at the session first."""

    def __init__(self, request: Request, client: Client) -> None:
        signed_in: SignedIn = request.state.signed_in
        self.services: Services = request.state.services
        self.words = Words(find_console_language([signed_in.agent.language]))
        self.pane: ConversationPane | None = None
        self.is_visible = True
        self._token: str = request.state.token
        self._csrf_token = signed_in.csrf_token
        self._agent = signed_in.agent
        self._client = client
        self._opened: uuid.UUID | None = None
        self._live = LiveUpdates(self, client)

    @property
    def agent_id(self) -> uuid.UUID:
        return self._agent.id

    @property
    def agent_name(self) -> str:
        return self._agent.name

    def shows(self, conversation_id: str) -> bool:
        """Whether a conversation is open or listed."""
        return conversation_id == str(self._opened) or self.lists.lists(conversation_id)

    async def build(self, conversation_id: uuid.UUID | None) -> None:
        """Lay the page out and fill it."""
        words = self.words
        with Tag("div", "console") as self._frame:
            self._build_head()
            with Tag("nav", "area lists", aria_label=words("list.label")):
                find_presence = self.services.find_customer_presence
                self.lists = Lists(words, address_of, self._open, self._fold, find_presence)
            self._middle = Tag("section", "area pane")
            side = Tag("aside", "area packet", aria_label=words("packet.heading"))
            self._packet = PacketPanel(words, side, address_of)
        ui.on("visibility", self._note_visibility)
        self._client.on_connect(self._live.start)
        self._client.on_delete(self._live.stop)
        self._client.on_exception(self._show_failure)
        await self.refresh_lists()
        await self.refresh_colleagues()
        if conversation_id is None:
            self._show_nothing(words("nothing_open"))
            return
        problem = await self.act(lambda _: self._show_conversation(conversation_id))
        if problem is not None:
            self._client.status_code = 404

    def _build_head(self) -> None:
        words = self.words
        with Tag("header", "head"):
            Tag("a", "wordmark", NAME, href=address_of(None))
            Tag("p", "offline", words("offline"), role="status")
            toggle = Tag("button", "button toggle", words("packet.toggle"), type="button")
            toggle.put("aria-expanded", "false")
            toggle.on("click", lambda: self._toggle_packet(toggle))
            with Tag("label", "head-item"):
                Tag("span", "unseen", words("language"))
                with Tag("select", name="language") as select:
                    for language in list_console_languages():
                        is_own = language.tag == words.language.tag
                        Tag("option", text=language.endonym, value=language.tag, selected=is_own or None)
            select.on("change", self._change_language, js_handler="(event) => emit(event.target.value)")
            Tag("span", "head-item agent", self._agent.name, dir="auto")
            with Tag("form", id="sign-out", method="post", action="/console/sign-out"):
                Tag("input", type="hidden", name="csrf_token", value=self._csrf_token)
                Tag("button", "button", words("sign_out"), type="submit")

    # What the agent does

    async def act(self, action: Callable[[Agent], Awaitable[None]]) -> str | None:
        """Do something as the signed-in agent; return what went wrong, in words, or None."""
        try:
            async with self.services.database.reading() as session:
                signed_in = await agents.get_signed_in(session, self._token)
            self.services.limits.agent_calls.check(str(signed_in.agent.id))
            await action(signed_in.agent)
        except UnauthorizedError as error:
            self._leave()
            return self._say(error)
        except ConflictError as error:
            await self.refresh_pane()
            return self._explain_conflict() or self._say(error)
        except DragomanError as error:
            return self._say(error)
        return None

    async def _open(self, conversation_id: uuid.UUID) -> None:
        if conversation_id == self._opened and self.pane is not None:
            # Building it anew would take a button away under the agent's finger.
            return
        if await self.act(lambda _: self._show_conversation(conversation_id)) is None:
            ui.navigate.history.push(address_of(conversation_id))

    async def _show_conversation(self, conversation_id: uuid.UUID, *, whole: bool = False) -> None:
        """Show a conversation in place of the one that is open."""
        self._opened = conversation_id
        self.pane = None
        self.lists.mark_open(conversation_id)
        try:
            view = await read_view(self.services, conversation_id)
        except DragomanError as error:
            self._packet.clear()
            self._show_nothing(self._say(error))
            raise
        after = 0 if whole else max(0, view.conversation.last_seq - FIRST_EVENTS)
        events = await read_events(self.services, conversation_id, after)
        if self._opened != conversation_id:
            # Another one was opened while this one was read.
            return
        actions = Actions(self.services, conversation_id)
        pane = ConversationPane(self.words, self._middle, actions, self.act, self._agent.id)
        pane.build(view, events, self._show_whole if after else None)
        self.pane = pane
        self.refresh_presence()
        self._packet.show(view)
        self._live.follow(conversation_id)

    async def _show_whole(self) -> None:
        opened = self._opened
        if opened is not None:
            await self.act(lambda _: self._show_conversation(opened, whole=True))

    async def _fold(self) -> None:
        await self.act(lambda _: self.refresh_lists())

    async def _change_language(self, event: GenericEventArguments) -> None:
        async def change(agent: Agent) -> None:
            language = find_console_language([str(event.args)])
            async with self.services.database.transaction() as session:
                await agents.change_language(session, agent.id, language.tag)
            ui.navigate.reload()

        await self.act(change)

    async def mark_seen(self) -> None:
        """Note that the agent has seen the open conversation, if it is theirs and the page is looked at."""
        pane = self.pane
        if pane is not None and pane.is_mine and self.is_visible:
            await self.act(pane.actions.mark_seen)

    async def check_session(self) -> None:
        """Leave the page if the session has ended."""

        async def nothing(_: Agent) -> None:
            return

        await self.act(nothing)

    def _note_visibility(self, event: GenericEventArguments) -> None:
        self.is_visible = event.args is True
        self._live.mark_stale("seen", "lists")

    def _toggle_packet(self, toggle: Tag) -> None:
        """On narrow screens the right column lies over the others when it is wanted."""
        is_open = toggle.props["aria-expanded"] == "false"
        toggle.put("aria-expanded", "true" if is_open else "false")
        self._frame.set_class("shows-packet", is_open)

    # What the page shows

    async def refresh_lists(self) -> None:
        async with self.services.database.reading() as session:
            board = await read_board(session, self._agent.id, with_bot=self.lists.shows_bot)
        self.lists.show(board)
        count = board.count_new()
        title = self.words.of_tab("title_new" if count else "title", count=count, name=NAME)
        if title != self._client.title:
            ui.page_title(title)

    async def refresh_pane(self) -> None:
        """Bring header, buttons and packet of the open conversation up to date."""
        pane, opened = self.pane, self._opened
        if pane is None or opened is None:
            return
        view = await read_view(self.services, opened)
        if self.pane is pane:
            pane.show(view)
            self._packet.show(view)

    def refresh_presence(self) -> None:
        """Bring up to date which of the customers shown are here."""
        self.lists.show_presence()
        if self.pane is not None:
            conversation = self.pane.view.conversation
            self.pane.show_presence(
                self.services.find_customer_presence(conversation.id, conversation.channel)
            )

    async def refresh_colleagues(self) -> None:
        present = self.services.presence.list_here(Kind.AGENT) - {self._agent.id}
        async with self.services.database.reading() as session:
            colleagues = await agent_repository.list_agents(session, present)
        self.lists.colleagues.show([agent.name for agent in colleagues])

    def _show_nothing(self, text: str) -> None:
        self._middle.clear()
        with self._middle:
            Tag("p", "nothing", text)

    def _say(self, error: DragomanError) -> str:
        return str(render_error(error, self.words.language.tag)["message"])

    def _explain_conflict(self) -> str | None:
        """Say who has the conversation instead."""
        if self.pane is None:
            return None
        conversation = self.pane.view.conversation
        agent = conversation.agent.name if conversation.agent else ""
        return self.words(f"conflict.{conversation.owner.value}", agent=agent)

    def _show_failure(self) -> None:
        """Say that something went wrong by our fault; NiceGUI has logged what."""
        text = self._say(DragomanError())
        if self.pane is not None:
            self.pane.alert(text)
        else:
            self._show_nothing(text)

    def _leave(self) -> None:
        """Stop everything and go to the sign-in page."""
        with self._client:
            ui.run_javascript(f'location.assign("{SIGN_IN_PATH}?next={address_of(self._opened)}")')
        self._live.leave()
