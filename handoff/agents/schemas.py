"""What the sign-in API takes and gives."""

from __future__ import annotations

import uuid

from pydantic import BaseModel, ConfigDict, Field

from handoff.agents.models import Role
from handoff.conversations.text import NO_NUL


class SignIn(BaseModel):
    email: str = Field(max_length=320, pattern=NO_NUL)
    password: str = Field(max_length=500)


class AgentView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    email: str
    name: str
    role: Role
    language: str
    languages: list[str]


class PresentAgentView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    name: str


class SignedInView(BaseModel):
    """`token`: for API clients, as `Authorization: Bearer`; `csrf_token`: for pages, as `X-CSRF-Token`."""

    agent: AgentView
    token: str
    csrf_token: str
