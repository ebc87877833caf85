"""One Chromium for all browser tests, and the fake service for those of the widget."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    expect,
    sync_playwright,
)

from tests.browser.fake_service import FakeService, RunningService
from tests.browser.widget_page import Visit

expect.set_options(timeout=5_000)

# CHROMIUM names another browser, e.g. one that `playwright install` brought.
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
# Nothing leaves the machine: no updates, no sync, no field trials.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


# Not the session's: while Playwright's synchronous interface is up its loop runs in this thread, and no
# asynchronous test elsewhere could start.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def running() -> Iterator[RunningService]:
    with FakeService().serve() as running:
        yield running


@pytest.fixture
def fake(running: RunningService) -> FakeService:
    service = running.service
    service.conversations.clear()
    service.next_errors.clear()
    service.refuses_sockets = False
    service.age = timedelta(0)
    return service


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    # Nothing moves: a test may measure at any moment.
    context = browser.new_context(
        locale="en-GB", viewport={"width": 1000, "height": 720}, reduced_motion="reduce"
    )
    yield context
    context.close()


@pytest.fixture
def visit(context: BrowserContext, running: RunningService, fake: FakeService) -> Iterator[Visit]:
    """Open the shop's page with these data attributes; whatever goes wrong in it fails the test.

    A warm browser context is far faster than a new one, so the tests share it and clear its storage.
    """
    problems: list[str] = []

    def note_error(error: Error) -> None:
        problems.append(str(error))

    def note_line(line: ConsoleMessage) -> None:
        if "Content Security" in line.text:
            problems.append(line.text)

    def open_shop(host: str = "127.0.0.1", **data: str) -> Page:
        idle = [page for page in context.pages if page.url == "about:blank"]
        page = idle[0] if idle else context.new_page()
        page.on("pageerror", note_error)
        page.on("console", note_line)
        page.goto(f"http://{host}:{running.port}/shop?{urlencode(data)}")
        page.locator(".launcher").wait_for()
        return page

    yield open_shop
    first, *others = context.pages
    for page in others:
        page.close()
    context.set_offline(False)
    first.emulate_media(color_scheme="light", reduced_motion="reduce")
    first.goto("about:blank")
    first.remove_listener("pageerror", note_error)
    first.remove_listener("console", note_line)
    session = context.new_cdp_session(first)
    for host in ("127.0.0.1", "localhost"):
        origin = f"http://{host}:{running.port}"
        session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "local_storage"})
    session.detach()
    assert problems == []
