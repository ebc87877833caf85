"""Who is here, as the agents' console shows it in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.console_fixtures import ConsoleService, console_service, open_console
from tests.browser.test_console import line, open_as, open_line


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleService]:
    with console_service(Path(tmp_path_factory.mktemp("presence"))) as running:
        yield running


def test_customers_presence_is_shown_as_it_changes(browser: Browser, service: ConsoleService) -> None:
    anna = open_as(browser, service, "Anna")
    customer, other = service.customer("agent"), service.customer("agent")
    open_line(anna, customer.id)
    for presence in (anna.locator(".pane-name .presence"), line(anna, customer.id).locator(".presence")):
        expect(presence).to_have_text("Online")
    customer.leave()
    for presence in (anna.locator(".pane-name .presence"), line(anna, customer.id).locator(".presence")):
        expect(presence).to_have_text("Has left")
        expect(presence).not_to_have_class(re.compile("is-here"))
    expect(line(anna, other.id).locator(".presence")).to_have_text("Online")
    customer.come_back()
    expect(anna.locator(".pane-name .presence.is-here")).to_have_text("Online")
    expect(line(anna, customer.id).locator(".presence.is-here")).to_have_text("Online")
    assert anna.errors == []  # type: ignore[attr-defined]
    anna.context.close()


def test_colleagues_who_are_here_are_named(browser: Browser, service: ConsoleService) -> None:
    token = service.open_session(service.open_account("מאיה", "he"))
    page = open_console(browser, service, token)
    colleague = open_as(browser, service, "Colleague <b>of</b> Maya")
    name = page.locator(".colleagues li", has_text="Colleague <b>of</b> Maya")
    expect(name).to_be_visible()
    expect(colleague.locator(".colleagues li", has_text="מאיה")).to_be_visible()
    expect(page.locator(".colleagues li", has_text="מאיה")).to_have_count(0)
    dot_first = "(e) => e.getBoundingClientRect().right > e.firstElementChild.getBoundingClientRect().right"
    assert name.evaluate(dot_first), "the dot is on the right of a Latin name in a Hebrew console"
    colleague.context.close()
    expect(name).to_have_count(0, timeout=20_000)
    assert page.errors == []  # type: ignore[attr-defined]
    page.context.close()
