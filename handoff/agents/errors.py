"""Errors of signing in."""

from __future__ import annotations

from handoff.errors import (
    ConflictError,
    ForbiddenError,
    InvalidRequestError,
    RateLimitedError,
    UnauthorizedError,
)


class WrongCredentialsError(UnauthorizedError):
    """E-mail or password is wrong; which of the two is never said."""

    code = "wrong_credentials"


class SignInLockedError(RateLimitedError):
    """Too many wrong passwords; carries the wait in seconds."""

    code = "sign_in_locked"


class CsrfError(ForbiddenError):
    """A cookie came without the token that only our own pages know."""

    code = "csrf"


class WeakPasswordError(InvalidRequestError):
    code = "weak_password"


class AgentExistsError(ConflictError):
    code = "agent_exists"
