"""What the widget sends: the body that opens a conversation, and the socket's frames."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from handoff.channels.web.errors import InvalidFrameError
from handoff.conversations.text import MAX_SEQ, NO_NUL


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Identity(_Strict):
    """A user who is signed in at the shop. `signature`: see verification.sign_identity."""

    id: str = Field(min_length=1, max_length=200)
    name: str | None = Field(default=None, max_length=200)
    email: str | None = Field(default=None, max_length=320)
    signature: str = Field(min_length=1, max_length=200)


class OpenConversation(_Strict):
    language: str | None = Field(default=None, max_length=35)
    market: str | None = Field(default=None, max_length=2)
    page: str | None = Field(default=None, max_length=2000)
    identity: Identity | None = None


class ConversationOpened(BaseModel):
    conversation_id: uuid.UUID
    token: str
    language: str


class Hello(_Strict):
    type: Literal["hello"]
    conversation_id: uuid.UUID
    token: str = Field(max_length=200)
    after: int = Field(default=0, ge=0, le=MAX_SEQ)


class CustomerMessage(_Strict):
    type: Literal["message"]
    id: str = Field(min_length=1, max_length=100, pattern=NO_NUL)
    text: str
    payload: str | None = Field(default=None, max_length=1000, pattern=NO_NUL)


class Typing(_Strict):
    type: Literal["typing"]


class Delivered(_Strict):
    type: Literal["delivered"]
    seq: int = Field(ge=0, le=MAX_SEQ)


class Read(_Strict):
    type: Literal["read"]
    seq: int = Field(ge=0, le=MAX_SEQ)


class LeaveQueue(_Strict):
    type: Literal["leave_queue"]


class Ping(_Strict):
    type: Literal["ping"]


Frame = Hello | CustomerMessage | Typing | Delivered | Read | LeaveQueue | Ping

_FRAMES: TypeAdapter[Frame] = TypeAdapter(Annotated[Frame, Field(discriminator="type")])


def parse_frame(raw: str | bytes) -> Frame:
    """Return the frame that a socket message holds.

    Raises:
        InvalidFrameError: It is not JSON or not a frame of the protocol; says where.
    """
    try:
        return _FRAMES.validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "frame"
        raise InvalidFrameError(f"{where}: {first['msg']}", problem=f"{where}: {first['msg']}") from None
