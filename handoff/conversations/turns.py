"""Taking turns: every customer message is answered once, one at a time and in order.

A turn has three steps: claim the conversation's lease (one short transaction), ask the bot (no transaction
open), write the outcome (one transaction, and only if the lease is still ours and the bot still owns
the conversation). Whoever dies half way leaves the message pending, and the next one starts over; the bot
answers a repeated message id with what it said before.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from handoff.bot_client import BotClient, TurnRequest, TurnResult
from handoff.bus import Bus
from handoff.channels.registry import ChannelRegistry
from handoff.clock import Clock, utc_now
from handoff.conversations import repository, service
from handoff.conversations.models import Author, Conversation, Message, Owner, TurnState
from handoff.database import Database
from handoff.errors import BotUnavailableError
from handoff.queue import service as queue
from handoff.queue.models import Reason
from locales.languages import find_language

logger = logging.getLogger(__name__)

# Waiting before the second and third call of the bot; together with the time-outs within the lease.
RETRY_DELAYS_S = (0.2, 1.0)
# An answer that takes longer than this is announced by a typing sign.
TYPING_AFTER_S = 0.25


@dataclass(frozen=True)
class Turn:
    conversation_id: uuid.UUID
    message_id: uuid.UUID
    request: TurnRequest


class TurnTaker:
    """Takes the turns of conversations for one process."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        bot: BotClient,
        channels: ChannelRegistry,
        *,
        lease_s: float,
        attempts: int,
        clock: Clock = utc_now,
    ) -> None:
        self.holder = uuid.uuid4().hex
        self._database = database
        self._bus = bus
        self._bot = bot
        self._channels = channels
        self._lease = timedelta(seconds=lease_s)
        self._attempts = attempts
        self._clock = clock

    async def take_turns(self, conversation_id: uuid.UUID) -> int:
        """Answer what is pending in a conversation, oldest first; return how many messages were settled.

        Does nothing when another process has the lease.
        """
        settled = 0
        while True:
            turn = await self._claim(conversation_id)
            if turn is None:
                return settled
            result = await self._ask(turn)
            try:
                has_more = await self._write_outcome(turn, result)
            except Exception:
                if result is None:
                    raise
                # An answer that can't be written would be asked for and fail for ever: a person takes over.
                logger.exception("the outcome of message %s can't be written", turn.message_id)
                has_more = await self._write_outcome(turn, None)
            settled += 1
            if not has_more:
                return settled

    async def _claim(self, conversation_id: uuid.UUID) -> Turn | None:
        now = self._clock()
        async with self._database.transaction() as session:
            if not await repository.claim_lease(
                session, conversation_id, self.holder, now, now + self._lease
            ):
                return None
            message = await repository.find_next_turn(session, conversation_id)
            if message is None:
                await repository.release_lease(session, conversation_id, self.holder)
                return None
            conversation = await repository.lock_conversation(session, conversation_id)
            if conversation.owner is not Owner.BOT:
                await self._leave_to_people(session, conversation)
                conversation.lease_holder = conversation.lease_until = None
                return None
            return Turn(conversation_id, message.id, _make_request(conversation, message))

    async def _leave_to_people(self, session: AsyncSession, conversation: Conversation) -> None:
        for message in await repository.list_pending_turns(session, conversation.id):
            message.turn_state = TurnState.DONE
        if conversation.owner is Owner.WAITING:
            await queue.refresh_packet(session, conversation, self._channels.get_traits(conversation.channel))

    async def _ask(self, turn: Turn) -> TurnResult | None:
        """Return the bot's answer; None when it has none after all attempts."""
        typing = asyncio.create_task(self._show_typing(turn.conversation_id))
        try:
            for attempt in range(self._attempts):
                if attempt:
                    await asyncio.sleep(RETRY_DELAYS_S[min(attempt, len(RETRY_DELAYS_S)) - 1])
                try:
                    return await self._bot.take_turn(turn.request)
                except BotUnavailableError as error:
                    logger.warning(
                        "bot unavailable, attempt %d of %d, conversation %s message %s: %s",
                        attempt + 1,
                        self._attempts,
                        turn.conversation_id,
                        turn.message_id,
                        error.detail,
                    )
            return None
        finally:
            typing.cancel()

    async def _show_typing(self, conversation_id: uuid.UUID) -> None:
        await asyncio.sleep(TYPING_AFTER_S)
        await self._bus.publish(
            service.conversation_topic(conversation_id), {"type": "typing", "who": "bot", "name": None}
        )

    async def _write_outcome(self, turn: Turn, result: TurnResult | None) -> bool:
        """Write what the bot said; return whether more messages wait for a turn."""
        async with self._database.transaction() as session:
            conversation = await repository.lock_conversation(session, turn.conversation_id)
            if conversation.lease_holder != self.holder:
                # The lease ran out and somebody else has answered or is about to: this answer is void.
                logger.warning("lease of conversation %s was lost", turn.conversation_id)
                return False
            message = await repository.get_message(session, turn.message_id)
            if message.turn_state is TurnState.PENDING:
                message.turn_state = TurnState.DONE
                if conversation.owner is Owner.BOT:
                    await self._apply(session, conversation, message, result)
                # Else an agent has taken over meanwhile: no bot sentence reaches the customer any more.
            await session.flush()
            if await repository.find_next_turn(session, turn.conversation_id) is not None:
                return True
            conversation.lease_holder = conversation.lease_until = None
            return False

    async def _apply(
        self, session: AsyncSession, conversation: Conversation, message: Message, result: TurnResult | None
    ) -> None:
        traits = self._channels.get_traits(conversation.channel)
        if result is None:
            await queue.hand_off(session, conversation, traits, Reason.BOT_UNAVAILABLE)
            return
        message.language = result.language.detected if find_language(result.language.detected) else None
        message.understanding = {
            **result.understanding.model_dump(),
            "entities": [entity.model_dump() for entity in result.entities],
            "task": result.task,
            "slots": result.slots,
        }
        service.mark_read_by(session, conversation, [message], "bot")
        service.append_event(
            session,
            conversation,
            "understood",
            internal={
                "message_id": str(message.id),
                "language": message.language,
                "understanding": message.understanding,
            },
        )
        chosen = find_language(result.language.chosen)
        if chosen:
            service.set_language(
                session,
                conversation,
                chosen.tag,
                confidence=result.language.confidence,
                asked=result.language.asked,
            )
        for reply in result.replies:
            service.say(
                session,
                conversation,
                traits,
                Author.BOT,
                reply.text,
                buttons=[button.model_dump() for button in reply.buttons],
                topic=reply.topic,
            )
        if result.handoff:
            await queue.hand_off(session, conversation, traits, result.handoff.reason)


def _make_request(conversation: Conversation, message: Message) -> TurnRequest:
    contact = conversation.contact
    return TurnRequest(
        sender_id=f"{conversation.id}.{conversation.bot_session}",
        message_id=str(message.id),
        text=message.text,
        payload=message.payload,
        metadata={
            "language": conversation.language,
            "language_asked": conversation.language_asked,
            "language_hint": conversation.language_hint,
            "market": conversation.market,
            "contact": {
                "name": contact.name,
                "vendor_contact_id": contact.vendor_contact_id,
                "verified_email": contact.email if contact.is_verified else None,
            },
        },
    )
