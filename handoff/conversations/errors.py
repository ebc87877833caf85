"""Errors of conversations."""

from __future__ import annotations

from handoff.errors import ConflictError, InvalidRequestError, NotFoundError, PayloadTooLargeError


class ConversationNotFoundError(NotFoundError):
    code = "conversation_not_found"


class WrongOwnerError(ConflictError):
    """Somebody else has the conversation by now (another agent took it, the customer left the queue …)."""

    code = "wrong_owner"


class EmptyMessageError(InvalidRequestError):
    code = "empty_message"


class MessageTooLongError(PayloadTooLargeError):
    code = "message_too_long"
