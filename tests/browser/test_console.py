"""The agents' console in a browser, before the real service."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from handoff.agents.service import FREE_ATTEMPTS
from tests.browser.console_fixtures import ConsoleService, console_service, open_console

expect.set_options(timeout=8000)

# Both browsers press at the same moment, before either has heard of the other.
TAKE_AT = """(at) => {
  const button = document.querySelector(".pane-head button");
  setTimeout(() => button.click(), at - Date.now());
}"""
HEBREW = "איפה ההזמנה שלי? TM-48213"
ATTACK = (
    "</script><img src=x onerror=alert(1)><script>alert(2)</script>{{constructor.constructor('alert(3)')()}}"
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleService]:
    with console_service(Path(tmp_path_factory.mktemp("console"))) as running:
        yield running


@pytest.fixture(scope="module")
def annas_page(browser: Browser, service: ConsoleService) -> Iterator[Page]:
    page = open_as(browser, service, "Anna")
    yield page
    page.context.close()


@pytest.fixture
def anna(annas_page: Page) -> Iterator[Page]:
    """One console for most tests, as an agent has it open all day; every test brings its own customers."""
    yield annas_page
    errors: list[str] = annas_page.errors  # type: ignore[attr-defined]
    found, errors[:] = list(errors), []
    assert found == []


def open_as(
    browser: Browser, service: ConsoleService, name: str, language: str = "en", **options: Any
) -> Page:
    """Open the console as a new agent, in a browser of their own."""
    token = service.open_session(service.open_account(name, language))
    return open_console(browser, service, token, **options)


def line(page: Page, conversation_id: str) -> Locator:
    return page.locator(f'a.line[href$="{conversation_id}"]')


def open_line(page: Page, conversation_id: str) -> None:
    line(page, conversation_id).click()
    expect(page).to_have_url(re.compile(conversation_id))


def take(page: Page, conversation_id: str) -> None:
    open_line(page, conversation_id)
    page.get_by_role("button", name="Take").click()
    expect(page.locator(".composer textarea")).to_be_visible()


def write(page: Page, text: str) -> None:
    page.fill(".composer textarea", text)
    page.press(".composer textarea", "Enter")


def message(page: Page, text: str) -> Locator:
    return page.locator(".message", has=page.locator(".text", has_text=text))


def test_wrong_password_then_the_right_one(browser: Browser, service: ConsoleService) -> None:
    email = service.open_account("Anna")
    page = browser.new_context(locale="en-GB").new_page()
    page.goto(service.url + "/console/")
    expect(page).to_have_url(re.compile("/console/sign-in"))
    page.fill("#email", email)
    page.fill("#password", "wrong")
    page.press("#password", "Enter")
    expect(page.get_by_role("alert")).to_contain_text("is wrong")
    expect(page.locator("#email")).to_have_value(email)
    page.fill("#password", "correct horse battery")
    page.press("#password", "Enter")
    expect(page.locator(".head .agent")).to_have_text("Anna")
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/console/sign-in"))
    page.goto(service.url + "/console/")
    expect(page).to_have_url(re.compile("/console/sign-in"))
    page.context.close()


def test_lock_out_tells_how_long(browser: Browser, service: ConsoleService) -> None:
    email = service.open_account("Anna")
    service.fail_to_sign_in(email, FREE_ATTEMPTS)
    page = browser.new_context(locale="en-GB").new_page()
    page.goto(service.url + "/console/sign-in")
    page.fill("#email", email)
    page.fill("#password", "correct horse battery")
    page.press("#password", "Enter")
    expect(page.get_by_role("alert")).to_contain_text(re.compile(r"try again in \d+ seconds"))
    page.context.close()


def test_queue_is_live(anna: Page, service: ConsoleService) -> None:
    before = anna.locator(".lines-waiting .line").count()
    customer = service.customer("hello", "fire in my kitchen", language="it")
    waiting = line(anna, customer.id)
    expect(waiting).to_be_visible()
    expect(waiting).to_have_class(re.compile("is-new"))
    expect(waiting.locator(".priority")).to_have_text("Urgent")
    expect(waiting.locator(".language")).to_have_text("Italiano · it")
    expect(waiting).to_contain_text("Sensitive")
    expect(waiting).to_contain_text("fire in my kitchen")
    expect(waiting.locator("time")).to_have_text(re.compile(r"^0:0[2-9]$"))
    expect(anna).to_have_title(f"({before + 1}) Dragoman")
    first = anna.locator(".lines-waiting .line").first
    assert (first.locator(".priority").text_content() or "") == "Urgent", "the most urgent stands first"
    customer.send(type="leave_queue")
    expect(waiting).to_have_count(0)


def test_from_taking_to_resolving(anna: Page, service: ConsoleService) -> None:
    customer = service.customer("hello", "order 48213", "agent please", language="en", market="GB")
    open_line(anna, customer.id)
    packet = anna.locator(".packet")
    expect(packet.locator(".packet-summary")).to_contain_text("Order TM-48213: on its way.")
    expect(packet.locator(".packet-orders")).to_contain_text("€89.40")
    expect(packet.get_by_role("link", name="0123456789")).to_have_attribute(
        "href", "https://carrier.example/0123456789"
    )
    expect(packet.locator(".packet-contact")).to_contain_text("Identity verified")
    expect(message(anna, "order 48213").locator(".understood")).to_have_text(re.compile(r".+, 97%"))
    expect(anna.locator(".composer")).to_have_count(0)

    take(anna, customer.id)
    assert "Anna" in customer.hear("notice")
    expect(anna.locator(".lines-mine .line")).to_contain_text("maria@example.com")

    write(anna, "Good morning,\nI am looking")
    assert customer.hear("agent") == "Good morning,\nI am looking"
    expect(anna.locator(".composer textarea")).to_have_value("")
    sent = message(anna, "I am looking")
    expect(sent.locator(".delivery")).to_have_text("Sent")
    customer.send(type="read", seq=10_000)
    expect(sent.locator(".delivery")).to_have_text("Read")

    customer.send(type="typing")
    expect(anna.locator(".typing")).to_have_text("The customer is writing …")
    customer.say("thank you")
    expect(message(anna, "thank you")).to_be_visible()
    expect(anna.locator(".typing")).to_have_text("")

    anna.get_by_role("button", name="Resolve").click()
    form = anna.locator(".closing")
    expect(form.locator("select")).to_be_focused()
    form.locator("textarea").fill("sent the tracking link")
    customer.say("bye")
    expect(message(anna, "bye")).to_be_visible()
    expect(form.locator("textarea")).to_have_value("sent the tracking link")
    form.get_by_role("button", name="Resolve").click()
    expect(anna.locator(".pane-title")).to_contain_text("Closed")
    expect(anna.locator(".composer")).to_have_count(0)
    assert "closed" in customer.hear("notice")
    expect(anna.locator(".packet-handoffs")).to_contain_text("Solved")
    expect(anna.locator(".packet-handoffs .note")).to_have_text("sent the tracking link")
    expect(line(anna, customer.id)).to_have_count(0)


def test_hand_back_to_the_assistant(anna: Page, service: ConsoleService) -> None:
    customer = service.customer("agent")
    take(anna, customer.id)
    customer.hear("notice")
    anna.get_by_role("button", name="Hand back to the assistant").click()
    anna.locator(".closing").get_by_role("button", name="Hand back to the assistant").click()
    assert "Anna" in customer.hear("notice")
    expect(anna.locator(".pane-title")).to_contain_text("With the assistant")
    customer.say("one more thing")
    assert customer.hear("bot") == "echo: one more thing"
    expect(message(anna, "echo: one more thing")).to_be_visible()


def test_step_in_on_a_conversation_of_the_assistant(anna: Page, service: ConsoleService) -> None:
    customer = service.customer("hello", "I wonder")
    anna.locator(".lines-bot summary").click()
    open_line(anna, customer.id)
    expect(anna.locator(".pane-foot")).to_contain_text("Step in to answer yourself")
    anna.get_by_role("button", name="Step in").click()
    write(anna, "May I help?")
    assert customer.hear("agent") == "May I help?"
    expect(anna.locator(".lines-mine")).to_contain_text(customer.code)


def test_of_two_agents_one_wins(anna: Page, browser: Browser, service: ConsoleService) -> None:
    customer = service.customer("agent")
    bruno = open_as(browser, service, "Bruno")
    at = time.time() * 1000 + 1500
    for page in (anna, bruno):
        open_line(page, customer.id)
        expect(page.get_by_role("button", name="Take")).to_be_visible()
        page.evaluate(TAKE_AT, at)
    expect(anna.locator(".composer, .pane > .problem:not([hidden])")).to_be_visible()
    expect(bruno.locator(".composer, .pane > .problem:not([hidden])")).to_be_visible()
    states = [page.locator(".composer").count() for page in (anna, bruno)]
    assert sorted(states) == [0, 1]
    loser, winner = (bruno, "Anna") if states == [1, 0] else (anna, "Bruno")
    expect(loser.get_by_role("alert")).to_have_text(f"{winner} was faster and has this conversation now.")
    expect(loser.locator(".pane-title")).to_contain_text(f"{winner} has it")
    expect(loser.locator(".lines-others")).to_contain_text(customer.code)
    bruno.context.close()


def test_refused_message_keeps_its_text_and_says_why(anna: Page, service: ConsoleService) -> None:
    customer = service.customer("agent")
    take(anna, customer.id)
    write(anna, "x" * 5000)
    expect(anna.locator(".composer .problem")).to_contain_text("too long")
    expect(anna.locator(".composer textarea")).to_have_value("x" * 5000)
    anna.reload()
    expect(anna.locator(".composer textarea")).to_have_value("x" * 5000)
    write(anna, "short")
    expect(message(anna, "short")).to_be_visible()
    expect(anna.locator(".composer .problem")).to_have_count(0)


def test_shift_enter_and_input_methods_do_not_send(anna: Page, service: ConsoleService) -> None:
    customer = service.customer("agent")
    take(anna, customer.id)
    field = anna.locator(".composer textarea")
    field.fill("one")
    field.press("Shift+Enter")
    field.type("two")
    field.evaluate("(e) => e.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', isComposing: true}))")
    expect(field).to_have_value("one\ntwo")
    anna.wait_for_timeout(300)
    expect(message(anna, "one")).to_have_count(0)


def test_typing_is_shown_to_the_customer(anna: Page, service: ConsoleService) -> None:
    customer = service.customer("agent")
    take(anna, customer.id)
    anna.type(".composer textarea", "I am")
    typing = customer.wait_for("typing")
    assert (typing["who"], typing["name"]) == ("agent", "Anna")


def test_unread_messages_are_marked_until_seen(anna: Page, service: ConsoleService) -> None:
    first, second = service.customer("agent"), service.customer("agent")
    take(anna, first.id)
    take(anna, second.id)
    first.say("are you there?")
    expect(line(anna, first.id).locator(".unread")).to_have_text("1 new")
    first.say("hello?")
    expect(line(anna, first.id).locator(".unread")).to_have_text("2 new")
    open_line(anna, first.id)
    expect(line(anna, first.id).locator(".unread")).to_be_hidden()
    delivery = first._service.run(
        first._customer.wait_for(lambda frame: frame.get("kind") == "delivery" and frame["state"] == "read")
    )
    assert delivery["message_id"]


def test_long_conversation_begins_at_its_end(
    anna: Page, service: ConsoleService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handoff.console.page.FIRST_EVENTS", 8)
    customer = service.customer("the very first", "second", "third", "fourth", "agent")
    open_line(anna, customer.id)
    expect(message(anna, "echo: fourth")).to_be_visible()
    expect(message(anna, "the very first")).to_have_count(0)
    anna.get_by_role("button", name="Show earlier messages").click()
    expect(message(anna, "the very first")).to_have_count(2)
    expect(anna.get_by_role("button", name="Show earlier messages")).to_have_count(0)


def test_what_customers_typed_is_inert(anna: Page, service: ConsoleService) -> None:
    customer = service.customer(ATTACK, "angry " + ATTACK, page=ATTACK)
    expect(line(anna, customer.id).locator(".last")).to_contain_text("<img src=x onerror=alert(1)>")
    take(anna, customer.id)
    customer.say(ATTACK)
    expect(message(anna, ATTACK).last).to_be_visible()
    write(anna, ATTACK)
    expect(anna.locator(".by-agent .text")).to_have_text(ATTACK)
    expect(anna.locator(".packet-summary")).to_contain_text("<img")
    expect(anna.locator("img")).to_have_count(0)
    # The fixture sees to it that no dialog opened and no policy was violated.


def test_hebrew_runs_from_right_to_left(anna: Page, service: ConsoleService) -> None:
    customer = service.customer("agent", language="he")
    take(anna, customer.id)
    customer.say(HEBREW)
    text = message(anna, HEBREW).locator(".text")
    expect(text).to_be_visible()
    assert text.evaluate("(e) => getComputedStyle(e).direction") == "rtl"
    anna.fill(".composer textarea", "שלום")
    assert anna.locator(".composer textarea").evaluate("(e) => getComputedStyle(e).direction") == "rtl"
    assert anna.evaluate("() => document.dir") == "ltr"


def test_language_is_chosen_in_the_console_kept_and_mirrored(
    browser: Browser, service: ConsoleService
) -> None:
    customer = service.customer("agent", language="en")
    page = open_as(browser, service, "דנה")
    page.select_option("select[name=language]", "he")
    expect(page.locator("html")).to_have_attribute("lang", "he-IL")
    page.reload()
    expect(page.locator("select[name=language]")).to_have_value("he")
    open_line(page, customer.id)
    expect(page.locator(".packet-summary")).to_be_visible()
    assert page.evaluate("() => document.dir") == "rtl"
    lists, packet = page.locator(".lists").bounding_box(), page.locator(".packet").bounding_box()
    assert lists is not None
    assert packet is not None
    assert lists["x"] > packet["x"], "the lists are on the right"
    assert page.errors == []  # type: ignore[attr-defined]
    page.context.close()


def test_ended_session_stops_the_next_action(browser: Browser, service: ConsoleService) -> None:
    customer = service.customer("agent")
    token = service.open_session(service.open_account("Anna"))
    page = open_console(browser, service, token)
    open_line(page, customer.id)
    service.end_session(token)
    page.get_by_role("button", name="Take").click()
    expect(page).to_have_url(re.compile(rf"/console/sign-in\?next=/console/conversations/{customer.id}"))
    assert not service.is_taken(customer.id)
    page.context.close()


def test_works_by_keyboard_alone(anna: Page, service: ConsoleService) -> None:
    customer = service.customer("agent")
    expect(line(anna, customer.id)).to_be_visible()
    line(anna, customer.id).focus()
    anna.keyboard.press("Enter")
    expect(anna.get_by_role("button", name="Take")).to_be_visible()
    anna.get_by_role("button", name="Take").focus()
    anna.keyboard.press("Enter")
    expect(anna.locator(".composer textarea")).to_be_focused()
    anna.keyboard.type("by hand")
    anna.keyboard.press("Enter")
    expect(message(anna, "by hand")).to_be_visible()


def test_connection_that_comes_back_misses_nothing(anna: Page, service: ConsoleService) -> None:
    customer = service.customer("agent")
    take(anna, customer.id)
    customer.hear("notice")
    anna.fill(".composer textarea", "half a sentence")
    anna.evaluate("() => window.socket.io.engine.close()")
    customer.say("said meanwhile")
    expect(message(anna, "said meanwhile")).to_be_visible()
    expect(anna.locator(".composer textarea")).to_have_value("half a sentence")


def test_restart_of_the_service_keeps_what_was_being_written(anna: Page, service: ConsoleService) -> None:
    customer = service.customer("agent")
    take(anna, customer.id)
    anna.fill(".composer textarea", "half a sentence")
    with anna.expect_navigation():
        service.forget_pages()
    expect(anna.locator(".composer textarea")).to_have_value("half a sentence")
    customer.say("are you back?")
    expect(message(anna, "are you back?")).to_be_visible()


def test_narrow_screen_shows_the_packet_on_demand(browser: Browser, service: ConsoleService) -> None:
    customer = service.customer("agent")
    page = open_as(browser, service, "Anna", viewport={"width": 800, "height": 600})
    open_line(page, customer.id)
    expect(page.locator(".packet")).to_be_hidden()
    page.get_by_role("button", name="Details").click()
    expect(page.locator(".packet-summary")).to_be_visible()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 800
    page.context.close()


def test_closed_pages_leave_no_subscription(browser: Browser, service: ConsoleService) -> None:
    page = open_as(browser, service, "Anna")
    page.wait_for_timeout(300)
    before = service.count_subscriptions()
    page.context.close()
    deadline = time.monotonic() + 15
    while service.count_subscriptions() > before - 2 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert service.count_subscriptions() <= before - 2
