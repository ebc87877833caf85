"""Errors that a caller can do something about.

DragomanError
├── InvalidRequestError      400  the request can't be read
├── UnauthorizedError        401  nobody is signed in, or the token is wrong
├── ForbiddenError           403  signed in, but not allowed
├── NotFoundError            404
├── ConflictError            409  the thing is no longer in the state that this needs
├── PayloadTooLargeError     413
├── RateLimitedError         429  carries `retry_after_s`
├── BotUnavailableError      503  Rasa did not answer, or not in time
└── StorageUnavailableError  503  the database can't be read or written; carries `retry_after_s`

Domain packages derive their own from these (`conversations/errors.py` …). The text for people is
in the catalogue `service`, key `error.<code>`; one handler in `app.py` renders every error.
"""

from __future__ import annotations

from typing import Any


class DragomanError(Exception):
    """Base of every error with a meaning to the caller.

    `code` is stable and machine-readable; `values` fill the placeholders of the text; `detail` is
    for the log and never shown.
    """

    code = "internal"
    status = 500
    retry_after_s: int | None = None
    """When asking again may help, in seconds; None when it does not."""

    def __init__(self, detail: str = "", **values: Any) -> None:
        super().__init__(detail or self.code)
        self.detail = detail
        self.values = values


class InvalidRequestError(DragomanError):
    code = "invalid_request"
    status = 400


class UnauthorizedError(DragomanError):
    code = "unauthorized"
    status = 401


class ForbiddenError(DragomanError):
    code = "forbidden"
    status = 403


class NotFoundError(DragomanError):
    code = "not_found"
    status = 404


class ConflictError(DragomanError):
    code = "conflict"
    status = 409


class PayloadTooLargeError(DragomanError):
    code = "payload_too_large"
    status = 413


class RateLimitedError(DragomanError):
    code = "rate_limited"
    status = 429

    def __init__(self, detail: str = "", *, retry_after_s: int) -> None:
        super().__init__(detail, retry_after_s=retry_after_s)
        self.retry_after_s = retry_after_s


class BotUnavailableError(DragomanError):
    """`may_pass`: whether asking again may help (it is away or slow) or not (it answers, but wrongly)."""

    code = "bot_unavailable"
    status = 503

    def __init__(self, detail: str = "", *, may_pass: bool = True) -> None:
        super().__init__(detail)
        self.may_pass = may_pass


class StorageUnavailableError(DragomanError):
    """Nothing was written; what was asked for may be asked for again."""

    code = "storage_unavailable"
    status = 503
    retry_after_s = 2
