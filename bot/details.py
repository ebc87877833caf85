"""Finds order numbers and e-mail addresses in a text. Pure functions, no model."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.learning.text import EMAIL, URL

ORDER_NUMBER = "order_number"
EMAIL_ENTITY = "email"

# A number may have letters in front ("TM-48213", "TM 48213"), a "#" before all, and parts joined by hyphens.
# Slashes, dots, commas and colons make dates, prices and times, which are no order numbers.
_CANDIDATE = re.compile(
    r"(?<![\w@./:,+-])#?\s?(?:[A-Za-z]{1,6}-?|[A-Z]{2,4}\s)?\d[\dA-Za-z]*(?:-[\dA-Za-z]+)*(?![\w@]|[./:,]\d)"
)
# These are order numbers whatever else is said: "#2291", "TM-482", "TM60213".
_MARKED = re.compile(r"#|[A-Za-z]{2,6}-\d|[A-Za-z]{2,4}\s?\d{4}")
# What is written before a number that is an order's, in so many languages that it needs no catalogue.
_ABBREVIATION = re.compile(r"(?:^|[\s(])(?:#|n[°º.]?|nr\.?|no\.?|ord\.?|num\.?|№)\s*$", re.IGNORECASE)
_CURRENCY = (
    r"[$€£¥₪₫฿₹₩₽円元块圆]|(?:eur|usd|gbp|ils|nis|vnd|chf|brl|jpy|cny|rmb|sar|aed|egp)\b|đ\b|日元|日圆|人民币"
    r"|(?:euros?|pounds?|shekels?|reais|real|yen|yuan|riyals?)\b|ريال|ر\.س|درهم|دينار|جنيه"
)
_CURRENCY_BEFORE = re.compile(rf"(?:{_CURRENCY})\s?$", re.IGNORECASE)
_CURRENCY_AFTER = re.compile(rf"\s?(?:{_CURRENCY})", re.IGNORECASE)
_PHONE = re.compile(r"(?:\+|\b00)\d[\d\s().-]{6,}\d|\b0\d[\d\s().-]{7,}\d")
_DATE = re.compile(r"\b\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b")
_YEAR = re.compile(r"(?:19|20)\d\d")
_SHORT_RANGE = re.compile(r"\d{1,2}-\d{1,2}")

# Chinese, Japanese and Thai put no spaces around a number: 48213です.
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff]")

# A bare number is taken for an order number from so many digits on …
_BARE_DIGITS = 4
# … up to so many: longer ones are phone, card or tracking numbers.
_MOST_DIGITS = 10
# What the bot has asked for may be shorter, but "2" is still an amount.
_ASKED_DIGITS = 3


@dataclass(frozen=True)
class Detail:
    """A part of the text, `text[start:end]`, and its value in one normal form."""

    entity: str
    start: int
    end: int
    value: str


def find_details(text: str, expecting: str | None = None) -> list[Detail]:
    """Return the e-mail addresses and order numbers of a text, in order.

    Args:
        text: As the customer wrote it.
        expecting: What the bot has just asked for; a short bare number is an order number only then.
    """
    plain = _plain(text)
    spaced = plain if plain.isascii() else _UNSPACED.sub(" ", plain)
    emails = list(_find_emails(spaced))
    numbers = _find_order_numbers(spaced, plain, emails, asked=expecting == ORDER_NUMBER)
    return sorted([*emails, *numbers], key=lambda detail: detail.start)


def normalise_order_number(written: str) -> str:
    """Return the number without "#", in upper case, hyphens for spaces ("#tm 48213" → "TM-48213")."""
    return "-".join(unicodedata.normalize("NFKC", written).upper().lstrip("# ").split())


def _plain(text: str) -> str:
    """Return text with full-width and other digits and letters made ASCII, every offset unchanged."""
    return text if text.isascii() else "".join(map(_plain_char, text))


def _plain_char(char: str) -> str:
    if char.isascii():
        return char
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    if char in "‐‑‒–—־":
        # Autocorrect makes hyphens longer.
        return "-"
    folded = unicodedata.normalize("NFKC", char)
    return folded if len(folded) == 1 else char


def _find_emails(text: str) -> Iterator[Detail]:
    if "@" in text:
        for match in EMAIL.finditer(text):
            yield Detail(EMAIL_ENTITY, match.start(), match.end(), match.group().lower())


def _find_order_numbers(
    text: str, unspaced: str, emails: Sequence[Detail], *, asked: bool
) -> Iterator[Detail]:
    candidates = list(_CANDIDATE.finditer(text))
    if not candidates:
        return
    others = [(detail.start, detail.end) for detail in emails]
    others += [match.span() for pattern in (_PHONE, _DATE, URL) for match in pattern.finditer(text)]
    for match in candidates:
        end = match.end()
        written = match.group().lstrip()
        start = end - len(written)
        if any(start < stop and begin < end for begin, stop in others):
            continue
        if _CURRENCY_BEFORE.search(unspaced[:start]) or _CURRENCY_AFTER.match(unspaced[end:]):
            continue
        if _is_order_number(written, marked=_is_marked(text, start, written), asked=asked):
            yield Detail(ORDER_NUMBER, start, end, normalise_order_number(written))


def _is_marked(text: str, start: int, written: str) -> bool:
    return bool(_MARKED.match(written) or _ABBREVIATION.search(text[:start]))


def _is_order_number(written: str, *, marked: bool, asked: bool) -> bool:
    digits = sum(char.isdigit() for char in written)
    if not _ASKED_DIGITS <= digits <= _MOST_DIGITS:
        return False
    if marked:
        return True
    if not written.replace("-", "").isdigit():
        # "90x200", "100ml", "iphone15": sizes, amounts, names of things.
        return False
    if asked:
        return True
    return digits >= _BARE_DIGITS and not _YEAR.fullmatch(written) and not _SHORT_RANGE.fullmatch(written)
