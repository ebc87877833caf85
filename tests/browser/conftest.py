"""One Chromium for all browser tests; a fresh context (storage, cookies) for each."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

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


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()
