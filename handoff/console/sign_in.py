"""Signing in and out: plain forms, no script needed."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.templating import Jinja2Templates
from pydantic import ValidationError

from handoff.agents import service as agents
from handoff.agents.endpoints import SESSION_COOKIE, set_session_cookie
from handoff.agents.errors import CsrfError, WrongCredentialsError
from handoff.agents.schemas import SignIn
from handoff.console.assets import ASSETS_PATH
from handoff.console.gate import HEADERS, PAGE, SIGN_IN_PATH
from handoff.console.words import NAME, Words, find_console_language
from handoff.context import Services, get_services
from handoff.errors import DragomanError, RateLimitedError, UnauthorizedError
from handoff.rendering import list_accepted_languages, render_error

router = APIRouter(prefix="/console", include_in_schema=False)

InServices = Annotated[Services, Depends(get_services)]
Field = Annotated[str, Form()]

HOME = "/console/"
FORM_COOKIE = "dragoman_sign_in"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)

_templates = Jinja2Templates(directory=Path(__file__).parent / "templates")


@router.get("")
async def go_home() -> Response:
    return RedirectResponse(HOME, status_code=307)


@router.get("/sign-in")
async def show_sign_in(request: Request, services: InServices, next: str = HOME) -> Response:
    """The form; whoever is signed in already goes on to the console."""
    try:
        async with services.database.reading() as session:
            await agents.get_signed_in(session, request.cookies.get(SESSION_COOKIE))
    except UnauthorizedError:
        return _render(request, services, target=next)
    return RedirectResponse(_safe(next), status_code=303)


@router.post("/sign-in")
async def sign_in(
    request: Request,
    services: InServices,
    email: Field = "",
    password: Field = "",
    form_token: Field = "",
    next: Field = HOME,
) -> Response:
    """Sign an agent in, with a new session in place of any old one; or show the form and the problem."""
    try:
        _check_form_token(services, request.cookies.get(FORM_COOKIE), form_token)
        services.limits.sign_in.check(services.address_of(request))
        signed_in = await agents.sign_in(
            services.database, *_parse(email, password), session_hours=services.settings.session_hours
        )
    except DragomanError as error:
        return _render(request, services, target=next, email=email, error=error)
    before = request.cookies.get(SESSION_COOKIE)
    if before:
        async with services.database.transaction() as session:
            await agents.sign_out(session, before)
    response = RedirectResponse(_safe(next), status_code=303)
    set_session_cookie(response, signed_in.token, services)
    response.delete_cookie(FORM_COOKIE, path=SIGN_IN_PATH)
    return response


@router.post("/sign-out")
async def sign_out(request: Request, services: InServices, csrf_token: Field = "") -> Response:
    """End the session.

    Raises:
        CsrfError: The form is not one of this session's pages.
    """
    token = request.cookies.get(SESSION_COOKIE)
    response = RedirectResponse(SIGN_IN_PATH, status_code=303)
    try:
        async with services.database.transaction() as session:
            signed_in = await agents.get_signed_in(session, token)
            agents.check_csrf(signed_in, csrf_token)
            await agents.sign_out(session, token or "")
    except UnauthorizedError:
        # It has ended already, which is all that was wanted.
        return response
    response.delete_cookie(SESSION_COOKIE, path="/")
    return response


def _parse(email: str, password: str) -> tuple[str, str]:
    try:
        body = SignIn(email=email, password=password)
    except ValidationError:
        raise WrongCredentialsError("longer than any account's") from None
    return body.email, body.password


def _safe(target: str) -> str:
    """Return where signing in may lead to: a page of the console, nothing that merely begins like one."""
    is_page = target.startswith("/console") and PAGE.fullmatch(target.removeprefix("/console"))
    return target if is_page else HOME


def _form_token(services: Services, nonce: str) -> str:
    key = services.settings.session_secret.get_secret_value().encode()
    return hmac.new(key, f"sign-in:{nonce}".encode(), hashlib.sha256).hexdigest()


def _check_form_token(services: Services, nonce: str | None, token: str) -> None:
    """Raises CsrfError unless the form was given to this browser (signed double submit)."""
    expected = _form_token(services, nonce or "")
    if not nonce or not hmac.compare_digest(expected.encode(), token.encode()):
        raise CsrfError("sign-in form")


def _render(
    request: Request, services: Services, *, target: str, email: str = "", error: DragomanError | None = None
) -> Response:
    language = find_console_language(list_accepted_languages(request.headers.get("accept-language", "")))
    nonce = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(24)
    response = _templates.TemplateResponse(
        request,
        "sign_in.html",
        {
            "words": Words(language),
            "language": language,
            "name": NAME,
            "assets": ASSETS_PATH,
            "action": SIGN_IN_PATH,
            "target": _safe(target),
            "email": email,
            "form_token": _form_token(services, nonce),
            "problem": render_error(error, language.tag)["message"] if error else None,
        },
        status_code=error.status if error else 200,
        headers={**HEADERS, "Content-Security-Policy": POLICY, "Cache-Control": "no-store"},
    )
    response.headers["Vary"] = "Accept-Language"
    if isinstance(error, RateLimitedError):
        response.headers["Retry-After"] = str(error.retry_after_s)
    response.set_cookie(
        FORM_COOKIE,
        nonce,
        httponly=True,
        samesite="strict",
        secure=services.settings.public_origin.startswith("https://"),
        path=SIGN_IN_PATH,
    )
    return response
