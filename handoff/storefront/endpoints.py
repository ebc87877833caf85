"""The demo shop over HTTP: its page in each language and its static files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.templating import Jinja2Templates
from starlette.staticfiles import StaticFiles

from handoff.errors import NotFoundError
from handoff.storefront.page import Visit, build_page
from handoff.storefront.products import get_customer, list_categories
from locales.languages import find_language
from locales.markets import default_language, market_for

FOLDER = Path(__file__).parent
HEADERS = {
    # As strict as a careful shop's: the widget has to live with it.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    # The signed-in page holds a signature; no cache may give it to someone else.
    "Cache-Control": "no-store",
}

router = APIRouter(prefix="/demo", include_in_schema=False)
_templates = Jinja2Templates(directory=FOLDER / "templates")
_static = StaticFiles(directory=FOLDER / "static")


def choose_language(accept_language: str) -> str:
    """Return the tag of the shop's language that an Accept-Language header likes best (RFC 9110, 12.5.4)."""
    best, best_quality = default_language(), 0.0
    for part in accept_language.split(","):
        tag, _, parameter = part.partition(";")
        language = find_language(tag)
        quality = _quality(parameter)
        # Of equals the first one wins.
        if language is not None and quality > best_quality:
            best, best_quality = language.tag, quality
    return best


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        # Not a number: the browser's mistake, the language counts least.
        return 0.0


@router.get("")
async def redirect_to_language(request: Request) -> RedirectResponse:
    """Send the visitor to the page in their browser's language; the query goes along."""
    tag = choose_language(request.headers.get("accept-language", ""))
    query = urlencode(list(request.query_params.multi_items()))
    address = f"/demo/{tag}?{query}" if query else f"/demo/{tag}"
    return RedirectResponse(address, status_code=307, headers={"Vary": "Accept-Language"})


@router.get("/static/{path:path}")
async def get_static(path: str, request: Request) -> Response:
    return await _static.get_response(path, request.scope)


@router.get("/{tag}")
async def show_shop(
    tag: str,
    request: Request,
    market: Annotated[str | None, Query(max_length=2)] = None,
    category: Annotated[str | None, Query(max_length=40)] = None,
    signed_in: bool = False,
) -> Response:
    """Show the shop.

    Raises:
        NotFoundError: The shop has no such language.
    """
    language = find_language(tag)
    if language is None:
        raise NotFoundError(tag)
    sold_in = market_for(market, language.tag)
    visit = Visit(
        language=language,
        market=sold_in,
        category=category if category in list_categories() else None,
        customer=get_customer(sold_in.code) if signed_in else None,
    )
    page = build_page(visit, request.app.state.sign_identity)
    return _templates.TemplateResponse(request, "shop.html", page, headers=HEADERS)
