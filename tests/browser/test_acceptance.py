"""Customer and agent side by side in real browsers, against the real processes, in four languages.

DRAGOMAN_SCREENSHOTS=docs/images keeps what README shows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from locales import catalogue
from locales.languages import get_language
from locales.markets import get_market
from tests.shop import Shop

SLOW_MS = 20_000


@dataclass(frozen=True)
class Visit:
    name: str
    language: str
    market: str
    question: str
    track_order: str
    order_number: str
    email: str
    person: str
    answer: str
    thanks: str


VISITS = [
    Visit(
        "italian",
        "it",
        "IT",
        "quanto costa la spedizione?",
        "dov'è il mio ordine?",
        "48105",
        "davide.marchetti@lettere.example",
        "vorrei parlare con una persona",
        "Buongiorno Davide, il pacco è fermo all'ufficio postale di Lecce: lo tengono fino a mercoledì.",
        "perfetto, grazie!",
    ),
    Visit(
        "hebrew",
        "he",
        "IL",
        "כמה עולה המשלוח?",
        "איפה ההזמנה שלי?",
        "47702",
        "noa.barak@doar.example",
        "אני רוצה לדבר עם נציג אנושי",
        "שלום נועה, בדקתי מול דואר ישראל: החבילה יצאה מהמכס ותגיע עד יום שלישי.",
        "תודה רבה!",
    ),
    Visit(
        "arabic",
        "ar",
        "SA",
        "كم تكلفة الشحن؟",
        "وين طلبي؟",
        "48001",
        "noura.alotaibi@barid.example",
        "أبغى أكلم موظف",
        "أهلاً نورة، راجعت أرامكس: الشحنة تصل يوم الثلاثاء.",
        "شكراً جزيلاً",
    ),
    Visit(
        "japanese",
        "ja",
        "JP",
        "送料はいくらですか？",
        "注文した商品は今どこですか？",
        "47993",
        "sayaka.fujii@tegami.example",
        "担当者と話したいです",
        "藤井様、ヤマト運輸に確認いたしました。火曜日にお届けの予定です。",
        "ありがとうございます",
    ),
]


@pytest.fixture
def customer(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1180, "height": 800}, reduced_motion="reduce")
    yield page
    page.close()


@pytest.fixture
def agent(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1360, "height": 800}, reduced_motion="reduce")
    yield page
    page.close()


def _keep(page: Page, name: str) -> None:
    folder = os.environ.get("DRAGOMAN_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


def _ask(page: Page, text: str) -> None:
    """Write something and wait until somebody has answered it."""
    spoken = page.locator(".message.bot, .message.agent, .message.notice")
    before = spoken.count()
    page.locator("textarea").fill(text)
    page.keyboard.press("Enter")
    expect(spoken).not_to_have_count(before, timeout=SLOW_MS)


@pytest.mark.parametrize("visit", VISITS, ids=lambda visit: visit.name)
def test_customer_and_agent_side_by_side(shop: Shop, customer: Page, agent: Page, visit: Visit) -> None:
    facts = get_market(visit.market).formatted(visit.language)
    customer.goto(f"{shop.origin}/demo/{visit.language}?market={visit.market}")
    customer.locator(".launcher").click()
    dialog = customer.get_by_role("dialog")
    expect(dialog).to_have_css("direction", get_language(visit.language).direction)

    _ask(customer, visit.question)
    expect(dialog).to_contain_text(facts["shipping_cost"].strip("\u200f"))
    _ask(customer, visit.track_order)
    _ask(customer, visit.order_number)
    _ask(customer, visit.email)
    expect(dialog).to_contain_text(f"TM-{visit.order_number}", timeout=SLOW_MS)
    _ask(customer, visit.person)
    expect(dialog).to_contain_text(
        catalogue.text("service", "notice.handoff.requested", visit.language), timeout=SLOW_MS
    )

    agent.goto(f"{shop.origin}/console")
    agent.get_by_label("E-mail address").fill(str(shop.account["email"]))
    agent.get_by_label("Password").fill(str(shop.account["password"]))
    agent.get_by_role("button", name="Sign in").click()
    waiting = agent.get_by_role("navigation", name="Conversations").locator("a", has_text=visit.person)
    waiting.first.click()
    expect(agent.get_by_role("complementary")).to_contain_text(f"TM-{visit.order_number}")
    agent.get_by_role("button", name="Take", exact=True).click()
    expect(dialog).to_contain_text("Anna", timeout=SLOW_MS)

    composer = agent.get_by_label("Message to the customer")
    composer.fill(visit.answer)
    composer.press("Enter")
    expect(dialog).to_contain_text(visit.answer, timeout=SLOW_MS)
    customer.locator("textarea").fill(visit.thanks)
    customer.keyboard.press("Enter")
    expect(agent.locator("body")).to_contain_text(visit.thanks, timeout=SLOW_MS)
    _keep(customer, f"{visit.name}-customer")
    _keep(agent, f"{visit.name}-agent")

    agent.get_by_role("button", name="Hand back to the assistant").click()
    agent.get_by_role("form").get_by_role("button", name="Hand back to the assistant").click()
    handed_back = catalogue.text("service", "notice.handed_back", visit.language, agent="Anna")
    expect(dialog).to_contain_text(handed_back, timeout=SLOW_MS)
    answers = customer.locator(".message.bot")
    before = answers.count()
    customer.locator("textarea").fill(visit.question)
    customer.keyboard.press("Enter")
    expect(answers).to_have_count(before + 1, timeout=SLOW_MS)
    expect(answers.last).to_contain_text(facts["shipping_cost"].strip("\u200f"))

    customer.reload()
    expect(customer.get_by_role("dialog")).to_contain_text(handed_back, timeout=SLOW_MS)
