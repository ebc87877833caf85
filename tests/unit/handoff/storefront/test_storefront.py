"""The demo shop's pages over HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from html import unescape

import httpx
import pytest
import yaml
from fastapi import FastAPI

from handoff import storefront
from handoff.errors import NotFoundError
from handoff.storefront.endpoints import FOLDER, choose_language
from handoff.storefront.products import DEMO_FOLDER, list_categories, list_products
from locales import catalogue
from locales.formatting import format_money
from locales.languages import get_language, list_languages
from locales.markets import get_market, list_markets

LANGUAGES = [language.tag for language in list_languages()]


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(storefront.router)
    app.state.sign_identity = lambda identity, email, name: f"signed:{identity}:{email}"
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        yield client


def attribute(html: str, name: str) -> str:
    found = re.search(rf'{name}="([^"]*)"', html)
    assert found is not None, name
    return unescape(found[1])


@pytest.mark.parametrize("market", [market.code for market in list_markets()])
@pytest.mark.parametrize("language", LANGUAGES)
async def test_page_is_in_the_language_and_the_market(
    client: httpx.AsyncClient, language: str, market: str
) -> None:
    answer = await client.get(f"/demo/{language}", params={"market": market})
    assert answer.status_code == 200
    html = unescape(answer.text)
    assert f'lang="{language}" dir="{get_language(language).direction}"' in html
    assert attribute(html, "data-language") == language
    assert attribute(html, "data-market") == market
    sold_in = get_market(market)
    for product in list_products():
        assert product.names[language] in html
        price = format_money(product.prices[sold_in.currency], sold_in.currency, sold_in.locale_for(language))
        assert price in html
    for fact in ("free_shipping_from", "return_window", "support_hours", "payment_methods"):
        assert sold_in.formatted(language)[fact] in html
    assert not re.search(r"\{\w+\}", re.sub(r'data-added="[^"]*"', "", html)), "a placeholder was not filled"


async def test_nothing_is_inline_and_the_policy_forbids_it(client: httpx.AsyncClient) -> None:
    answer = await client.get("/demo/en", params={"signed_in": "1"})
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", answer.text)
    assert re.findall(r'(?:src|href)="(https?:)?//', answer.text) == [], "nothing comes from elsewhere"


async def test_signed_in_page_carries_a_signed_identity(client: httpx.AsyncClient) -> None:
    answer = await client.get("/demo/en", params={"market": "IL", "signed_in": "1"})
    identity = json.loads(attribute(answer.text, "data-user"))
    assert identity["signature"] == f"signed:{identity['id']}:{identity['email']}"
    customers = yaml.safe_load((DEMO_FOLDER / "customers.yml").read_text(encoding="utf-8"))["customers"]
    assert identity["id"] in {customer["id"] for customer in customers if customer["market"] == "IL"}
    assert identity["name"] in unescape(answer.text)
    assert answer.headers["cache-control"] == "no-store"
    assert "data-user" not in (await client.get("/demo/en")).text


async def test_category_hides_the_others(client: httpx.AsyncClient) -> None:
    html = (await client.get("/demo/en", params={"category": "bags"})).text
    cards = re.findall(r'<article class="card (\w+)"[^>]*?(hidden)?>', html)
    assert {category for category, hidden in cards if not hidden} == {"bags"}
    assert len(cards) == len(list_products())
    assert "hidden>" not in "".join(
        re.findall(r"<article[^>]*>", (await client.get("/demo/en?category=nonsense")).text)
    )


async def test_links_keep_what_was_chosen(client: httpx.AsyncClient) -> None:
    html = unescape((await client.get("/demo/en", params={"market": "NL", "signed_in": "1"})).text)
    assert 'href="/demo/it?market=NL&signed_in=1"' in html
    assert 'href="/demo/en?market=IL&signed_in=1"' in html
    assert 'href="/demo/en?market=NL&category=bags&signed_in=1#products"' in html


async def test_unknown_language_is_not_found(client: httpx.AsyncClient) -> None:
    with pytest.raises(NotFoundError):
        await client.get("/demo/tlh")


async def test_market_defaults_to_the_languages_own(client: httpx.AsyncClient) -> None:
    assert attribute((await client.get("/demo/en")).text, "data-market") == "GB"
    assert attribute((await client.get("/demo/en", params={"market": "XX"})).text, "data-market") == "GB"


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("it-IT,it;q=0.9,en;q=0.8", "it"),
        ("tlh, he;q=0.7, en;q=0.3", "he"),
        ("en;q=0.3, vi;q=0.9", "vi"),
        ("it;q=0, nl;q=0.1", "nl"),
        ("iw", "he"),
        ("en;q=much, nl;q=0.2", "nl"),
        ("*", "en"),
        ("", "en"),
    ],
)
async def test_browser_language_is_chosen(client: httpx.AsyncClient, accepted: str, language: str) -> None:
    assert choose_language(accepted) == language
    answer = await client.get("/demo", headers={"Accept-Language": accepted}, params={"signed_in": "1"})
    assert answer.status_code == 307
    assert answer.headers["location"] == f"/demo/{language}?signed_in=1"
    assert answer.headers["vary"] == "Accept-Language"


async def test_static_files_are_served_and_nothing_else(client: httpx.AsyncClient) -> None:
    assert (await client.get("/demo/static/shop.css")).headers["content-type"].startswith("text/css")
    for path in ("%2e%2e/endpoints.py", "..%2fpage.py", "missing.css"):
        assert (await client.get(f"/demo/static/{path}")).status_code == 404


def test_every_product_has_a_picture_a_price_and_a_name_everywhere() -> None:
    currencies = {market.currency for market in list_markets()}
    for product in list_products():
        assert (FOLDER / "templates" / "pictures" / f"{product.id}.svg").exists()
        assert set(product.prices) == currencies
        assert set(product.names) >= set(LANGUAGES)
        assert product.category in list_categories()
        assert all(isinstance(price, int) and price > 0 for price in product.prices.values())


def test_policies_of_every_market_have_their_sentence() -> None:
    keys = set(catalogue.words("storefront", "en"))
    for market in list_markets():
        assert f"storefront.promise_duties_{market.facts['duties']['choice']}" in keys
        assert f"storefront.promise_return_payer_{market.facts['return_payer']['choice']}" in keys
