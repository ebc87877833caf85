"""What endpoints, sockets and pages need of the running service."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request
from starlette.requests import HTTPConnection

from handoff.bot_client import BotClient
from handoff.bus import Bus
from handoff.channels.registry import ChannelRegistry
from handoff.database import Database
from handoff.rate_limits import RateLimits
from handoff.settings import Settings


@dataclass(frozen=True)
class Services:
    settings: Settings
    database: Database
    bus: Bus
    bot: BotClient
    channels: ChannelRegistry
    limits: RateLimits

    def address_of(self, connection: HTTPConnection) -> str:
        """Return the client's address; behind a trusted proxy the one that it reports."""
        if self.settings.trust_proxy:
            forwarded = connection.headers.get("x-forwarded-for", "").split(",")[-1].strip()
            if forwarded:
                return forwarded
        return connection.client.host if connection.client else "unknown"


def get_services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services
