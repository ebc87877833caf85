"""What endpoints, sockets and pages need of the running service."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from fastapi import Request
from starlette.requests import HTTPConnection

from handoff.bot_client import BotClient
from handoff.bus import Bus
from handoff.channels.registry import ChannelRegistry
from handoff.database import Database
from handoff.intake import Intake
from handoff.presence import Kind, Presence
from handoff.queue.positions import QueuePositions
from handoff.rate_limits import RateLimits, network_of
from handoff.settings import Settings
from handoff.worker import Worker


@dataclass(frozen=True)
class Services:
    settings: Settings
    database: Database
    bus: Bus
    bot: BotClient
    channels: ChannelRegistry
    limits: RateLimits
    presence: Presence
    intake: Intake
    worker: Worker
    positions: QueuePositions

    def address_of(self, connection: HTTPConnection) -> str:
        """Return the client's network (`network_of`); behind a trusted proxy the one that it reports."""
        if self.settings.trust_proxy:
            # The last one is the proxy's own word; what stands before it anybody could have written.
            forwarded = ",".join(connection.headers.getlist("x-forwarded-for")).rpartition(",")[2].strip()
            if forwarded:
                return network_of(forwarded)
        return network_of(connection.client.host if connection.client else "")

    def find_customer_presence(self, conversation_id: uuid.UUID, channel: str) -> bool | None:
        """Return whether a conversation's customer is here now; None on a channel that does not tell."""
        if self.channels.get_traits(channel).pushes:
            return None
        return self.presence.is_here(Kind.CUSTOMER, conversation_id)


def get_services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services
