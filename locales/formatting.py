"""Money, dates, durations, lists and hours as the customer's locale writes them (Babel, CLDR)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, dates, lists, numbers

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class UnknownValueError(ValueError):
    """A value is written in none of the ways that data/shop.yml explains."""


def format_money(minor_units: int, currency: str, locale: str) -> str:
    """Format an amount given in minor units (cents; none for VND)."""
    digits = numbers.get_currency_precision(currency)
    return numbers.format_currency(minor_units / 10**digits, currency, locale=locale)


def format_days(days: int, locale: str) -> str:
    # Not units.format_unit: it finds no long form where CLDR's long equals its short one (it, vi, nl …).
    return dates.format_timedelta(timedelta(days=days), granularity="day", threshold=10_000, locale=locale)


def format_range(first: int, last: int, locale: str) -> str:
    if first == last:
        return numbers.format_decimal(first, locale=locale)
    return f"{numbers.format_decimal(first, locale=locale)}–{numbers.format_decimal(last, locale=locale)}"


def format_list(items: Sequence[str], locale: str) -> str:
    return lists.format_list(list(items), locale=locale)


def format_date(day: date, locale: str) -> str:
    """Format a calendar day with its weekday, without the year: "lunedì 24 novembre"."""
    return dates.format_skeleton("MMMMEEEEd", day, locale=locale)


def format_datetime(moment: datetime, locale: str, timezone: str) -> str:
    """Format an aware moment in the given IANA time zone.

    Raises:
        ValueError: `moment` is naive.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone (aware UTC)")
    return dates.format_datetime(moment, "short", tzinfo=ZoneInfo(timezone), locale=locale)


def format_hours(hours: dict[str, str], locale: str) -> str:
    """Format opening hours such as {"mon-fri": "09:00-18:00", "sat": "10:00-16:00"}."""
    day_names = Locale.parse(locale).days["stand-alone"]["abbreviated"]
    parts = []
    for span, clock in hours.items():
        names = [day_names[WEEKDAYS.index(day)] for day in span.split("-")]
        opens, closes = (
            dates.format_time(time.fromisoformat(value), "short", locale=locale) for value in clock.split("-")
        )
        parts.append(f"{'–'.join(names)} {opens}–{closes}")
    return "; ".join(parts)


def format_value(value: dict[str, Any], locale: str, currency: str) -> str:
    """Format one typed value, written as data/shop.yml explains ({"money": 495}, {"days": 30} …).

    `{"date": "2026-11-24"}` (ISO 8601) is known as well, for what actions pass on.

    Raises:
        UnknownValueError: The value is of no known type.
    """
    if len(value) != 1:
        raise UnknownValueError(f"a value has one type, not {sorted(value)}")
    (kind, raw), *_ = value.items()
    if kind in ("text", "choice"):
        return str(raw)
    if kind == "number":
        return numbers.format_decimal(raw, locale=locale)
    if kind == "percent":
        return numbers.format_percent(raw / 100, locale=locale)
    if kind == "money":
        return format_money(raw, currency, locale)
    if kind == "days":
        return format_days(raw, locale)
    if kind == "range":
        return format_range(raw[0], raw[1], locale)
    if kind == "list":
        return format_list(raw, locale)
    if kind == "date":
        return format_date(date.fromisoformat(raw), locale)
    if kind == "country":
        return str(Locale.parse(locale).territories.get(raw, raw))
    if kind == "hours":
        return format_hours(raw, locale)
    raise UnknownValueError(f"{kind!r} is no type of value (data/shop.yml lists them)")
