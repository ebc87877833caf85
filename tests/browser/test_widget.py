"""The website widget in a real browser, against the fake service."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Locator, Page, expect

from tests.browser.fake_service import GREETING, FakeService, RunningService, sign_identity, words_for

expect.set_options(timeout=5_000)
Visit = Callable[..., Page]


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
    context = browser.new_context(locale="en-GB", viewport={"width": 1000, "height": 720})
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
    first.emulate_media(color_scheme="light", reduced_motion="no-preference")
    first.goto("about:blank")
    first.remove_listener("pageerror", note_error)
    first.remove_listener("console", note_line)
    session = context.new_cdp_session(first)
    for host in ("127.0.0.1", "localhost"):
        origin = f"http://{host}:{running.port}"
        session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "local_storage"})
    session.detach()
    assert problems == []


def open_chat(page: Page) -> Locator:
    page.locator(".launcher").click()
    expect(bubbles(page)).to_have_count(1)
    return page.get_by_role("dialog")


def write(page: Page, text: str) -> None:
    page.locator("textarea").fill(text)
    page.locator("textarea").press("Enter")


def bubbles(page: Page, author: str = "message") -> Locator:
    return page.locator(f".message.{author} .bubble" if author != "message" else ".message .bubble")


def stored(page: Page) -> dict[str, Any]:
    return page.evaluate("() => Object.fromEntries(Object.entries(localStorage))")


# ---- talking ----


def test_messages_go_both_ways(visit: Visit, fake: FakeService) -> None:
    page = visit(language="it", market="IT")
    assert fake.conversations == {}, "a conversation is made when the customer opens the panel, not before"
    open_chat(page)
    write(page, "Ciao")
    expect(bubbles(page)).to_have_text([GREETING, "Ciao", "You said: Ciao"])
    expect(page.locator(".message.customer .state")).to_have_text(words_for("it")["widget.read"])
    assert (fake.last.language, fake.last.market) == ("it", "IT")
    assert fake.last.page == page.url.split("?")[0], "the query may be private"


def test_shift_enter_makes_a_new_line_and_an_input_method_keeps_its_enter(
    visit: Visit, fake: FakeService
) -> None:
    page = visit()
    open_chat(page)
    field = page.locator("textarea")
    field.fill("one")
    field.press("Shift+Enter")
    field.press_sequentially("two")
    field.evaluate(
        """node => node.dispatchEvent(
            new KeyboardEvent("keydown", {key: "Enter", isComposing: true, cancelable: true}))"""
    )
    expect(field).to_have_value("one\ntwo")
    field.press("Enter")
    expect(bubbles(page, "customer")).to_have_text("one\ntwo")
    assert fake.last.messages("customer") == ["one\ntwo"]


def test_nothing_visible_is_not_sent(visit: Visit, fake: FakeService) -> None:
    page = visit()
    open_chat(page)
    write(page, " \n\u200b\u200d\ufeff ")
    write(page, "hello")
    expect(bubbles(page, "customer")).to_have_count(1)
    assert fake.last.messages("customer") == ["hello"]


def test_buttons_stand_under_the_last_bot_message_only(visit: Visit, fake: FakeService) -> None:
    page = visit()
    open_chat(page)
    write(page, "menu")
    button = page.get_by_role("button", name="Track my order")
    button.click()
    expect(bubbles(page)).to_have_text(
        [GREETING, "menu", "What is it about?", "Track my order", "Payload: /track_order"]
    )
    expect(button).to_have_count(0)
    assert fake.last.received("message")[-1]["text"] == "Track my order"
    expect(page.locator("textarea")).to_be_focused()


def test_typing_is_shown_both_ways(visit: Visit, fake: FakeService) -> None:
    page = visit()
    open_chat(page)
    page.locator("textarea").press_sequentially("I am typing", delay=20)
    fake.run(fake.broadcast(fake.last, {"type": "typing", "who": "agent", "name": "Anna"}))
    expect(page.locator(".typing")).to_be_visible()
    expect(page.locator(".typing")).to_have_text("Anna is typing")
    fake.run(fake.say(fake.last, "agent", "Here I am", name="Anna"))
    expect(page.locator(".typing")).to_be_hidden()
    assert len(fake.last.received("typing")) == 1, "at most one in three seconds"


def test_queue_agent_and_end(visit: Visit, fake: FakeService) -> None:
    page = visit()
    open_chat(page)
    write(page, "human")
    expect(page.locator(".status")).to_have_text("Someone will be with you soon")
    expect(page.locator(".queue")).to_contain_text("Your place in the queue: 2")
    fake.run(fake.append(fake.last, "queue", position=1))
    expect(page.locator(".queue")).to_contain_text("Your place in the queue: 1")
    page.get_by_role("button", name="Leave the queue").click()
    expect(page.locator(".queue")).to_be_hidden()
    assert len(fake.last.received("leave_queue")) == 1
    fake.run(fake.set_owner(fake.last, "agent", "Anna"))
    expect(page.locator(".status")).to_have_text("You are talking to Anna")
    expect(page.locator(".avatar")).to_have_text("A")
    fake.run(fake.set_owner(fake.last, "closed"))
    expect(page.locator(".status")).to_have_text("Conversation ended")
    write(page, "One more thing")
    expect(bubbles(page).last).to_have_text("You said: One more thing")


def test_unknown_events_are_skipped(visit: Visit, fake: FakeService) -> None:
    page = visit()
    open_chat(page)
    fake.run(fake.append(fake.last, "horoscope", sign="lion"))
    fake.run(fake.say(fake.last, "bot", "after"))
    expect(bubbles(page)).to_have_text([GREETING, "after"])


# ---- nothing lost, nothing doubled ----


def test_messages_written_offline_arrive_once_and_in_order(
    visit: Visit, context: BrowserContext, fake: FakeService
) -> None:
    page = visit()
    open_chat(page)
    fake.refuses_sockets = True
    context.set_offline(True)
    for text in ("first", "second", "third"):
        write(page, text)
    expect(page.locator(".message.customer .state")).to_have_text(["Sending"] * 3)
    expect(page.locator(".offline")).to_be_visible()
    fake.refuses_sockets = False
    context.set_offline(False)
    expect(bubbles(page, "bot")).to_have_text(
        [GREETING, *(f"You said: {n}" for n in ("first", "second", "third"))]
    )
    expect(bubbles(page, "customer")).to_have_text(["first", "second", "third"])
    expect(page.locator(".offline")).to_be_hidden()
    assert fake.last.messages("customer") == ["first", "second", "third"]


def test_lost_confirmation_does_not_double_a_message(visit: Visit, fake: FakeService) -> None:
    page = visit()
    open_chat(page)
    fake.loses_confirmations = 1
    write(page, "only once")
    expect(page.locator(".message.customer .state")).to_have_text("Sent")
    write(page, "and again")
    expect(bubbles(page, "customer")).to_have_text(["only once", "and again"])
    expect(bubbles(page).last).to_have_text("You said: and again")
    assert fake.last.messages("customer") == ["only once", "and again"]


def test_unsent_message_survives_a_reload(visit: Visit, context: BrowserContext, fake: FakeService) -> None:
    page = visit()
    open_chat(page)
    fake.refuses_sockets = True
    fake.run(fake.drop_sockets(fake.last))
    write(page, "from before the reload")
    expect(page.locator(".message.customer .state")).to_have_text("Sending")
    fake.refuses_sockets = False
    page.reload()
    expect(bubbles(page)).to_have_text(
        [GREETING, "from before the reload", "You said: from before the reload"]
    )
    assert fake.last.messages("customer") == ["from before the reload"]


def test_history_is_there_after_a_reload(visit: Visit, fake: FakeService) -> None:
    page = visit()
    fake.age = timedelta(days=1)
    open_chat(page)
    write(page, "yesterday's words")
    expect(bubbles(page)).to_have_count(3)
    fake.age = timedelta(0)
    page.reload()
    expect(page.get_by_role("dialog"), "an open panel stays open from page to page").to_be_visible()
    expect(bubbles(page)).to_have_text([GREETING, "yesterday's words", "You said: yesterday's words"])
    write(page, "today's words")
    expect(page.locator(".day")).to_have_text(["yesterday", "today"])
    assert len(fake.conversations) == 1
    assert fake.last.messages("customer") == ["yesterday's words", "today's words"]


def test_dropped_socket_comes_back_with_what_was_missed(visit: Visit, fake: FakeService) -> None:
    page = visit()
    open_chat(page)
    fake.run(fake.drop_sockets(fake.last))
    fake.run(fake.say(fake.last, "bot", "said meanwhile"))
    expect(bubbles(page)).to_have_text([GREETING, "said meanwhile"])


def test_forgotten_conversation_is_replaced(visit: Visit, fake: FakeService) -> None:
    page = visit()
    open_chat(page)
    write(page, "old")
    expect(bubbles(page)).to_have_count(3)
    fake.conversations.clear()
    page.reload()
    expect(bubbles(page)).to_have_text([GREETING])
    write(page, "new")
    expect(bubbles(page)).to_have_text([GREETING, "new", "You said: new"])


def test_refused_message_can_be_tried_again(visit: Visit, fake: FakeService) -> None:
    page = visit()
    open_chat(page)
    fake.next_errors = [{"code": "too_long", "message": "That is too long."}]
    write(page, "refused")
    expect(page.locator(".problem")).to_have_text("That is too long.")
    expect(page.locator(".state.alarming")).to_have_text("Not sent")
    write(page, "another")
    expect(bubbles(page).last).not_to_have_text("another")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".state.alarming")).to_have_count(0)
    expect(bubbles(page).last).to_have_text("You said: refused")
    assert fake.last.messages("customer") == ["another", "refused"]


def test_rate_limit_is_waited_out(visit: Visit, fake: FakeService) -> None:
    page = visit()
    open_chat(page)
    fake.next_errors = [{"code": "rate_limited", "message": "Slow down, please.", "retry_after_s": 1}]
    write(page, "one")
    write(page, "two")
    expect(page.locator(".problem")).to_have_text("Slow down, please.")
    expect(bubbles(page, "customer")).to_have_text(["one", "two"])
    expect(bubbles(page).last).to_have_text("You said: two")
    expect(page.locator(".problem")).to_have_text("")
    assert fake.last.messages("customer") == ["one", "two"]


def test_two_tabs_share_one_conversation(visit: Visit, fake: FakeService) -> None:
    one, other = visit(), visit()
    open_chat(one)
    open_chat(other)
    write(one, "from one")
    write(other, "from the other")
    for page in (one, other):
        expect(bubbles(page, "customer")).to_have_text(["from one", "from the other"])
        expect(bubbles(page, "bot")).to_have_count(3)
    assert len(fake.conversations) == 1
    assert fake.last.messages("customer") == ["from one", "from the other"]


def test_works_without_local_storage(browser: Browser, running: RunningService, fake: FakeService) -> None:
    page = browser.new_page()
    page.add_init_script(
        """for (const area of ["localStorage", "sessionStorage"]) {
            const get = () => { throw new DOMException("denied", "SecurityError"); };
            Object.defineProperty(window, area, {get});
        }"""
    )
    page.goto(f"{running.origin}/shop")
    open_chat(page)
    write(page, "hello")
    expect(bubbles(page).last).to_have_text("You said: hello")
    page.reload()
    open_chat(page)
    assert len(fake.conversations) == 2, "without storage the next page starts anew"
    page.close()


# ---- who is talking ----


def test_signed_identity_has_its_own_conversation(visit: Visit, fake: FakeService) -> None:
    user = {"id": "42", "name": "Noa", "email": "noa@example.com"}
    user["signature"] = sign_identity(user["id"], user["email"], user["name"])
    page = visit(user=json.dumps(user))
    open_chat(page)
    assert fake.last.identity == user
    assert any(key.endswith(":42") for key in stored(page))
    with page.expect_response("**/api/v1/web/conversations"):
        page.evaluate("Dragoman.identify(null)")
    assert len(fake.conversations) == 2
    assert fake.last.identity is None
    assert not any(key.endswith(":42") for key in stored(page)), "who signs out leaves nothing behind"


def test_wrong_signature_is_helped_as_a_guest(visit: Visit, fake: FakeService) -> None:
    page = visit()
    page.evaluate("Dragoman.identify({id: '42', name: 'Noa', email: 'noa@example.com', signature: 'forged'})")
    open_chat(page)
    write(page, "hello")
    expect(bubbles(page).last).to_have_text("You said: hello")
    assert fake.last.identity is None
    assert not any(key.endswith(":42") for key in stored(page))


# ---- what the shop's page can do ----

# Contrast of every kind of text with what is behind it, by class (WCAG 2.2, relative luminance).
CONTRASTS = """() => {
    const root = document.querySelector("dragoman-chat").shadowRoot;
    const light = (css) => css.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
        .map((part) => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4)
        .reduce((sum, part, index) => sum + part * [.2126, .7152, .0722][index], 0);
    const behind = (node) => {
        const {backgroundColor} = getComputedStyle(node);
        return /^rgba.*, 0\\)$/.test(backgroundColor) ? behind(node.parentElement) : backgroundColor;
    };
    const kinds = "h2, .status, .name, .bubble, .bubble a, time, .state, .replies button, textarea, .send," +
        ".queue p, .queue button, .launcher";
    return Object.fromEntries([...root.querySelectorAll(kinds)].map((node) => {
        const [one, other] = [light(getComputedStyle(node).color), light(behind(node))].sort((a, b) => b - a);
        const name = `${node.parentElement.className} ${node.className} ${node.tagName}`;
        return [name, (one + .05) / (other + .05)];
    }));
}"""


def test_unread_messages_are_counted_and_announced(visit: Visit, fake: FakeService) -> None:
    page = visit()
    page.evaluate("window.heard = []; Dragoman.on('message', (m) => heard.push(m.text));")
    page.evaluate("window.counts = []; Dragoman.on('unread', (u) => counts.push(u.count));")
    open_chat(page)
    page.get_by_role("button", name="Close the chat").first.click()
    fake.run(fake.say(fake.last, "agent", "Are you there?", name="Anna"))
    expect(page.locator(".badge")).to_have_text("1")
    launcher = page.get_by_role("button", name="Open the chat (Unread messages: 1)")
    expect(launcher).to_be_visible()
    expect(page.locator(".root > .unseen[role=status]")).to_have_text("New message from Anna")
    page.reload()
    expect(page.locator(".badge"), "it is still unread on the next page").to_have_text("1")
    page.locator(".launcher").click()
    expect(page.locator(".badge")).to_be_hidden()
    page.wait_for_timeout(300)
    assert fake.last.received("read")[-1]["seq"] == 2
    assert fake.last.received("delivered")[-1]["seq"] == 2


def test_page_hears_events_and_can_unsubscribe(visit: Visit, fake: FakeService) -> None:
    page = visit()
    page.evaluate(
        """() => {
            window.heard = [];
            Dragoman.on("ready", () => heard.push("ready"));
            Dragoman.on("owner", ({owner, agent}) => heard.push(`${owner} ${agent?.name ?? ""}`));
            window.stop = Dragoman.on("message", ({text}) => heard.push(text));
            Dragoman.open();
        }"""
    )
    expect(bubbles(page)).to_have_count(1)
    fake.run(fake.set_owner(fake.last, "agent", "Anna"))
    expect(page.locator(".status")).to_have_text("You are talking to Anna")
    page.evaluate("window.stop()")
    fake.run(fake.say(fake.last, "agent", "unheard"))
    expect(bubbles(page)).to_have_count(2)
    assert page.evaluate("window.heard") == ["ready", GREETING, "agent Anna"]
    page.evaluate("Dragoman.close()")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_page_of_another_origin(visit: Visit, fake: FakeService) -> None:
    page = visit(host="localhost")  # the script still comes from 127.0.0.1
    open_chat(page)
    write(page, "hello")
    expect(bubbles(page).last).to_have_text("You said: hello")
    assert all("//127.0.0.1:" in key for key in stored(page) if key.startswith("dragoman:http"))


def test_any_accent_is_readable(visit: Visit, fake: FakeService) -> None:
    page = visit()
    open_chat(page)
    write(page, "menu")
    page.get_by_role("button", name="Track my order").wait_for()
    fake.run(
        fake.say(fake.last, "bot", "see https://example.com", buttons=[{"title": "Ok", "payload": "/ok"}])
    )
    page.get_by_role("link").wait_for()
    fake.run(fake.set_owner(fake.last, "waiting", position=1))
    page.get_by_role("button", name="Leave the queue").wait_for()
    page.emulate_media(reduced_motion="reduce")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for accent in ("#0b6", "yellow", "#000", "white", "not a colour", "#777", "crimson"):
            page.evaluate(
                "accent => document.querySelector('dragoman-chat').setAttribute('accent', accent)", accent
            )
            ratios = page.evaluate(CONTRASTS)
            assert len(ratios) >= 10
            assert {name: ratio for name, ratio in ratios.items() if ratio < 4.5} == {}, (scheme, accent)


# ---- languages ----


def test_hebrew_runs_from_right_to_left(visit: Visit, fake: FakeService) -> None:
    page = visit(language="he", page="he", dir="rtl")
    width = 1000
    assert page.locator(".launcher").bounding_box()["x"] < width / 2
    panel = open_chat(page)
    expect(page.locator(".root")).to_have_attribute("dir", "rtl")
    assert panel.bounding_box()["x"] < width / 2
    write(page, "שלום, Anna!")
    fake.run(fake.say(fake.last, "bot", "mixed: שלום"))
    expect(bubbles(page)).to_have_count(4)
    own, theirs = bubbles(page, "customer").last.bounding_box(), bubbles(page, "bot").last.bounding_box()
    assert own["x"] < theirs["x"], "own messages stand at the end of the line, which is left"
    assert own["x"] + own["width"] < theirs["x"] + theirs["width"]
    assert page.locator(".close").bounding_box()["x"] < page.locator(".avatar").bounding_box()["x"]
    assert page.locator(".send").bounding_box()["x"] < page.locator("textarea").bounding_box()["x"]
    direction = "node => getComputedStyle(node).direction"
    assert bubbles(page, "customer").last.evaluate(direction) == "rtl"
    assert bubbles(page, "bot").last.evaluate(direction) == "ltr", "each message runs its own way"
    expect(page.locator(".day")).to_have_text(["היום"])


def test_position_is_mirrored(visit: Visit) -> None:
    left = visit(position="left")
    assert left.locator(".launcher").bounding_box()["x"] < 500
    right = visit(position="left", language="he")
    assert right.locator(".launcher").bounding_box()["x"] > 500


def test_words_follow_the_customers_language(visit: Visit, fake: FakeService) -> None:
    page = visit(language="en")
    open_chat(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    launcher_before = page.locator(".launcher").bounding_box()
    write(page, "בעברית בבקשה")
    expect(bubbles(page).last).to_have_text("בשמחה, נמשיך בעברית.")
    expect(page.locator(".root")).to_have_attribute("dir", "rtl")
    expect(page.locator(".root")).to_have_attribute("lang", "he")
    assert [url for url in asked if url.endswith("/words/he")]
    assert page.locator(".launcher").bounding_box() == launcher_before, (
        "the window must not jump while one reads"
    )
    page.reload()
    expect(page.locator(".root"), "and stays so on the next page").to_have_attribute("lang", "he")


def test_unknown_language_falls_back(visit: Visit, fake: FakeService) -> None:
    page = visit(language="tlh")
    expect(page.locator(".root")).to_have_attribute("lang", "en")
    page.evaluate("Dragoman.setLanguage('it-CH')")
    expect(page.locator(".root")).to_have_attribute("lang", "it")


# ---- hostile text ----


def test_markup_is_shown_as_text(visit: Visit, fake: FakeService) -> None:
    page = visit()
    page.evaluate("window.hacked = false")
    open_chat(page)
    attack = '<img src=x onerror="window.hacked = true"><script>window.hacked = true</script><b>bold</b>'
    write(page, attack)
    expect(bubbles(page, "customer")).to_have_text(attack)
    link = "javascript:window.hacked=true"
    button = {"title": attack, "payload": "/x"}
    fake.run(fake.say(fake.last, "agent", f"{link} {attack}", name=attack))
    fake.run(fake.say(fake.last, "bot", link, buttons=[button]))
    expect(page.locator(".replies button")).to_have_text(attack)
    fake.run(fake.set_owner(fake.last, "agent", attack))
    expect(page.locator(".status")).to_have_text(f"You are talking to {attack}")
    assert page.locator("dragoman-chat :is(img, script, b, a)").count() == 0
    assert page.evaluate("window.hacked") is False


def test_links_are_http_only_and_end_where_they_should(visit: Visit, fake: FakeService) -> None:
    page = visit()
    open_chat(page)
    text = (
        "See (https://example.com/a_(b)), https://example.com/c?d=e. Or http://שלום.example/ו! "
        "Not ftp://example.com nor https:// nor https://example.com\u202e/gpj.exe"
    )
    fake.run(fake.say(fake.last, "bot", text))
    expect(bubbles(page, "bot").last).to_have_text(text)
    links = page.get_by_role("link")
    assert links.all_text_contents() == [
        "https://example.com/a_(b)",
        "https://example.com/c?d=e",
        "http://שלום.example/ו",
        "https://example.com",
    ]
    expect(links.first).to_have_attribute("rel", re.compile("noopener"))
    expect(links.first).to_have_attribute("target", "_blank")


def test_floods_stay_inside_their_bubble(visit: Visit, fake: FakeService) -> None:
    page = visit()
    panel = open_chat(page)
    for flood in (
        "w" * 4000,
        "😀" * 1500,
        "a" + "\u0301" * 3000,
        "\u200b" * 3000 + "x",
        "\u202e" * 50 + "abc",
    ):
        fake.run(fake.say(fake.last, "agent", flood))
    fake.run(fake.say(fake.last, "bot", "calm"))
    expect(bubbles(page).last).to_have_text("calm")
    right = panel.bounding_box()["x"] + panel.bounding_box()["width"]
    for index in range(bubbles(page).count()):
        box = bubbles(page).nth(index).bounding_box()
        assert box["x"] >= panel.bounding_box()["x"]
        assert box["x"] + box["width"] <= right
    log = page.get_by_role("log")
    assert log.evaluate("node => node.scrollWidth <= node.clientWidth")
    page.get_by_role("log").evaluate("node => node.scrollTo(0, 0)")
    expect(page.get_by_role("button", name="Latest messages")).to_be_visible()
    page.get_by_role("button", name="Latest messages").click()
    expect(bubbles(page).last).to_be_in_viewport()


# ---- everyone ----


def test_keyboard_alone_is_enough(visit: Visit, fake: FakeService) -> None:
    page = visit()
    page.locator("#before").focus()
    page.keyboard.press("Tab")
    expect(page.locator(".launcher")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("textarea")).to_be_focused()
    page.keyboard.type("menu")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Return an item")).to_be_visible()
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="Return an item")).to_be_focused()
    page.keyboard.press("Enter")
    expect(bubbles(page).last).to_have_text("Payload: /faq/return_policy")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator(".launcher")).to_be_focused()


def test_parts_have_roles_and_names(visit: Visit, fake: FakeService) -> None:
    page = visit(title="Tamarind")
    open_chat(page)
    expect(page.get_by_role("dialog", name="Tamarind")).to_be_visible()
    log = page.get_by_role("log", name="Messages")
    expect(log).to_have_attribute("aria-live", "polite")
    expect(page.get_by_role("textbox", name="Your message")).to_be_visible()
    expect(page.locator(".launcher")).to_have_attribute("aria-expanded", "true")
    for button in page.get_by_role("button").all():
        assert button.evaluate("node => node.ariaLabel || node.textContent.trim()")
    sizes = page.locator("dragoman-chat").evaluate(
        "node => [...node.shadowRoot.querySelectorAll('button')].filter((b) => b.checkVisibility())"
        ".map((b) => Math.min(b.offsetWidth, b.offsetHeight))"
    )
    assert min(sizes) >= 24


def test_message_nodes_stay_when_their_state_changes(visit: Visit, fake: FakeService) -> None:
    # A screen reader reads what is added to the log: a replaced node would be read twice.
    page = visit()
    open_chat(page)
    write(page, "hello")
    page.locator("dragoman-chat").evaluate(
        """node => {
            window.added = [];
            new MutationObserver((changes) => changes.forEach(({addedNodes}) => added.push(...addedNodes)))
                .observe(node.shadowRoot.querySelector(".log"), {childList: true});
        }"""
    )
    fake.run(fake.say(fake.last, "bot", "new"))
    expect(bubbles(page).last).to_have_text("new")
    assert page.evaluate("window.added.length") <= 2  # the answer to hello may still have been on its way


def test_phone_shows_the_panel_full_screen_and_keeps_the_focus_in_it(
    browser: Browser, running: RunningService, fake: FakeService
) -> None:
    phone = browser.new_context(
        viewport={"width": 375, "height": 667}, has_touch=True, is_mobile=True, reduced_motion="reduce"
    )
    page = phone.new_page()
    page.goto(f"{running.origin}/shop")
    page.locator(".launcher").tap()
    dialog = page.get_by_role("dialog")
    assert dialog.bounding_box() == {"x": 0, "y": 0, "width": 375, "height": 667}
    expect(dialog).to_have_attribute("aria-modal", "true")
    expect(dialog, "the keyboard of the phone does not pop up unasked").to_be_focused()
    for _ in range(8):
        page.keyboard.press("Tab")
        inside = "() => document.activeElement?.tagName === 'DRAGOMAN-CHAT'"
        assert page.evaluate(inside)
    page.locator(".close").tap()
    expect(page.locator(".launcher")).to_be_visible()
    page.reload()
    page.locator(".launcher").wait_for()
    expect(dialog).to_be_hidden()
    phone.close()


def test_reduced_motion_is_respected(visit: Visit) -> None:
    page = visit()
    page.emulate_media(reduced_motion="reduce")
    open_chat(page)
    assert page.locator(".panel").evaluate("node => getComputedStyle(node).animationName") == "none"
