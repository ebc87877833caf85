"""The console's pages, registered with NiceGUI. The gate lets only signed-in agents through to them."""

from __future__ import annotations

import uuid

from fastapi import Request
from nicegui import app, ui

from handoff.console.elements import Tag
from handoff.console.page import ConsolePage
from handoff.console.words import find_console_language
from handoff.errors import DragomanError
from handoff.rendering import render_error

# A page reads the lists and one conversation; where the database or the machine is slow, it comes late rather
# than not at all (NiceGUI gives up after three seconds).
LONGEST_BUILD_SECONDS = 20.0


@ui.page("/", response_timeout=LONGEST_BUILD_SECONDS)
async def show_console(request: Request) -> None:
    """The lists, with no conversation open."""
    await ConsolePage(request, ui.context.client).build(None)


@ui.page("/conversations/{conversation_id}", response_timeout=LONGEST_BUILD_SECONDS)
async def show_conversation(request: Request, conversation_id: uuid.UUID) -> None:
    """The lists and one conversation."""
    await ConsolePage(request, ui.context.client).build(conversation_id)


def show_failure() -> None:
    """Say that something went wrong, not what: NiceGUI's own page would show the error itself."""
    agent = ui.context.client.request.state.signed_in.agent
    language = find_console_language([agent.language])
    Tag("p", "nothing", render_error(DragomanError(), language.tag)["message"])


app.on_page_exception(show_failure)
