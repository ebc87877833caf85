"""The API's description as a page that needs no script, and the errors that every call of it may answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel

from handoff.errors import (
    BotUnavailableError,
    ConflictError,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    PayloadTooLargeError,
    RateLimitedError,
    UnauthorizedError,
)

router = APIRouter(prefix="/api", include_in_schema=False)

_templates = Jinja2Templates(directory=Path(__file__).parent / "templates")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}


class Problem(BaseModel):
    where: str
    problem: str


class ErrorView(BaseModel):
    """Any error. `code` is stable, `message` is in the language that the caller accepts."""

    type: Literal["error"]
    code: str
    message: str
    retry_after_s: int | None = None
    problems: list[Problem] | None = None
    """What does not fit in a body that could be read (422)."""


def describe_errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI's `responses` for answers with these statuses."""
    return {status: {"model": ErrorView} for status in statuses}


ERROR_RESPONSES = describe_errors(
    InvalidRequestError.status,
    UnauthorizedError.status,
    ForbiddenError.status,
    NotFoundError.status,
    ConflictError.status,
    PayloadTooLargeError.status,
    422,
    RateLimitedError.status,
    BotUnavailableError.status,
)


@router.get("/docs")
async def show_api(request: Request) -> Response:
    """Every call with what it takes and gives, as in `/openapi.json`."""
    described = request.app.openapi()
    calls = [
        {"method": method.upper(), "path": path, "call": call}
        for path, methods in described["paths"].items()
        for method, call in methods.items()
    ]
    variables = {
        "title": described["info"]["title"],
        "version": described["info"]["version"],
        "calls": calls,
        "schemas": described["components"]["schemas"],
        "dump": lambda value: json.dumps(value, indent=2, ensure_ascii=False),
    }
    return _templates.TemplateResponse(request, "api.html", variables, headers=_HEADERS)


@router.get("/docs.css")
async def get_style() -> Response:
    style = (Path(__file__).parent / "templates" / "api.css").read_bytes()
    return Response(style, media_type="text/css", headers={"Cache-Control": "public, max-age=300"})
