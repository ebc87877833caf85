"""Support's hours: time zones, summer time, midnight. [chatwoot#2882, #5254]"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from locales.markets import list_markets
from locales.support_hours import OpeningHoursError, SupportHours

OFFICE = {"mon-fri": "09:00-18:00"}
BAR = {"fri-sat": "18:00-02:00"}


def at(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("moment", "is_open", "opens"),
    [
        ("2026-11-27 08:59", False, "2026-11-27 09:00"),
        ("2026-11-27 09:00", True, "2026-11-30 09:00"),
        ("2026-11-27 17:59", True, "2026-11-30 09:00"),
        ("2026-11-27 18:00", False, "2026-11-30 09:00"),
        ("2026-11-28 12:00", False, "2026-11-30 09:00"),
        ("2026-11-30 00:00", False, "2026-11-30 09:00"),
    ],
)
def test_office_hours_and_the_weekend(moment: str, is_open: bool, opens: str) -> None:
    hours = SupportHours.parse(OFFICE, "Europe/Rome")
    asked = at(moment, "Europe/Rome").astimezone(UTC)
    assert hours.is_open(asked) is is_open
    assert hours.find_next_opening(asked) == at(opens, "Europe/Rome")


@pytest.mark.parametrize(
    ("utc", "is_open"),
    [
        # Rome is two hours ahead of UTC in summer, one in winter; the clocks change on 29 March, 25 October.
        ("2026-03-27 07:30", False),
        ("2026-03-27 08:00", True),
        ("2026-03-30 06:59", False),
        ("2026-03-30 07:00", True),
        ("2026-03-30 16:00", False),
        ("2026-10-23 07:00", True),
        ("2026-10-26 07:30", False),
        ("2026-10-26 08:00", True),
        ("2026-10-26 16:59", True),
    ],
)
def test_hours_follow_summer_time(utc: str, is_open: bool) -> None:
    assert SupportHours.parse(OFFICE, "Europe/Rome").is_open(at(utc, "UTC")) is is_open


def test_next_opening_over_the_change_of_the_clocks_is_at_the_hour_that_the_shop_names() -> None:
    hours = SupportHours.parse(OFFICE, "Europe/Rome")
    opening = hours.find_next_opening(at("2026-10-24 12:00", "UTC"))
    assert opening is not None
    assert opening.isoformat() == "2026-10-26T09:00:00+01:00"


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-27 17:59", False),
        ("2026-11-27 23:59", True),
        ("2026-11-28 00:00", True),
        ("2026-11-28 01:59", True),
        ("2026-11-28 02:00", False),
        # Saturday's hours end on Sunday, which has none of its own.
        ("2026-11-29 01:30", True),
        ("2026-11-29 02:00", False),
        # Thursday has none, so nothing reaches into Friday.
        ("2026-11-27 01:00", False),
    ],
)
def test_hours_cross_midnight(moment: str, is_open: bool) -> None:
    hours = SupportHours.parse(BAR, "America/Sao_Paulo")
    assert hours.is_open(at(moment, "America/Sao_Paulo")) is is_open


@pytest.mark.parametrize(
    ("utc", "is_open"),
    [
        # In the night of 24 to 25 October London has the hour from one to two twice: both count.
        ("2026-10-25 00:30", True),
        ("2026-10-25 01:30", True),
        ("2026-10-25 02:00", False),
        # In the night of 28 to 29 March it has none: two o'clock comes after an hour less.
        ("2026-03-29 00:59", True),
        ("2026-03-29 01:00", False),
    ],
)
def test_hours_over_midnight_in_the_night_when_the_clocks_change(utc: str, is_open: bool) -> None:
    assert SupportHours.parse(BAR, "Europe/London").is_open(at(utc, "UTC")) is is_open


def test_week_that_begins_on_sunday_and_round_the_clock() -> None:
    israel = SupportHours.parse({"sun-thu": "09:00-17:00", "fri": "09:00-13:00"}, "Asia/Jerusalem")
    assert israel.is_open(at("2026-11-29 10:00", "Asia/Jerusalem"))
    assert israel.find_next_opening(at("2026-11-27 13:00", "Asia/Jerusalem")) == at(
        "2026-11-29 09:00", "Asia/Jerusalem"
    )
    always = SupportHours.parse({"mon-sun": "00:00-00:00"}, "Asia/Tokyo")
    assert always.is_open(at("2026-11-29 00:00", "Asia/Tokyo"))
    assert always.is_open(at("2026-11-29 23:59", "Asia/Tokyo"))


def test_no_hours_at_all() -> None:
    hours = SupportHours.parse({}, "Europe/Rome")
    assert not hours.is_open(at("2026-11-27 12:00", "Europe/Rome"))
    assert hours.find_next_opening(at("2026-11-27 12:00", "Europe/Rome")) is None


@pytest.mark.parametrize(
    "hours",
    [
        {"mo-fr": "09:00-18:00"},
        {"mon": "9-18"},
        {"mon": "09:00"},
        {"mon": "09:00-24:30"},
        {"mon-fri": "09:00-18:00", "fri": "10:00-12:00"},
    ],
)
def test_hours_that_cannot_be_read_are_named(hours: dict[str, str]) -> None:
    with pytest.raises(OpeningHoursError, match=r"mo|fri"):
        SupportHours.parse(hours, "Europe/Rome")


@pytest.mark.parametrize("market", list_markets(), ids=lambda market: str(market.code))
def test_hours_of_every_market_can_be_read(market) -> None:
    opening = SupportHours.of_market(market).find_next_opening(datetime(2026, 11, 28, tzinfo=UTC))
    assert opening is not None
    assert opening.tzinfo == ZoneInfo(market.timezone)
