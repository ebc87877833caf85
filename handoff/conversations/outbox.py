"""Sending what waits to be sent, through the channels that push: in order, with backoff, once per message."""

from __future__ import annotations

import logging
from datetime import timedelta

from handoff import metrics
from handoff.channels.base import DeliveryError, OutboundMessage
from handoff.channels.registry import ChannelRegistry
from handoff.clock import Clock, utc_now
from handoff.conversations import repository, service
from handoff.conversations.models import Delivery, Message
from handoff.database import Database, when_committed

logger = logging.getLogger(__name__)

BACKOFF_S = (1, 5, 20, 60, 300)
# Longer than any adapter's own time-out: a message in flight is not picked up a second time meanwhile.
IN_FLIGHT_S = 60
BATCH = 50


class Outbox:
    """Delivers pending messages for one process."""

    def __init__(self, database: Database, channels: ChannelRegistry, clock: Clock = utc_now) -> None:
        self._database = database
        self._channels = channels
        self._clock = clock

    async def deliver_due(self) -> int:
        """Send what is due; return how many messages were tried."""
        claimed: list[tuple[Message, str, str]] = []
        async with self._database.transaction() as session:
            now = self._clock()
            for message in await repository.list_due_deliveries(session, now, BATCH):
                if await repository.has_earlier_undelivered(session, message):
                    continue
                conversation = await repository.get_conversation(session, message.conversation_id)
                message.delivery_due_at = now + timedelta(seconds=IN_FLIGHT_S)
                message.delivery_attempts += 1
                recipient = conversation.contact.vendor_contact_id or str(conversation.id)
                claimed.append((message, conversation.channel, recipient))
        for message, channel, recipient in claimed:
            await self._deliver(message, channel, recipient)
        return len(claimed)

    async def _deliver(self, message: Message, channel: str, recipient: str) -> None:
        outbound = OutboundMessage(
            idempotency_key=str(message.id),
            recipient=recipient,
            text=message.text,
            buttons=tuple((button["title"], button["payload"]) for button in message.buttons),
        )
        error: DeliveryError | None = None
        vendor_delivery_id: str | None = None
        try:
            receipt = await self._channels.get_adapter(channel).send(outbound)
            vendor_delivery_id = receipt.vendor_delivery_id
        except DeliveryError as failure:
            error = failure
        async with self._database.transaction() as session:
            conversation = await repository.lock_conversation(session, message.conversation_id)
            stored = await repository.get_message(session, message.id)
            if error is None:
                stored.delivery = Delivery.SENT
                stored.vendor_delivery_id = vendor_delivery_id
                when_committed(session, metrics.DELIVERIES.labels(channel, "sent").inc)
            elif error.may_retry and stored.delivery_attempts <= len(BACKOFF_S):
                stored.delivery_error = error.reason
                stored.delivery_due_at = self._clock() + timedelta(
                    seconds=BACKOFF_S[stored.delivery_attempts - 1]
                )
                when_committed(session, metrics.DELIVERIES.labels(channel, "retried").inc)
                return
            else:
                stored.delivery = Delivery.FAILED
                stored.delivery_error = error.reason
                when_committed(session, metrics.DELIVERIES.labels(channel, "failed").inc)
                logger.warning("message %s could not be delivered: %s", stored.id, error.reason)
            service.append_event(
                session,
                conversation,
                "delivery",
                {"message_id": str(stored.id), "state": stored.delivery.value},
                internal={"error": stored.delivery_error} if error else None,
            )
