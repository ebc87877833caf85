"""Signing in and out, and the dependency that every agent endpoint stands on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from handoff.agents import repository, service
from handoff.agents.schemas import AgentView, PresentAgentView, SignedInView, SignIn
from handoff.agents.service import SignedIn
from handoff.context import Services, get_services
from handoff.presence import Kind

router = APIRouter(prefix="/api/v1/session", tags=["agents"])
agents = APIRouter(prefix="/api/v1/agents", tags=["agents"])

SESSION_COOKIE = "dragoman_session"
CSRF_HEADER = "X-CSRF-Token"
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


def read_bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


async def get_current_agent(
    request: Request, services: Annotated[Services, Depends(get_services)]
) -> SignedIn:
    """Return who calls: by bearer token, or by the console's cookie with its CSRF token.

    Raises:
        UnauthorizedError: Nobody is signed in.
        CsrfError: A changing call came with the cookie alone.
    """
    bearer = read_bearer(request)
    async with services.database.reading() as session:
        signed_in = await service.get_signed_in(session, bearer or request.cookies.get(SESSION_COOKIE))
    if bearer is None and request.method not in SAFE_METHODS:
        service.check_csrf(signed_in, request.headers.get(CSRF_HEADER))
    if request.method not in SAFE_METHODS:
        services.limits.agent_calls.check(str(signed_in.agent.id))
    services.presence.note(Kind.AGENT, signed_in.agent.id)
    return signed_in


CurrentAgent = Annotated[SignedIn, Depends(get_current_agent)]


def set_session_cookie(response: Response, token: str, services: Services) -> None:
    response.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=services.settings.session_hours * 3600,
        httponly=True,
        samesite="strict",
        secure=services.settings.public_origin.startswith("https://"),
        path="/",
    )


@router.post("", status_code=201)
async def sign_in(
    body: SignIn, request: Request, response: Response, services: Annotated[Services, Depends(get_services)]
) -> SignedInView:
    """Sign an agent in; sets the session cookie as well."""
    services.limits.sign_in.check(services.address_of(request))
    signed_in = await service.sign_in(
        services.database, body.email, body.password, session_hours=services.settings.session_hours
    )
    set_session_cookie(response, signed_in.token, services)
    return SignedInView(
        agent=AgentView.model_validate(signed_in.agent),
        token=signed_in.token,
        csrf_token=signed_in.csrf_token,
    )


@router.get("")
async def who_am_i(current: CurrentAgent) -> AgentView:
    return AgentView.model_validate(current.agent)


@router.delete("", status_code=204)
async def sign_out(
    request: Request,
    response: Response,
    current: CurrentAgent,
    services: Annotated[Services, Depends(get_services)],
) -> None:
    token = read_bearer(request) or request.cookies.get(SESSION_COOKIE) or ""
    async with services.database.transaction() as session:
        await service.sign_out(session, token)
    services.presence.forget(Kind.AGENT, current.agent.id)
    response.delete_cookie(SESSION_COOKIE, path="/")


@agents.get("/present")
async def list_present_agents(
    current: CurrentAgent, services: Annotated[Services, Depends(get_services)]
) -> list[PresentAgentView]:
    """Who of the agents is here: has the console open, or has asked the API for something within a minute."""
    async with services.database.reading() as session:
        present = await repository.list_agents(session, services.presence.list_here(Kind.AGENT))
    return [PresentAgentView.model_validate(agent) for agent in present]
