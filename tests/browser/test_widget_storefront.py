"""The demo shop in a real browser, with the widget on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from handoff import storefront
from tests.browser.fake_service import FakeService, RunningService, sign_identity


@pytest.fixture(scope="module")
def running() -> Iterator[RunningService]:
    service = FakeService()
    service.app.include_router(storefront.router)
    service.app.state.sign_identity = sign_identity
    with service.serve() as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(reduced_motion="reduce")
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    yield page
    page.close()
    assert complaints == [], "neither the shop nor the widget breaks the shop's own policy"


def test_signed_in_customer_is_known_in_the_chat(page: Page, running: RunningService) -> None:
    page.goto(f"{running.origin}/demo/en?market=IT&signed_in=1")
    page.get_by_role("button", name="Ask us anything").first.click()
    expect(page.get_by_role("dialog", name="Tamarind")).to_be_visible()
    expect(page.locator(".message .bubble")).to_have_count(1)
    identity = running.service.last.identity
    assert identity is not None
    assert identity["email"] == "giulia.ferraro@posta.example"
    assert running.service.last.market == "IT"


def test_cart_counts_and_sums_in_the_markets_currency(page: Page, running: RunningService) -> None:
    page.goto(f"{running.origin}/demo/en?market=GB")
    page.get_by_role("button", name="Add to the cart: Stoneware mugs, set of 4").click()
    page.get_by_role("button", name="Add to the cart: Stoneware mugs, set of 4").click()
    page.get_by_role("button", name="Add to the cart: Canvas tote bag").click()
    expect(page.locator("[data-cart-count]")).to_have_text("3")
    page.goto(f"{running.origin}/demo/en?market=IT")
    page.locator("[data-open-cart]").click()
    cart = page.locator("dialog.cart")
    expect(cart.locator("li span")).to_have_text(["2 × Stoneware mugs, set of 4", "1 × Canvas tote bag"])
    expect(cart.locator("[data-cart-total]")).to_have_text("€111")
    cart.get_by_role("button", name="Remove").first.click()
    expect(cart.locator("[data-cart-total]")).to_have_text("€35")
    page.keyboard.press("Escape")
    expect(cart).to_be_hidden()


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_page_never_scrolls_sideways(page: Page, running: RunningService, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{running.origin}/demo/en?market=VN&signed_in=1")
    page.locator(".launcher").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
