"""Whether people are there for a customer who is handed to them, and when they are back."""

from __future__ import annotations

from datetime import datetime

from handoff.clock import Clock, utc_now
from handoff.presence import Kind, Presence
from locales.markets import Market
from locales.support_hours import SupportHours


class Team:
    """The agents: at work in their market's hours, and whenever one of them is at the console."""

    def __init__(self, presence: Presence, *, keeps_hours: bool, clock: Clock = utc_now) -> None:
        self._presence = presence
        self._keeps_hours = keeps_hours
        self._clock = clock

    def find_return(self, market: Market) -> datetime | None:
        """Return when the team is back, in the market's time zone; None when it is there or never away."""
        if not self._keeps_hours or self._presence.list_here(Kind.AGENT):
            return None
        hours, now = SupportHours.of_market(market), self._clock()
        return None if hours.is_open(now) else hours.find_next_opening(now)
