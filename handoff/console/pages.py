"""The console's pages, registered with NiceGUI. The gate lets only signed-in agents through to them."""

from __future__ import annotations

import uuid

from fastapi import Request
from nicegui import ui

from handoff.console.page import ConsolePage


@ui.page("/")
async def show_console(request: Request) -> None:
    """The lists, with no conversation open."""
    await ConsolePage(request, ui.context.client).build(None)


@ui.page("/conversations/{conversation_id}")
async def show_conversation(request: Request, conversation_id: uuid.UUID) -> None:
    """The lists and one conversation."""
    await ConsolePage(request, ui.context.client).build(conversation_id)
