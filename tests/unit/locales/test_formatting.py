"""Money, days, hours and lists read as they do in the customer's country."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from locales import formatting
from locales.formatting import UnknownValueError, format_value


def _plain(text: str) -> str:
    """Return text with ordinary spaces and without direction marks."""
    return text.replace("\u00a0", " ").replace("\u202f", " ").replace("\u200f", "")


@pytest.mark.parametrize(
    ("minor_units", "currency", "locale", "expected"),
    [
        (490, "EUR", "it_IT", "4,90 €"),
        (5900, "EUR", "it_IT", "59 €"),
        (395, "GBP", "en_GB", "£3.95"),
        (35000, "VND", "vi_VN", "35.000 ₫"),
        (29900, "ILS", "he_IL", "299 ₪"),
        (123456, "EUR", "nl_NL", "€ 1.234,56"),
    ],
)
def test_money(minor_units: int, currency: str, locale: str, expected: str) -> None:
    assert _plain(formatting.format_money(minor_units, currency, locale)) == expected


@pytest.mark.parametrize(
    ("days", "locale", "expected"),
    [
        (1, "it_IT", "1 giorno"),
        (30, "it_IT", "30 giorni"),
        (7, "vi_VN", "7 ngày"),
        (7, "he_IL", "7 ימים"),
        (30, "he_IL", "30 יום"),
        (365, "nl_NL", "365 dagen"),
        (1, "he_IL", "יום אחד"),
        (30, "ja_JP", "30日"),
        (30, "zh_Hans_CN", "30天"),
        (2, "ar_SA", "يومان"),
    ],
)
def test_days_stay_days(days: int, locale: str, expected: str) -> None:
    assert formatting.format_days(days, locale) == expected


@pytest.mark.parametrize(
    ("value", "locale", "expected"),
    [
        ({"minutes": 30}, "it_IT", "30 minuti"),
        ({"minutes": 60}, "it_IT", "1 ora"),
        ({"minutes": 120}, "de_DE", "2 Stunden"),
        ({"minutes": 90}, "en_GB", "90 minutes"),
        ({"minutes": 60}, "he_IL", "שעה אחת"),
        ({"years": 2}, "fr_FR", "2 ans"),
        ({"years": 1}, "he_IL", "שנה אחת"),
        ({"years": 2}, "he_IL", "שנתיים"),
        ({"years": 3}, "ar_SA", "3 سنوات"),
        ({"years": 1}, "ja_JP", "1年"),
        ({"time": "14:00"}, "it_IT", "14:00"),
        ({"time": "14:00"}, "ar_SA", "2:00 م"),
        ({"countries": ["GB", "IT"]}, "fr_FR", "Royaume-Uni et Italie"),
        ({"languages": ["en", "he"]}, "nl_NL", "Engels en Hebreeuws"),
        ({"currency": "SAR"}, "es_ES", "rial saudí"),
    ],
)
def test_durations_names_and_times(value: dict[str, object], locale: str, expected: str) -> None:
    assert _plain(format_value(value, locale, "EUR")) == expected


def test_hours_name_the_city_whose_time_it_is() -> None:
    hours = {"sun-thu": "09:00-17:00", "fri": "09:00-13:00"}
    assert (
        formatting.format_hours(hours, "he_IL", "Asia/Jerusalem")
        == "א׳–ה׳ 9:00–17:00; ו׳ 9:00–13:00 (ירושלים)"
    )
    assert formatting.format_hours({"mon-fri": "09:00-18:00"}, "it_IT") == "lun–ven 09:00–18:00"


def test_hebrew_and_takes_a_hyphen_before_another_script() -> None:
    assert formatting.format_list(["ביט", "PayPal"], "he_IL") == "ביט ו־PayPal"
    assert formatting.format_list(["PayPal", "ביט"], "he_IL") == "PayPal וביט"


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (["Correos", "InPost"], "Correos e InPost"),
        (["SEUR", "Correos", "Hilos"], "SEUR, Correos e Hilos"),
        (["Correos", "Hielo"], "Correos y Hielo"),
        (["InPost", "Correos"], "InPost y Correos"),
        (["InPost"], "InPost"),
    ],
)
def test_spanish_and_changes_before_the_sound_i(items: list[str], expected: str) -> None:
    assert formatting.format_list(items, "es_ES") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"text": "Tamarind"}, "Tamarind"),
        ({"number": 2}, "2"),
        ({"range": [2, 4]}, "2–4"),
        ({"range": [3, 3]}, "3"),
        ({"country": "NL"}, "Paesi Bassi"),
        ({"percent": 22}, "22%"),
        ({"date": "2026-11-24"}, "martedì 24 novembre"),
    ],
)
def test_every_type_of_value(value: dict[str, object], expected: str) -> None:
    assert _plain(format_value(value, "it_IT", "EUR")) == expected


@pytest.mark.parametrize("value", [{"moneys": 1}, {}, {"days": 1, "number": 2}])
def test_unknown_type_of_value_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(UnknownValueError):
        format_value(value, "it_IT", "EUR")


def test_naive_moment_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        formatting.format_datetime(datetime(2026, 1, 1), "it_IT", "Europe/Rome")  # noqa: DTZ001
    shown = formatting.format_datetime(datetime(2026, 7, 1, 10, tzinfo=UTC), "it_IT", "Europe/Rome")
    assert "12:00" in shown


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("en_GB", "Tuesday 24 November"),
        ("en_US", "Tuesday, November 24"),
        ("en_IT", "Tuesday, 24 November"),
        ("he_IL", "יום שלישי, 24 בנובמבר"),
        ("vi_VN", "Thứ Ba, 24 tháng 11"),
        ("nl_NL", "dinsdag 24 november"),
        ("de_DE", "Dienstag, 24. November"),
        ("es_ES", "martes, 24 de noviembre"),
        ("pt_BR", "terça-feira, 24 de novembro"),
        ("ja_JP", "11月24日(火曜日)"),
        ("zh_Hans_CN", "11月24日星期二"),
        ("ar_SA", "الثلاثاء، 24 نوفمبر"),
    ],
)
def test_date_has_its_weekday_and_no_abbreviation(locale: str, expected: str) -> None:
    assert formatting.format_date(date(2026, 11, 24), locale) == expected
