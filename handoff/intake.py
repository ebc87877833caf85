"""Taking in what customers write, on whatever channel: kept first, then confirmed, then answered."""

from __future__ import annotations

import uuid

from handoff.channels.registry import ChannelRegistry
from handoff.conversations import repository, service, turn_repository
from handoff.conversations.models import Message
from handoff.conversations.turns import Turn, TurnTaker
from handoff.database import Database
from handoff.worker import Worker
from telemetry import traces


class Intake:
    """Writes customers' messages and starts their turns in this process."""

    def __init__(
        self, database: Database, channels: ChannelRegistry, turns: TurnTaker, worker: Worker
    ) -> None:
        self._database = database
        self._channels = channels
        self._turns = turns
        self._worker = worker

    async def receive(
        self,
        conversation_id: uuid.UUID,
        *,
        vendor_message_id: str,
        text: str,
        payload: str | None,
        body: bytes,
    ) -> Message:
        """Keep a customer's message; its turn has begun when this returns. A repeat changes nothing.

        Raises:
            ConversationNotFoundError: There is no such conversation.
            StorageUnavailableError: Nothing was kept.
        """
        with traces.span("receive", kind="server", conversation_id=conversation_id) as span:
            message, claimed = await self._keep(conversation_id, vendor_message_id, text, payload, body)
            span.set(message_id=message.id)
            traces.remember(message.id)
            if claimed is not None:
                self._worker.start_turns(conversation_id, claimed)
            return message

    async def _keep(
        self, conversation_id: uuid.UUID, vendor_message_id: str, text: str, payload: str | None, body: bytes
    ) -> tuple[Message, Turn | None]:
        claimed = None
        async with self._database.transaction() as session:
            conversation = await repository.lock_conversation(session, conversation_id)
            known = await turn_repository.list_unanswered_and_same(
                session, conversation_id, vendor_message_id
            )
            message = next((item for item in known if item.is_from_customer(vendor_message_id)), None)
            if message is None:
                message = service.receive_message(
                    session,
                    conversation,
                    vendor_message_id=vendor_message_id,
                    text=text,
                    payload=payload,
                    body=body,
                )
                claimed = await self._turns.claim_received(session, conversation, [*known, message])
        return message, claimed
