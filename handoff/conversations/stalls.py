"""What customers hear when the bot's answer does not come, and when a person takes over from it.

Watches every unanswered message from outside its turn: also where the turn has no free slot, hangs in
the bot, or died with another process. Time is counted on this process's monotonic clock from the moment the
message was first seen here, so that a jumping clock hurries nobody.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Sequence

from handoff.bot_client import BotClient
from handoff.channels.registry import ChannelRegistry
from handoff.clock import utc_now
from handoff.conversations import repository, service, turn_repository
from handoff.conversations.models import Owner, TurnState
from handoff.conversations.turn_repository import PendingTurn
from handoff.database import Database
from handoff.queue import service as queue
from handoff.queue.models import Reason
from handoff.queue.team import Team

logger = logging.getLogger(__name__)


class StallWatch:
    """Tells a customer after `delayed_after_s` that it takes longer, and hands off after `patience_s`.

    When the bot has been down for longer than that patience already, nobody waits for it any more: the
    handoff comes in place of the first notice.
    """

    def __init__(
        self,
        database: Database,
        channels: ChannelRegistry,
        bot: BotClient,
        team: Team,
        *,
        delayed_after_s: float,
        patience_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._channels = channels
        self._bot = bot
        self._team = team
        self._delayed_after_s = delayed_after_s
        self._patience_s = patience_s
        self._monotonic = monotonic
        self._first_seen: dict[uuid.UUID, float] = {}

    async def look(self, pending: Sequence[PendingTurn]) -> None:
        """Do what is due for the conversations with an unanswered message, the oldest of each given."""
        now = self._monotonic()
        waiting = [turn for turn in pending if turn.owner is Owner.BOT]
        self._first_seen = {turn.message_id: self._first_seen.get(turn.message_id, now) for turn in waiting}
        patience_s = self._patience_s if self._bot.down_for_s() < self._patience_s else self._delayed_after_s
        for turn in waiting:
            waited_s = now - self._first_seen[turn.message_id]
            if waited_s >= patience_s:
                await self._hand_off(turn)
            elif waited_s >= self._delayed_after_s and not turn.was_told_of_delay:
                await self._tell(turn)

    async def _tell(self, turn: PendingTurn) -> None:
        async with self._database.transaction() as session:
            conversation = await repository.lock_conversation(session, turn.conversation_id)
            unanswered = await turn_repository.list_unanswered(session, turn.conversation_id)
            is_still_so = unanswered and unanswered[0].id == turn.message_id
            if not is_still_so or conversation.owner is not Owner.BOT or conversation.delayed_at is not None:
                return
            conversation.delayed_at = utc_now()
            traits = self._channels.get_traits(conversation.channel)
            service.notify_customer(session, conversation, traits, "notice.delayed")

    async def _hand_off(self, turn: PendingTurn) -> None:
        async with self._database.transaction() as session:
            conversation = await repository.lock_conversation(session, turn.conversation_id)
            unanswered = await turn_repository.list_unanswered(session, turn.conversation_id)
            if not unanswered or unanswered[0].id != turn.message_id or conversation.owner is not Owner.BOT:
                return
            for message in unanswered:
                message.turn_state = TurnState.DONE
            traits = self._channels.get_traits(conversation.channel)
            await queue.hand_off(session, conversation, traits, Reason.BOT_UNAVAILABLE, self._team)
        logger.warning("conversation %s waited too long for the bot: handed off", turn.conversation_id)
