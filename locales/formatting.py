"""Money, dates, durations, lists and hours as the customer's locale writes them (Babel, CLDR)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import copy
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from babel import Locale, dates, lists, numbers

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


# Not "hie": its i is a consonant.
_BEGINS_WITH_I = re.compile(r"h?[ií](?!e)", re.IGNORECASE)


class UnknownValueError(ValueError):
    """A value is written in none of the ways that data/shop.yml explains."""


def format_money(minor_units: int, currency: str, locale: str) -> str:
    """Format an amount given in minor units (cents; none for VND); whole amounts without decimals."""
    per_unit = 10 ** numbers.get_currency_precision(currency)
    pattern = copy(Locale.parse(locale).currency_formats["standard"])
    if minor_units % per_unit:
        return str(pattern.apply(Decimal(minor_units) / per_unit, locale, currency=currency))
    pattern.frac_prec = (0, 0)
    whole = Decimal(minor_units // per_unit)
    return str(pattern.apply(whole, locale, currency=currency, currency_digits=False))


# In Hebrew the numeral "one" stands behind its noun and agrees with it, and "two" is an ending; CLDR writes
# "1 יום", and "2 שנים".
_HEBREW = {
    (1, "minute"): "דקה אחת", (2, "minute"): "שתי דקות", (1, "hour"): "שעה אחת", (2, "hour"): "שעתיים",
    (1, "day"): "יום אחד", (2, "day"): "יומיים", (1, "year"): "שנה אחת", (2, "year"): "שנתיים",
}  # fmt: skip
_SECONDS = {"minute": 60, "hour": 3600, "day": 86_400, "year": 365 * 86_400}


def _format_duration(count: int, unit: Literal["minute", "hour", "day", "year"], locale: str) -> str:
    if locale.startswith("he") and (count, unit) in _HEBREW:
        return _HEBREW[count, unit]
    # Not units.format_unit: it finds no long form where CLDR's long equals its short one (it, vi, nl …).
    text = dates.format_timedelta(
        timedelta(seconds=count * _SECONDS[unit]), granularity=unit, threshold=10_000, locale=locale
    )
    # Japanese writes no spaces: 30日, not 30 日.
    return text.replace(" ", "") if locale.startswith("ja") else text


def format_days(days: int, locale: str) -> str:
    if locale.startswith("he") and days > 10:
        # From eleven on Hebrew counts in the singular; CLDR does not say so any more.
        return f"{days} יום"
    return _format_duration(days, "day", locale)


def format_minutes(minutes: int, locale: str) -> str:
    """Format a duration; one of whole hours as hours: "90 minuti", "2 ore"."""
    return _format_duration(*((minutes, "minute") if minutes % 60 else (minutes // 60, "hour")), locale)


def format_years(years: int, locale: str) -> str:
    return _format_duration(years, "year", locale)


def format_range(first: int, last: int, locale: str) -> str:
    if first == last:
        return numbers.format_decimal(first, locale=locale)
    return f"{numbers.format_decimal(first, locale=locale)}–{numbers.format_decimal(last, locale=locale)}"


def format_list(items: Sequence[str], locale: str) -> str:
    if locale.startswith("he") and len(items) > 1 and not "א" <= items[-1][0] <= "ת":
        # "and" is a prefix in Hebrew; before another script it takes a hyphen: ו־PayPal.
        items = [*items[:-1], f"־{items[-1]}"]
    text = lists.format_list(list(items), locale=locale)
    if locale.startswith("es") and len(items) > 1 and _BEGINS_WITH_I.match(items[-1]):
        # "y" becomes "e" before the sound i: Correos e InPost.
        text = f"{text.removesuffix(f' y {items[-1]}')} e {items[-1]}"
    return text


def format_date(day: date, locale: str) -> str:
    """Format a calendar day with its weekday, without the year: "lunedì 24 novembre"."""
    # Where CLDR has no pattern for the full month, that for the short one serves; weekdays are short in both.
    skeletons = Locale.parse(locale).datetime_skeletons
    short = (skeletons["MMMMEd"] if "MMMMEd" in skeletons else skeletons["MMMEd"]).pattern
    full = re.sub(r"(?<!M)M{2,3}(?!M)", "MMMM", re.sub(r"E+|c+", "EEEE", short))
    return dates.format_date(day, full, locale=locale)


def format_datetime(moment: datetime, locale: str, timezone: str) -> str:
    """Format an aware moment in the given IANA time zone.

    Raises:
        ValueError: `moment` is naive.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone (aware UTC)")
    return dates.format_datetime(moment, "short", tzinfo=ZoneInfo(timezone), locale=locale)


def format_time(moment: time, locale: str) -> str:
    return dates.format_time(moment, "short", locale=locale)


def format_hours(hours: dict[str, str], locale: str, timezone: str | None = None) -> str:
    """Format opening hours such as {"mon-fri": "09:00-18:00"}, with the city whose time it is.

    `timezone` is an IANA name.
    """
    # Hebrew's abbreviated days repeat the word "day": א׳–ה׳ says it.
    width = "narrow" if locale.startswith("he") else "abbreviated"
    day_names = Locale.parse(locale).days["stand-alone"][width]
    parts = []
    for span, clock in hours.items():
        names = [day_names[WEEKDAYS.index(day)] for day in span.split("-")]
        opens, closes = (format_time(time.fromisoformat(value), locale) for value in clock.split("-"))
        parts.append(f"{'–'.join(names)} {opens}–{closes}")
    city = f" ({dates.get_timezone_location(timezone, locale=locale, return_city=True)})" if timezone else ""
    return ("؛ " if locale.startswith("ar") else "; ").join(parts) + city


def format_value(value: dict[str, Any], locale: str, currency: str, timezone: str | None = None) -> str:
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
    if kind == "minutes":
        return format_minutes(raw, locale)
    if kind == "years":
        return format_years(raw, locale)
    if kind == "time":
        return format_time(time.fromisoformat(raw), locale)
    if kind == "country":
        return _name_of_country(raw, locale)
    if kind == "countries":
        return format_list([_name_of_country(code, locale) for code in raw], locale)
    if kind == "languages":
        return format_list([str(Locale.parse(locale).languages.get(tag, tag)) for tag in raw], locale)
    if kind == "currency":
        return numbers.get_currency_name(raw, locale=locale)
    if kind == "hours":
        return format_hours(raw, locale, timezone)
    raise UnknownValueError(f"{kind!r} is no type of value (data/shop.yml lists them)")


def _name_of_country(code: str, locale: str) -> str:
    return str(Locale.parse(locale).territories.get(code, code))
