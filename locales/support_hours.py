"""When support is there: the opening hours of data/shop.yml as a calendar in the market's time zone.

Wall-clock times stay what they are when summer time begins or ends. A day whose closing time is not after its
opening time ends on the next day: "18:00-02:00", and "00:00-00:00" for the whole day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from locales.formatting import WEEKDAYS
from locales.markets import Market

SUPPORT_HOURS = "support_hours"


class OpeningHoursError(ValueError):
    """Hours are not written as data/shop.yml explains."""


@dataclass(frozen=True)
class SupportHours:
    """Opening hours; `spans` maps a weekday (0 is Monday) to opening and closing, on the market's clock."""

    zone: ZoneInfo
    spans: dict[int, tuple[time, time]]

    @classmethod
    def of_market(cls, market: Market) -> SupportHours:
        """Return the hours of a market.

        Raises:
            OpeningHoursError: Its `support_hours` are not written as data/shop.yml explains.
        """
        return cls.parse(market.facts[SUPPORT_HOURS].get("hours", {}), market.timezone)

    @classmethod
    def parse(cls, hours: dict[str, str], timezone: str) -> SupportHours:
        """Return the hours written as {"mon-fri": "09:00-18:00", "sat": "22:00-02:00"}.

        Raises:
            OpeningHoursError: A day or a time cannot be read, or a day stands twice.
        """
        spans: dict[int, tuple[time, time]] = {}
        for days, clock in hours.items():
            try:
                first, last = (WEEKDAYS.index(day) for day in (days.split("-") * 2)[:2])
                opens, closes = (time.fromisoformat(value) for value in clock.split("-"))
            except ValueError as error:
                raise OpeningHoursError(f"{days!r}: {clock!r} are no opening hours: {error}") from error
            for offset in range((last - first) % 7 + 1):
                day = (first + offset) % 7
                if day in spans:
                    raise OpeningHoursError(f"{WEEKDAYS[day]} stands twice in {hours}")
                spans[day] = opens, closes
        return cls(ZoneInfo(timezone), spans)

    def is_open(self, moment: datetime) -> bool:
        """Return whether somebody is there at an aware moment."""
        # Yesterday's hours may reach into today.
        return any(
            opens <= moment < closes for opens, closes in self._openings(moment, since_days=-1, days=2)
        )

    def find_next_opening(self, moment: datetime) -> datetime | None:
        """Return the first opening after an aware moment, in the market's time zone, or None."""
        opening = next(
            (opens for opens, _ in self._openings(moment, since_days=0, days=8) if opens > moment), None
        )
        return opening.astimezone(self.zone) if opening else None

    def _openings(
        self, moment: datetime, *, since_days: int, days: int
    ) -> Iterator[tuple[datetime, datetime]]:
        """Return opening and closing, in UTC, of the days around a moment."""
        first = moment.astimezone(self.zone).date() + timedelta(days=since_days)
        for day in (first + timedelta(days=number) for number in range(days)):
            if day.weekday() in self.spans:
                opens, closes = self.spans[day.weekday()]
                last = day if closes > opens else day + timedelta(days=1)
                yield self._at(day, opens), self._at(last, closes)

    def _at(self, day: date, clock: time) -> datetime:
        # In UTC: two moments of one zone are compared by their wall clocks, which summer time sets back.
        return datetime.combine(day, clock, self.zone).astimezone(UTC)
