"""Opening a widget conversation."""

from __future__ import annotations

import uuid

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.channels.web import verification
from handoff.channels.web.adapter import WEB_TRAITS
from handoff.channels.web.errors import WrongSignatureError, WrongTokenError
from handoff.channels.web.payloads import Identity, OpenConversation
from handoff.conversations import repository
from handoff.conversations.models import Contact, Conversation, Owner
from handoff.errors import InvalidRequestError, NotFoundError
from locales.languages import find_language
from locales.markets import find_market


async def open_conversation(
    session: AsyncSession, body: OpenConversation, identity_secret: str
) -> tuple[Conversation, str]:
    """Start a conversation; return it with the token that belongs to it.

    Raises:
        WrongSignatureError: The identity is not signed by the shop.
    """
    contact = await _get_contact(session, body.identity, identity_secret)
    token = verification.make_token()
    hint = find_language(body.language)
    market = find_market(body.market)
    conversation = Conversation(
        id=uuid.uuid4(),
        contact_id=contact.id,
        channel=WEB_TRAITS.name,
        owner=Owner.BOT,
        token_hash=verification.hash_token(token),
        language_hint=hint.tag if hint else None,
        market=market.code if market else None,
        page=_printable(body.page, 500),
    )
    session.add(conversation)
    await session.flush()
    return conversation, token


async def _get_contact(session: AsyncSession, identity: Identity | None, secret: str) -> Contact:
    if identity is None:
        contact = Contact(id=uuid.uuid4())
        session.add(contact)
        await session.flush()
        return contact
    if not verification.is_identity(secret, identity.id, identity.email, identity.signature):
        raise WrongSignatureError()
    if _printable(identity.id, 200) != identity.id:
        # What would be left could be another customer's id.
        raise InvalidRequestError("the contact's id holds what can't be printed")
    found = await repository.find_contact_by_vendor_id(session, identity.id)
    contact = found or await _add_contact(session, identity.id)
    contact.name = _printable(identity.name, 200) or contact.name
    contact.email = _printable(identity.email, 320)
    await session.flush()
    return contact


async def _add_contact(session: AsyncSession, vendor_contact_id: str) -> Contact:
    contact = Contact(id=uuid.uuid4(), vendor_contact_id=vendor_contact_id)
    try:
        async with session.begin_nested():
            session.add(contact)
    except IntegrityError:
        # Another page of the same customer was faster.
        found = await repository.find_contact_by_vendor_id(session, vendor_contact_id)
        if found is None:
            raise
        return found
    return contact


def _printable(value: str | None, limit: int) -> str | None:
    """Return a one-line text that every database can keep, or None."""
    if value is None:
        return None
    kept = "".join(char for char in value if char.isprintable())
    return kept.strip()[:limit] or None


async def get_own_conversation(session: AsyncSession, conversation_id: uuid.UUID, token: str) -> Conversation:
    """Return the conversation that a token belongs to.

    Raises:
        WrongTokenError: There is no such conversation, or the token is another's.
    """
    try:
        conversation = await repository.get_conversation(session, conversation_id)
    except NotFoundError:
        raise WrongTokenError() from None
    if not verification.is_token(token, conversation.token_hash):
        raise WrongTokenError()
    return conversation
