"""The widget over HTTP: its script, its words, and opening a conversation."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from handoff.channels.web import service
from handoff.channels.web.errors import OriginNotAllowedError
from handoff.channels.web.payloads import ConversationOpened, OpenConversation
from handoff.channels.web.widget import widget_etag, widget_script
from handoff.context import Services, get_services
from handoff.conversations.service import language_of
from handoff.errors import NotFoundError
from handoff.settings import Settings
from locales import catalogue
from locales.languages import find_language

router = APIRouter(tags=["web"])

InServices = Annotated[Services, Depends(get_services)]


def check_origin(settings: Settings, origin: str | None) -> None:
    """Refuse pages that may not use the widget; callers without an origin are no browsers.

    Raises:
        OriginNotAllowedError: The page's origin is not on the list.
    """
    allowed = settings.widget_origins
    if origin is None or "*" in allowed or origin in allowed or origin == settings.public_origin:
        return
    raise OriginNotAllowedError(origin)


@router.get("/widget.js", include_in_schema=False)
async def get_widget(request: Request) -> Response:
    headers = {
        "ETag": widget_etag(),
        "Cache-Control": "public, max-age=300",
        # Any page may load the script; what it may do is decided by `check_origin`.
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(widget_script(), media_type="text/javascript; charset=utf-8", headers=headers)


@router.get("/api/v1/web/words/{tag}")
async def get_words(tag: str, response: Response) -> dict[str, Any]:
    """The widget's own words in a language, with its direction and CLDR locale."""
    language = find_language(tag)
    if language is None:
        raise NotFoundError(tag)
    response.headers["Cache-Control"] = "public, max-age=300"
    return {
        "language": language.tag,
        "direction": language.direction,
        "locale": language.locale.replace("_", "-"),
        "words": catalogue.words("widget", language.tag),
    }


@router.post("/api/v1/web/conversations", status_code=201)
async def open_conversation(
    body: OpenConversation, request: Request, services: InServices
) -> ConversationOpened:
    """Open a conversation; the token is its key and is not shown again."""
    check_origin(services.settings, request.headers.get("origin"))
    services.limits.conversations.check(services.address_of(request))
    secret = services.settings.identity_secret.get_secret_value()
    async with services.database.transaction() as session:
        conversation, token = await service.open_conversation(session, body, secret)
        if body.identity is not None:
            # Only now that the shop's signature has been checked: nobody can use up another's.
            services.limits.conversations.check(f"contact:{conversation.contact_id}")
    return ConversationOpened(
        conversation_id=conversation.id, token=token, language=language_of(conversation)
    )
