"""The agents' console: the queue, a conversation, and all that is known about it, live in the browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

# Importing `pages` registers them with NiceGUI.
from handoff.console import framework, pages, sign_in
from handoff.console.assets import ASSETS_PATH, AssetFiles
from handoff.console.gate import ConsoleGate
from handoff.context import Services

__all__ = ["mount", "pages"]

MOUNT_PATH = "/console"
# Higher levels take several times as long and save little.
GZIP_LEVEL = 5


def mount(app: FastAPI) -> None:
    """Serve the console under /console.

    NiceGUI runs in an application of its own behind the gate, so that none of its middleware, cookies or
    error pages touches another route.
    """
    services: Services = app.state.services
    app.include_router(sign_in.router)
    app.mount(ASSETS_PATH, AssetFiles())
    gate = ConsoleGate(framework.get_host(), services)
    app.mount(MOUNT_PATH, GZipMiddleware(gate, minimum_size=1000, compresslevel=GZIP_LEVEL))

    # Starlette doesn't run a mounted application's start and stop: they hang on those of ours. The pages end
    # first, while the bus and the database that they use are still there.
    lifespan_of_app = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(started: FastAPI) -> AsyncIterator[Any]:
        async with lifespan_of_app(started) as state, framework.running():
            yield state

    app.router.lifespan_context = lifespan
