"""Taking turns: every customer message is answered once, one at a time and in order.

A turn has three steps: claim the conversation's lease, ask the bot (no transaction open), write the
outcome (one transaction, and only if the lease is still ours, the message still unanswered and the bot still
owns the conversation). Whoever dies half way leaves the message pending, and the next one starts over; the
bot answers a repeated message id with what it said before. What waits too long is `stalls.py`'s.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from handoff import metrics
from handoff.bot_client import BotClient, TurnRequest, TurnResult
from handoff.bus import Bus
from handoff.channels.registry import ChannelRegistry
from handoff.clock import utc_now
from handoff.conversations import repository, service, turn_repository
from handoff.conversations.models import Author, Conversation, Message, Owner, TurnState
from handoff.database import Database, when_committed
from handoff.errors import BotUnavailableError, StorageUnavailableError
from handoff.knowledge import service as knowledge
from handoff.queue import service as queue
from handoff.queue.models import Reason
from handoff.queue.team import Team
from locales.languages import find_language
from telemetry import logs, traces

logger = logging.getLogger(__name__)

# Waiting before the second, third … call of the bot; the last one goes on.
RETRY_DELAYS_S = (0.2, 0.5, 1.0)
# A bot that does answer, but wrongly, is not asked more often than this.
WRONG_ANSWERS = 3
# An answer that takes longer than this is announced by a typing sign.
TYPING_AFTER_S = 0.25
# Labels that, right after an article, say whether it helped.
OPINIONS = {"thank": True, "deny": False}


@dataclass(frozen=True)
class Turn:
    """One message that this process has the right to answer."""

    conversation_id: uuid.UUID
    message_id: uuid.UUID
    request: TurnRequest


class TurnTaker:
    """Takes the turns of conversations for one process.

    `lease_s`: how long the right to answer holds unless renewed; `patience_s`: how long the bot is asked
    again before a person has to take over.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        bot: BotClient,
        channels: ChannelRegistry,
        team: Team,
        *,
        lease_s: float,
        patience_s: float,
    ) -> None:
        self.holder = uuid.uuid4().hex
        self.lease_s = lease_s
        self._database = database
        self._bus = bus
        self._bot = bot
        self._channels = channels
        self._team = team
        self._patience_s = patience_s

    async def take_turns(self, conversation_id: uuid.UUID, claimed: Turn | None = None) -> None:
        """Answer what is pending in a conversation, oldest first, beginning with what is claimed already.

        Does nothing when another process has the lease.
        """
        turn = claimed or await self._claim(conversation_id)
        while turn is not None:
            message_id = turn.message_id
            with (
                logs.bound(conversation_id=conversation_id, message_id=message_id),
                traces.span(
                    "turn", follows=message_id, conversation_id=conversation_id, message_id=message_id
                ) as span,
            ):
                turn = await self._take_turn(turn, span)

    async def _take_turn(self, turn: Turn, span: traces.Span) -> Turn | None:
        result = await self._ask(turn)
        if result is not None:
            span.set(label=result.understanding.label, decision=result.understanding.decision)
        try:
            return await self._write_outcome(turn, result)
        except StorageUnavailableError:
            # The bot remembers its answer: it is asked again when there is a place to write it to.
            raise
        except Exception:
            if result is None:
                raise
            # An answer that can't be written would be asked for and fail for ever: a person takes over.
            logger.exception("the outcome of message %s can't be written", turn.message_id)
            return await self._write_outcome(turn, None)

    async def claim_received(
        self, session: AsyncSession, conversation: Conversation, unanswered: Sequence[Message]
    ) -> Turn | None:
        """Claim a locked conversation in the transaction that wrote the customer's message.

        None when another process, or another task of this one, is answering it: that one finds the message.
        """
        if conversation.owner is not Owner.BOT:
            await self._leave_to_people(session, conversation, unanswered)
            return None
        if conversation.lease_holder is not None:
            return None
        turn_repository.set_lease(session, conversation, self.holder, self.lease_s)
        return Turn(conversation.id, unanswered[0].id, _make_request(conversation, unanswered[0]))

    async def _claim(self, conversation_id: uuid.UUID) -> Turn | None:
        async with self._database.transaction() as session:
            if not await turn_repository.claim_lease(session, conversation_id, self.holder, self.lease_s):
                return None
            conversation = await repository.lock_conversation(session, conversation_id)
            unanswered = await turn_repository.list_unanswered(session, conversation_id)
            return await self._next_turn(session, conversation, unanswered)

    async def _next_turn(
        self, session: AsyncSession, conversation: Conversation, unanswered: Sequence[Message]
    ) -> Turn | None:
        """Return the next turn of a locked conversation whose lease is ours; without one the lease ends."""
        if unanswered and conversation.owner is Owner.BOT:
            return Turn(conversation.id, unanswered[0].id, _make_request(conversation, unanswered[0]))
        if unanswered:
            await self._leave_to_people(session, conversation, unanswered)
        conversation.lease_holder = conversation.lease_until = None
        conversation.delayed_at = None
        return None

    async def _leave_to_people(
        self, session: AsyncSession, conversation: Conversation, unanswered: Sequence[Message]
    ) -> None:
        for message in unanswered:
            message.turn_state = TurnState.DONE
        if conversation.owner is Owner.WAITING:
            await queue.refresh_packet(session, conversation, self._channels.get_traits(conversation.channel))

    async def _ask(self, turn: Turn) -> TurnResult | None:
        """Return the bot's answer; None when it has none in time, or only wrong ones."""
        deadline = time.monotonic() + self._patience_s
        attempt = wrong_answers = 0
        typing = asyncio.create_task(self._show_typing(turn.conversation_id))
        try:
            while True:
                try:
                    return await self._bot.take_turn(turn.request)
                except BotUnavailableError as error:
                    attempt += 1
                    wrong_answers += not error.may_pass
                    logger.warning(
                        "bot unavailable, attempt %d, conversation %s message %s: %s",
                        attempt,
                        turn.conversation_id,
                        turn.message_id,
                        error.detail,
                    )
                delay_s = RETRY_DELAYS_S[min(attempt, len(RETRY_DELAYS_S)) - 1]
                if wrong_answers >= WRONG_ANSWERS or time.monotonic() + delay_s > deadline:
                    return None
                await asyncio.sleep(delay_s)
        finally:
            typing.cancel()

    async def _note_opinion(
        self, session: AsyncSession, conversation: Conversation, message: Message, helped: bool
    ) -> None:
        topic = await repository.find_topic_shown_before(session, message)
        if topic:
            language = service.language_of(conversation)
            await knowledge.note_opinion(session, topic, language, helped=helped)

    async def _show_typing(self, conversation_id: uuid.UUID) -> None:
        await asyncio.sleep(TYPING_AFTER_S)
        await self._bus.publish(
            service.conversation_topic(conversation_id), {"type": "typing", "who": "bot", "name": None}
        )

    async def _write_outcome(self, turn: Turn, result: TurnResult | None) -> Turn | None:
        """Write what the bot said; return the conversation's next turn, if there is one."""
        async with self._database.transaction() as session:
            conversation = await repository.lock_conversation(session, turn.conversation_id)
            if conversation.lease_holder != self.holder:
                # The lease ran out and somebody else has answered or is about to: this answer is void.
                metrics.TURNS.labels("void").inc()
                logger.warning("lease of conversation %s was lost", turn.conversation_id)
                return None
            unanswered = await turn_repository.list_unanswered(session, turn.conversation_id)
            # Else an agent has taken over or a stall was handed off meanwhile: no bot sentence any more.
            if unanswered and unanswered[0].id == turn.message_id and conversation.owner is Owner.BOT:
                unanswered[0].turn_state = TurnState.DONE
                await self._apply(session, conversation, unanswered[0], result)
                when_committed(session, partial(_note_outcome, unanswered[0], result))
                unanswered = unanswered[1:]
            else:
                metrics.TURNS.labels("void").inc()
            return await self._next_turn(session, conversation, unanswered)

    async def _apply(
        self, session: AsyncSession, conversation: Conversation, message: Message, result: TurnResult | None
    ) -> None:
        traits = self._channels.get_traits(conversation.channel)
        if result is None:
            await queue.hand_off(session, conversation, traits, Reason.BOT_UNAVAILABLE, self._team)
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
        if result.understanding.label in OPINIONS and not result.task:
            await self._note_opinion(session, conversation, message, OPINIONS[result.understanding.label])
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
            await queue.hand_off(session, conversation, traits, result.handoff.reason, self._team)


def _note_outcome(message: Message, result: TurnResult | None) -> None:
    outcome = "handed_off" if result is None or result.handoff else "answered"
    waited_s = max(0.0, (utc_now() - message.at).total_seconds())
    metrics.TURNS.labels(outcome).inc()
    metrics.REPLY_SECONDS.observe(waited_s)
    logger.info("turn %s after %.0f ms", outcome, waited_s * 1000)


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
