"""What tests do with a shop's page that has the widget on it."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import FloatRect, Locator, Page, expect

# Opens the shop's page with these data attributes on the widget's tag.
Visit = Callable[..., Page]


def open_chat(page: Page) -> Locator:
    page.locator(".launcher").click()
    expect(bubbles(page)).to_have_count(1)
    return page.get_by_role("dialog")


def write(page: Page, text: str) -> None:
    page.locator("textarea").fill(text)
    page.locator("textarea").press("Enter")


def bubbles(page: Page, author: str = "message") -> Locator:
    return page.locator(f".message.{author} .bubble" if author != "message" else ".message .bubble")


def stored(page: Page) -> dict[str, str]:
    """Return what the page's localStorage holds."""
    found: dict[str, str] = page.evaluate("() => Object.fromEntries(Object.entries(localStorage))")
    return found


def box(locator: Locator) -> FloatRect:
    """Return where an element is on the screen, in CSS pixels."""
    found = locator.bounding_box()
    assert found is not None, "it is not shown"
    return found
