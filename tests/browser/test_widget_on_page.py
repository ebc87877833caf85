"""The website widget in a real browser: the page around it, languages, hostile text, access for all."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from tests.browser.fake_service import GREETING, FakeService, RunningService
from tests.browser.widget_page import Visit, box, bubbles, open_chat, stored, write

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


def wait_until_read(page: Page, fake: FakeService, seq: int, within_ms: int = 5_000) -> None:
    """Wait until the widget has told the service that the customer saw everything up to `seq`."""
    for _ in range(within_ms // 50):
        if any(frame["seq"] >= seq for frame in fake.last.received("read")):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not read up to {seq}")


def test_unread_messages_are_counted_and_announced(visit: Visit, fake: FakeService) -> None:
    page = visit()
    page.evaluate("window.heard = []; Dragoman.on('message', (m) => heard.push(m.text));")
    page.evaluate("window.counts = []; Dragoman.on('unread', (u) => counts.push(u.count));")
    open_chat(page)
    wait_until_read(page, fake, 1)
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
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
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
    assert box(page.locator(".launcher"))["x"] < width / 2
    panel = open_chat(page)
    expect(page.locator(".root")).to_have_attribute("dir", "rtl")
    assert box(panel)["x"] < width / 2
    write(page, "שלום, Anna!")
    fake.run(fake.say(fake.last, "bot", "mixed: שלום"))
    expect(bubbles(page)).to_have_count(4)
    own, theirs = box(bubbles(page, "customer").last), box(bubbles(page, "bot").last)
    assert own["x"] < theirs["x"], "own messages stand at the end of the line, which is left"
    assert own["x"] + own["width"] < theirs["x"] + theirs["width"]
    assert box(page.locator(".close"))["x"] < box(page.locator(".avatar"))["x"]
    assert box(page.locator(".send"))["x"] < box(page.locator("textarea"))["x"]
    direction = "node => getComputedStyle(node).direction"
    assert bubbles(page, "customer").last.evaluate(direction) == "rtl"
    assert bubbles(page, "bot").last.evaluate(direction) == "ltr", "each message runs its own way"
    expect(page.locator(".day")).to_have_text(["היום"])


def test_position_is_mirrored(visit: Visit) -> None:
    left = visit(position="left")
    assert box(left.locator(".launcher"))["x"] < 500
    right = visit(position="left", language="he")
    assert box(right.locator(".launcher"))["x"] > 500


def test_words_follow_the_customers_language(visit: Visit, fake: FakeService) -> None:
    page = visit(language="en")
    open_chat(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    launcher_before = box(page.locator(".launcher"))
    write(page, "בעברית בבקשה")
    expect(bubbles(page).last).to_have_text("בשמחה, נמשיך בעברית.")
    expect(page.locator(".root")).to_have_attribute("dir", "rtl")
    expect(page.locator(".root")).to_have_attribute("lang", "he")
    assert [url for url in asked if url.endswith("/words/he")]
    assert box(page.locator(".launcher")) == launcher_before, "the window must not jump while one reads"
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
    right = box(panel)["x"] + box(panel)["width"]
    for index in range(bubbles(page).count()):
        bubble = box(bubbles(page).nth(index))
        assert bubble["x"] >= box(panel)["x"]
        assert bubble["x"] + bubble["width"] <= right
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
    page.locator("dragoman-chat").evaluate(
        """node => {
            window.added = [];
            new MutationObserver((changes) => changes.forEach(({addedNodes}) => added.push(...addedNodes)))
                .observe(node.shadowRoot.querySelector(".log"), {childList: true});
        }"""
    )
    write(page, "hello")
    expect(page.locator(".message.customer .state")).to_have_text("Read")
    expect(bubbles(page).last).to_have_text("You said: hello")
    assert page.evaluate("window.added.map((node) => node.className.split(' ')[1])") == ["customer", "bot"]


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
    assert box(dialog) == {"x": 0, "y": 0, "width": 375, "height": 667}
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
    open_chat(page)
    moves = "node => getComputedStyle(node).animationName"
    page.emulate_media(reduced_motion="reduce")
    assert page.locator(".panel").evaluate(moves) == "none"
    page.emulate_media(reduced_motion="no-preference")
    assert page.locator(".panel").evaluate(moves) == "appear"
