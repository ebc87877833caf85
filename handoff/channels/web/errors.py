"""Errors of the widget's channel."""

from __future__ import annotations

from handoff.errors import ForbiddenError, InvalidRequestError, UnauthorizedError


class InvalidFrameError(InvalidRequestError):
    """The socket got something that is not a frame of the protocol."""

    code = "invalid_frame"


class WrongTokenError(UnauthorizedError):
    """The conversation does not exist or the token is not its own; which of the two is never said."""

    code = "unauthorized"


class WrongSignatureError(UnauthorizedError):
    """The signed-in user's identity was not signed by the shop."""

    code = "wrong_signature"


class OriginNotAllowedError(ForbiddenError):
    code = "origin_not_allowed"
