"""A handoff in a few sentences, in the agent's language, composed of the packet's facts alone."""

from __future__ import annotations

from typing import Any

from handoff.queue.labels import find_title, name_status
from handoff.rendering import isolate
from locales import catalogue
from locales.formatting import format_list
from locales.languages import display_name, get_language


def compose_summary(packet: dict[str, Any], language: str) -> str:
    """Return who it is, which order, what was asked and answered, and what is open.

    Takes what `describe_conversation` gives as well; it then says no reason.

    Raises:
        locales.languages.UnknownLanguageError: The shop has no such language.
    """
    facts = packet["facts"]
    locale, direction = get_language(language).locale, get_language(language).direction

    def sentence(key: str, **values: str) -> str:
        isolated = {name: isolate(value, direction) for name, value in values.items()}
        return catalogue.text("service", f"summary.{key}", language, **isolated)

    sentences = [
        sentence(
            "customer_verified" if facts["is_verified"] else "customer",
            customer=facts["customer"] or sentence("somebody"),
            language=display_name(packet["language"]["current"], language),
        ),
    ]
    if "reason" in packet:
        sentences.append(sentence(f"reason_{packet['reason']}"))
    for order in packet["orders"]:
        status = name_status(order["status"], language)
        sentences.append(sentence("order", number=order["number"], status=status))
    if facts["order_number"] and not packet["orders"]:
        sentences.append(sentence("order_unverified", number=facts["order_number"]))
    asked = _titles(facts["asked"], language)
    if asked:
        sentences.append(sentence("asked", topics=format_list(asked, locale)))
    still_open = _titles([entry for entry in facts["asked"] if not entry["answered"]], language)
    if still_open:
        sentences.append(sentence("open", topics=format_list(still_open, locale)))
    if facts["last_message"]:
        sentences.append(sentence("last_message", text=_shorten(facts["last_message"])))
    return " ".join(sentences)


def _titles(asked: list[dict[str, Any]], language: str) -> list[str]:
    """Return each topic once, as the agent calls it."""
    titles = [find_title(entry["label"], language) or entry["title"] or entry["label"] for entry in asked]
    # Some are questions, whose mark would end the sentence twice.
    return list(dict.fromkeys(title.rstrip("?؟？. ") for title in titles))


def _shorten(text: str, limit: int = 160) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"
