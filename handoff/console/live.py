"""How an open console hears of changes: tasks that run from when its browser connects until it is gone."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from nicegui import Client, background_tasks

from handoff.bus import RESYNC, Payload
from handoff.console.conversation import ConversationPane
from handoff.console.views import read_events
from handoff.conversations.models import Author
from handoff.conversations.service import TURNS_TOPIC, conversation_topic
from handoff.presence import Kind
from handoff.queue.service import QUEUE_TOPIC

if TYPE_CHECKING:
    from handoff.console.page import ConsolePage

logger = logging.getLogger(__name__)

# A session that ended elsewhere (another tab, an account closed) is noticed within this time; an action
# notices at once.
SESSION_CHECK_S = 5.0
# Changes within this time are shown as one.
SETTLE_S = 0.15
TYPING_SHOWN_S = 4.0
# Events after which header, buttons and packet may look different.
TELLING_EVENTS = ("message", "owner", "language", "understood")


class LiveUpdates:
    """The tasks of one page.

    What changes is read anew in one of them, `refresh`: nothing is cancelled half way by the next change.
    """

    def __init__(self, page: ConsolePage, client: Client) -> None:
        self._page = page
        self._client = client
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_running = False
        self._has_left = False
        self._stale: set[str] = set()
        self._is_stale = asyncio.Event()
        self._conversation_id: uuid.UUID | None = None

    def start(self) -> None:
        """Begin, when the browser has connected; a browser that comes back finds it running."""
        if self._is_running or self._has_left:
            return
        self._is_running = True
        self._run("session", self._watch_session())
        self._run("lists", self._hear_of_lists())
        self._run("presence", self._be_present())
        self._run("refresh", self._refresh())
        if self._conversation_id is not None:
            self.follow(self._conversation_id)

    def stop(self) -> None:
        """End all tasks, and with them the subscriptions."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        self._is_running = False

    def leave(self) -> None:
        """End for good: the agent is no longer signed in."""
        self._has_left = True
        self.stop()

    def follow(self, conversation_id: uuid.UUID) -> None:
        """Hear of one conversation instead of the one before."""
        self._conversation_id = conversation_id
        pane = self._page.pane
        if self._is_running and pane is not None:
            self._run("conversation", self._hear_of_conversation(conversation_id, pane))

    def mark_stale(self, *parts: str) -> None:
        """Have `lists`, `pane`, `seen`, `presence` or `colleagues` brought up to date soon."""
        self._stale.update(parts)
        self._is_stale.set()

    def _run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run a task in place of the one of the same name."""
        if name in self._tasks:
            self._tasks.pop(name).cancel()
        self._tasks[name] = background_tasks.create(work, name=f"console {name}", context=self._client)

    async def _watch_session(self) -> None:
        while True:
            await asyncio.sleep(SESSION_CHECK_S)
            await self._page.check_session()

    async def _refresh(self) -> None:
        while True:
            await self._is_stale.wait()
            await asyncio.sleep(SETTLE_S)
            self._is_stale.clear()
            stale, self._stale = self._stale, set()
            try:
                if "seen" in stale:
                    await self._page.mark_seen()
                if "pane" in stale:
                    await self._page.refresh_pane()
                if "lists" in stale:
                    await self._page.refresh_lists()
                if "presence" in stale:
                    self._page.refresh_presence()
                if "colleagues" in stale:
                    await self._page.refresh_colleagues()
            except Exception:
                # The next change brings it up to date.
                logger.exception("the console could not be brought up to date")

    async def _hear_of_lists(self) -> None:
        # Subscribed first, read second: what happens in between is not missed.
        async with self._page.services.bus.subscribe(QUEUE_TOPIC, TURNS_TOPIC) as subscription:
            self.mark_stale("lists")
            async for payload in subscription:
                if self._page.lists.concerns(payload):
                    self.mark_stale("lists")

    async def _be_present(self) -> None:
        """Have the agent count as being here, and hear of who else comes and goes."""
        presence = self._page.services.presence
        async with presence.here(Kind.AGENT, self._page.agent_id), presence.subscribe() as changes:
            self.mark_stale("presence", "colleagues")
            async for change in changes:
                if change == RESYNC:
                    self.mark_stale("presence", "colleagues")
                elif change["kind"] == Kind.AGENT:
                    self.mark_stale("colleagues")
                elif self._page.shows(change["id"]):
                    self.mark_stale("presence")

    async def _hear_of_conversation(self, conversation_id: uuid.UUID, pane: ConversationPane) -> None:
        topic = conversation_topic(conversation_id)
        async with self._page.services.bus.subscribe(topic) as subscription:
            await self._catch_up(conversation_id, pane)
            self.mark_stale("pane", "seen", "lists")
            async for payload in subscription:
                try:
                    await self._receive(payload, conversation_id, pane)
                except Exception:
                    # The next event finds the gap and fills it from the log.
                    logger.exception("an event of conversation %s could not be shown", conversation_id)

    async def _receive(self, payload: Payload, conversation_id: uuid.UUID, pane: ConversationPane) -> None:
        if payload == RESYNC:
            await self._catch_up(conversation_id, pane)
            self.mark_stale("pane")
        elif payload["type"] == "typing":
            self._show_typing(payload, pane)
        elif payload["type"] == "receipt":
            pane.transcript.show_receipt(payload["delivered"], payload["read"])
        elif payload["type"] == "event" and payload["seq"] == pane.transcript.seq + 1:
            self._add(payload, pane)
        elif payload["type"] == "event" and payload["seq"] > pane.transcript.seq:
            await self._catch_up(conversation_id, pane)

    async def _catch_up(self, conversation_id: uuid.UUID, pane: ConversationPane) -> None:
        for event in await read_events(self._page.services, conversation_id, pane.transcript.seq):
            self._add(event, pane)

    def _add(self, event: Payload, pane: ConversationPane) -> None:
        pane.transcript.add(event)
        if event["kind"] == "message":
            pane.show_typing(None)
            if event["message"]["author"] == Author.CUSTOMER:
                self.mark_stale("seen", "lists")
        if event["kind"] in TELLING_EVENTS:
            self.mark_stale("pane")

    def _show_typing(self, payload: Payload, pane: ConversationPane) -> None:
        name = payload["name"] or ""
        if payload["who"] == "agent" and name == self._page.agent_name:
            return
        pane.show_typing(self._page.words(f"typing.{payload['who']}", name=name))
        self._run("typing", self._end_typing(pane))

    async def _end_typing(self, pane: ConversationPane) -> None:
        await asyncio.sleep(TYPING_SHOWN_S)
        pane.show_typing(None)
