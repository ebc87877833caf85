"""What an agent can do to a conversation: one transaction each, on the locked conversation, as in the API."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from handoff.agents.models import Agent
from handoff.context import Services
from handoff.conversations import repository
from handoff.conversations.errors import WrongOwnerError
from handoff.conversations.models import Owner
from handoff.conversations.service import conversation_topic
from handoff.conversations.text import clean_text
from handoff.errors import InvalidRequestError
from handoff.queue import service
from handoff.queue.changes import change
from handoff.queue.schemas import AgentMessage, HandBack, Resolve

Body = TypeVar("Body", bound=BaseModel)


class Actions:
    """The actions on one conversation. They raise what the service below them raises."""

    def __init__(self, services: Services, conversation_id: uuid.UUID) -> None:
        self._services = services
        self._id = conversation_id

    async def take(self, agent: Agent) -> None:
        """Take it out of the queue.

        Raises:
            WrongOwnerError: Somebody else was faster, or the customer is back with the assistant by now.
        """
        async with change(self._services, self._id) as (session, conversation, traits):
            if conversation.owner is Owner.BOT:
                raise WrongOwnerError("the customer has left the queue", owner=conversation.owner.value)
            await service.take(session, conversation, traits, agent)

    async def step_in(self, agent: Agent) -> None:
        """Take it from the assistant, or out of the queue if it has come there meanwhile."""
        async with change(self._services, self._id) as (session, conversation, traits):
            await service.take(session, conversation, traits, agent)

    async def write(self, agent: Agent, sent: Mapping[str, Any]) -> None:
        """Say something; `sent` holds `id`, the browser's own, and `text`."""
        body = _parse(AgentMessage, sent)
        text = clean_text(body.text, self._services.settings.max_text_characters)
        async with change(self._services, self._id) as (session, conversation, traits):
            await service.write(session, conversation, traits, agent, text, body.id)

    async def resolve(self, agent: Agent, sent: Mapping[str, Any]) -> None:
        """Close it; `sent` holds `reason` and `note`."""
        body = _parse(Resolve, sent)
        async with change(self._services, self._id) as (session, conversation, traits):
            await service.resolve(session, conversation, traits, agent, body.reason, body.note or None)

    async def hand_back(self, agent: Agent, sent: Mapping[str, Any]) -> None:
        """Give it back to the assistant; `sent` holds `note`."""
        body = _parse(HandBack, sent)
        async with change(self._services, self._id) as (session, conversation, traits):
            await service.hand_back(session, conversation, traits, agent, body.note or None)

    async def mark_seen(self, agent: Agent) -> None:
        """Note that the agent sees the conversation, if it is theirs."""
        async with change(self._services, self._id) as (session, conversation, _):
            if conversation.agent_id == agent.id:
                await service.mark_seen_by_agent(session, conversation)

    async def show_typing(self, agent: Agent) -> None:
        """Let the customer see that somebody is writing, if the conversation is this agent's."""
        async with self._services.database.reading() as session:
            conversation = await repository.get_conversation(session, self._id)
        if conversation.agent_id != agent.id:
            return
        await self._services.bus.publish(
            conversation_topic(self._id), {"type": "typing", "who": "agent", "name": agent.name}
        )


def _parse(schema: type[Body], sent: Mapping[str, Any]) -> Body:
    try:
        return schema.model_validate(sent)
    except ValidationError as error:
        raise InvalidRequestError(str(error.errors(include_input=False)[:1])) from None
