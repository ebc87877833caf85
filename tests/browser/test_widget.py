"""The website widget in a real browser, against the fake service: talking, and losing nothing."""

from __future__ import annotations

import json
from datetime import timedelta

from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.fake_service import GREETING, FakeService, RunningService, sign_identity, words_for
from tests.browser.widget_page import Visit, bubbles, open_chat, stored, write

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
    fake.run(fake.broadcast(fake.last, {"type": "queue", "position": 1}))
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
    first, second = fake.conversations.values()
    assert (first.identity, second.identity) == (user, None)
    assert not any(key.endswith(":42") for key in stored(page)), "who signs out leaves nothing behind"


def test_wrong_signature_is_helped_as_a_guest(visit: Visit, fake: FakeService) -> None:
    page = visit()
    page.evaluate("Dragoman.identify({id: '42', name: 'Noa', email: 'noa@example.com', signature: 'forged'})")
    open_chat(page)
    write(page, "hello")
    expect(bubbles(page).last).to_have_text("You said: hello")
    assert fake.last.identity is None
    assert not any(key.endswith(":42") for key in stored(page))
