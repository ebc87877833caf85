"""Markup and scripts in every field that a customer or an agent sees: shown as what they are, run by nobody.

The pages' policies are listened to as well: normal use breaks none of them.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from handoff.agents.endpoints import SESSION_COOKIE
from handoff.bot_client import Button, TurnRequest, TurnResult
from handoff.channels.web.verification import sign_identity
from handoff.queue.models import Reason
from handoff.testing import make_result
from tests.browser.console_fixtures import ConsoleService, console_service, watch
from tests.integration.handoff.conftest import SECRET

ATTACK = (
    '"><img src=x onerror="window.__xss=1"><script>window.__xss=2</script>'
    "{{constructor.constructor('window.__xss=3')()}}"
)
# Where fewer characters are allowed.
SHORT = '"><img src=x onerror=window.__xss=4>`${window.__xss=5}`'
LINK = "javascript:window.__xss=6"
ORDER = {
    "number": SHORT,
    "status": "shipped",
    "placed_at": "2026-11-18T09:12:00+00:00",
    "total": 8940,
    "currency": "EUR",
    "lines": [{"name": ATTACK, "quantity": 1}],
    "parcels": [{"carrier": ATTACK, "tracking_number": ATTACK, "tracking_url": LINK}],
    "expected_on": "2026-11-23",
    "as_of": "2026-11-21T10:00:00+00:00",
}
LISTEN = """
addEventListener("securitypolicyviolation", (event) => {
  (window.__violations ??= []).push(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`);
});
"""
FOUND = "() => ({ xss: window.__xss ?? null, violations: window.__violations ?? [] })"


def answer(request: TurnRequest) -> TurnResult:
    """Answer with attacks wherever the bot may put a text; "agent" hands off."""
    if request.text == "agent":
        return make_result(request, label=SHORT, handoff=Reason.REQUESTED)
    slots = {"order": ORDER, "email": ATTACK, "order_number": ATTACK}
    result = make_result(request, f"bot {ATTACK}", label=SHORT, slots=slots)
    result.task = "track_order"
    result.replies[0].buttons = [Button(title=f"press {SHORT}", payload=LINK)]
    return result


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleService]:
    with console_service(Path(tmp_path_factory.mktemp("hostile")), answer, demo=True) as running:
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(
        locale="en-GB", viewport={"width": 1360, "height": 800}, reduced_motion="reduce"
    )
    context.add_init_script(LISTEN)
    yield context
    context.close()


def open_page(context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.set_default_timeout(10_000)
    watch(page)
    page.goto(address)
    return page


def check_unharmed(page: Page) -> None:
    """Nothing ran, nothing was refused by the policy or logged, no markup and no script link came of it."""
    assert page.evaluate(FOUND) == {"xss": None, "violations": []}
    assert page.errors == []  # type: ignore[attr-defined]
    assert page.locator('img[src="x"]').count() == 0
    assert page.locator('a[href^="javascript:"]').count() == 0


def test_console_shows_hostile_fields_as_text(service: ConsoleService, context: BrowserContext) -> None:
    identity: dict[str, Any] = {"id": SHORT, "name": ATTACK[:190], "email": SHORT}
    identity["signature"] = sign_identity(SECRET, SHORT, SHORT)
    customer = service.customer(f"customer {ATTACK}", page=LINK + ATTACK, identity=identity)
    customer.say("agent")
    customer.hear("notice")
    token = service.open_session(service.open_account(SHORT))
    context.add_cookies([{"name": SESSION_COOKIE, "value": token, "url": service.url}])
    page = open_page(context, service.url + "/console/")
    page.locator(f'a.line[href$="{customer.id}"]').click()
    expect(page.locator(".message .text").first).to_have_text(f"customer {ATTACK}")
    expect(page.locator(".packet")).to_contain_text("<img src=x onerror")
    check_unharmed(page)
    page.get_by_role("button", name="Take").click()
    page.fill(".composer textarea", f"agent {ATTACK}")
    page.press(".composer textarea", "Enter")
    expect(page.locator(".by-agent .text")).to_have_text(f"agent {ATTACK}")
    customer.send(type="typing")
    customer.say(f"again {ATTACK}")
    expect(page.locator(".message .text").last).to_have_text(f"again {ATTACK}")
    check_unharmed(page)
    page.reload()
    expect(page.locator(".by-agent .text")).to_have_text(f"agent {ATTACK}")
    page.get_by_role("button", name="Resolve").click()
    form = page.locator(".closing")
    form.locator("textarea").fill(f"note {ATTACK}")
    form.get_by_role("button", name="Resolve").click()
    expect(page.locator(".packet-handoffs .note")).to_have_text(f"note {ATTACK}")
    check_unharmed(page)


def test_widget_shows_hostile_fields_as_text(
    service: ConsoleService, context: BrowserContext, browser: Browser
) -> None:
    page = open_page(context, f"{service.url}/demo/en?signed_in=1")
    page.locator(".launcher").click()
    page.locator("textarea").fill(f"customer {ATTACK}")
    page.keyboard.press("Enter")
    expect(page.locator(".message.customer .bubble")).to_have_text(f"customer {ATTACK}")
    expect(page.locator(".message.bot .bubble").last).to_have_text(f"bot {ATTACK}")
    button = page.get_by_role("button", name="press ")
    expect(button).to_have_text(f"press {SHORT}")
    button.click()
    expect(page.locator(".message.customer")).to_have_count(2)
    page.locator("textarea").fill("agent")
    page.keyboard.press("Enter")
    expect(page.locator(".message.notice")).to_have_count(1)
    token = service.open_session(service.open_account(SHORT))
    agent = browser.new_context(locale="en-GB", viewport={"width": 1360, "height": 800})
    agent.add_cookies([{"name": SESSION_COOKIE, "value": token, "url": service.url}])
    console = open_page(agent, service.url + "/console/")
    console.locator("a.line").first.click()
    console.get_by_role("button", name="Take").click()
    console.fill(".composer textarea", f"agent {ATTACK}")
    console.press(".composer textarea", "Enter")
    expect(page.locator(".message.agent .bubble")).to_have_text(f"agent {ATTACK}")
    expect(page.get_by_role("dialog")).to_contain_text("<img src=x onerror=window.__xss=4>")
    agent.close()
    check_unharmed(page)
    page.reload()
    expect(page.locator(".message.agent .bubble")).to_have_text(f"agent {ATTACK}")
    check_unharmed(page)


@pytest.mark.parametrize(
    "path",
    [
        "/console/sign-in?next=%22%3E%3Cscript%3Ewindow.__xss%3D7%3C/script%3E",
        "/console/sign-in?next=javascript:window.__xss=8",
        "/demo/en?market=%22%3E%3Cscript%3Ewindow.__xss%3D9%3C/script%3E",
        "/demo/en?category=%22%3E%3Cscript%3E",
        "/api/docs",
    ],
)
def test_pages_are_unharmed_by_their_address(
    service: ConsoleService, context: BrowserContext, path: str
) -> None:
    page = open_page(context, service.url + path)
    page.locator("body").wait_for()
    if "sign-in" in path:
        # Nobody's, and not locked by another test.
        page.fill("#email", f"{uuid.uuid4().hex}@example.com")
        page.fill("#password", ATTACK)
        page.get_by_role("button").click()
        expect(page.get_by_role("alert")).to_be_visible()
        page.errors[:] = [error for error in page.errors if "401" not in error]  # type: ignore[attr-defined]
    if "market=" in path:
        # The page refuses what is no market; Chromium logs that it did.
        page.errors[:] = [error for error in page.errors if "422" not in error]  # type: ignore[attr-defined]
    check_unharmed(page)
    assert not re.search(r"<script>window", page.content())


def test_listener_would_hear_of_a_broken_policy(service: ConsoleService, context: BrowserContext) -> None:
    page = open_page(context, f"{service.url}/demo/en")
    page.evaluate(
        "() => { document.body.append(Object.assign(new Image(), { src: 'https://127.0.0.2/x' })); }"
    )
    page.wait_for_function("() => window.__violations?.length")
    found = json.dumps(page.evaluate(FOUND))
    assert "img-src" in found
