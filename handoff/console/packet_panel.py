"""The right column: the handoff packet, as far as there is something to show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from babel import numbers

from handoff.console.elements import Moment, Tag, web_address
from handoff.console.views import ConversationView
from handoff.console.words import Words
from handoff.queue.labels import name_status
from handoff.queue.models import Reason
from handoff.queue.repository import OPEN_STATES
from handoff.queue.summary import compose_summary
from locales.formatting import format_date, format_list, format_money

SHOWN_MOODS = 24
MOOD_MARKS = {"positive": "▲", "neutral": "●", "negative": "▼"}
SECTIONS = (
    "summary",
    "reason",
    "contact",
    "orders",
    "asked",
    "mood",
    "language",
    "channel",
    "handoffs",
    "earlier",
)


class PacketPanel:
    """Shows a conversation's packet; `address` gives the link to another conversation.

    A section is built anew only when what it shows has changed: whoever reads in it is not disturbed.
    """

    def __init__(self, words: Words, parent: Tag, address: Callable[[str], str]) -> None:
        self._words = words
        self._locale = words.language.locale
        self._address = address
        self._shown: dict[str, Any] = dict.fromkeys(SECTIONS)
        with parent:
            self._sections = {name: Tag("section", f"packet-{name}", hidden=True) for name in SECTIONS}

    def clear(self) -> None:
        for name in SECTIONS:
            self._show(name, None, _build_nothing)

    def show(self, view: ConversationView) -> None:
        packet, facts = view.packet, view.packet["facts"]
        has_waited = packet.get("reason", Reason.STEPPED_IN) != Reason.STEPPED_IN
        reason = {key: packet[key] for key in ("reason", "priority")} if has_waited else None
        contact = {
            **packet["contact"],
            **{key: facts[key] for key in ("customer", "is_verified", "email")},
            # Where there are orders, one that was only named says nothing new.
            "order_number": None if packet["orders"] else facts["order_number"],
            "entities": packet["entities"],
        }
        asked = {
            "asked": facts["asked"],
            "shown": packet["articles_shown"],
            "suggested": packet["suggestions"]["articles"],
        }
        self._show("summary", compose_summary(packet, self._words.language.tag), self._build_summary)
        self._show("reason", reason, self._build_reason)
        self._show("contact", contact, self._build_contact)
        self._show("orders", packet["orders"], self._build_orders)
        self._show("asked", asked if any(asked.values()) else None, self._build_asked)
        self._show("mood", packet["mood"][-SHOWN_MOODS:], self._build_mood)
        self._show("language", packet["language"], self._build_language)
        self._show("channel", packet["channel"], self._build_channel)
        self._show("handoffs", _ended_handoffs(view), self._build_handoffs)
        self._show("earlier", packet["earlier_conversations"], self._build_earlier)

    def _show(self, name: str, data: Any, build: Callable[[Any], None]) -> None:
        if data == self._shown[name]:
            return
        self._shown[name] = data
        section = self._sections[name]
        section.clear()
        section.show(bool(data))
        if data:
            with section:
                Tag("h3", text=self._words(f"packet.{name}"))
                build(data)

    def _build_summary(self, summary: str) -> None:
        Tag("p", "summary", summary)

    def _build_reason(self, data: dict[str, Any]) -> None:
        level = data["priority"]["level"]
        with Tag("p", "tags"):
            Tag("span", f"priority priority-{level}", self._words(f"priority.{level}"))
            Tag("span", text=self._words(f"reason.{data['reason']}"))
        why = format_list([self._why(key) for key in data["priority"]["why"]], self._locale)
        Tag("p", "quiet", self._words("packet.priority_why", why=why))

    def _why(self, key: str) -> str:
        kind, _, value = key.partition(":")
        return self._words(f"reason.{value}") if kind == "reason" else self._words.find(f"why.{key}", key)

    def _build_contact(self, contact: dict[str, Any]) -> None:
        with Tag("p", "tags"):
            name = contact["name"] or contact["customer"] or self._words("packet.nameless")
            Tag("b", text=name, dir="auto")
            key = "verified" if contact["is_verified"] else "unverified"
            Tag("span", key, self._words(f"packet.{key}"))
        with Tag("dl"):
            self._pair("email", contact["email"])
            self._pair("customer_id", contact["vendor_contact_id"])
            self._pair("order_number", contact["order_number"])
            self._pair("market", contact["market"])
            self._pair("page", contact["page"])
            said = (contact["email"], contact["order_number"])
            for kind, value in dict.fromkeys((e["entity"], e["value"]) for e in contact["entities"]):
                if value not in said:
                    self._named(self._words.find(f"entity.{kind}", kind), value)

    def _build_orders(self, orders: list[dict[str, Any]]) -> None:
        for order in orders:
            with Tag("div", "order"):
                self._build_order(order)

    def _build_order(self, order: dict[str, Any]) -> None:
        words = self._words
        with Tag("p", "tags"):
            Tag("b", text=order["number"], dir="ltr")
            status = str(order["status"])
            Tag("span", f"status status-{status}", name_status(status, words.language.tag))
        with Tag("dl"):
            self._pair("expected", self._day(order.get("expected_on")))
            self._pair("placed", self._day(order.get("placed_at")))
            if order.get("total") is not None and order.get("currency"):
                self._pair("total", format_money(order["total"], order["currency"], self._locale))
            lines = [
                words("packet.line", quantity=line.get("quantity"), name=line.get("name"))
                for line in order.get("lines") or []
            ]
            self._pair("lines", *lines)
        for parcel in order.get("parcels") or []:
            self._build_parcel(parcel)
        with Tag("p", "quiet"):
            Tag("span", text=words("packet.as_of"))
            Moment(order["as_of"])

    def _build_parcel(self, parcel: dict[str, Any]) -> None:
        with Tag("p", "parcel"):
            Tag("span", text=str(parcel.get("carrier") or ""))
            number = str(parcel.get("tracking_number") or "")
            address = web_address(parcel.get("tracking_url"))
            if address:
                label = number or self._words("packet.track")
                Tag("a", text=label, href=address, target="_blank", rel="noopener noreferrer", dir="ltr")
            else:
                Tag("span", text=number, dir="ltr")
            delivered = self._day(parcel.get("delivered_at"))
            if delivered:
                Tag("span", "quiet", self._words("packet.delivered_on", day=delivered))

    def _build_asked(self, data: dict[str, Any]) -> None:
        with Tag("ul", "plain"):
            for entry in data["asked"]:
                with Tag("li", "tags"):
                    Tag("span", text=self._words.label(entry["label"], entry["title"]), dir="auto")
                    key = "answered" if entry["answered"] else "open"
                    Tag("span", f"mark {key}", self._words(f"packet.{key}"))
        if data["shown"]:
            Tag("h4", text=self._words("packet.articles_shown"))
            with Tag("ul", "plain"):
                for article in data["shown"]:
                    with Tag("li", "tags"):
                        Tag("span", text=self._words.label(article["topic"]), dir="auto")
                        if article["helped"] is not None:
                            key = "helped" if article["helped"] else "not_helped"
                            Tag("span", f"mark {key}", self._words(f"packet.{key}"))
        if data["suggested"]:
            Tag("h4", text=self._words("packet.suggested"))
            with Tag("ul", "plain"):
                for article in data["suggested"]:
                    Tag("li", text=self._words.label(article["topic"], article["title"]), dir="auto")

    def _build_mood(self, moods: list[dict[str, Any]]) -> None:
        with Tag("ol", "moods"):
            for entry in moods:
                name = self._words(f"mood.{entry['mood']}")
                with Tag("li", f"mood-{entry['mood']}"):
                    Tag("span", text=MOOD_MARKS[entry["mood"]], role="img", aria_label=name, title=name)

    def _build_language(self, language: dict[str, Any]) -> None:
        with Tag("dl"):
            current = self._words.language_tag(language["current"])
            if language["confidence"] is not None:
                share = numbers.format_percent(language["confidence"], locale=self._locale)
                current = self._words("packet.language_sure", language=current, share=share)
            self._pair("language_current", current)
            if language["asked_for"]:
                self._pair("language_asked", self._words.language_tag(language["asked_for"]))
            if len(language["used"]) > 1:
                used = [self._words.language_tag(tag) for tag in language["used"]]
                self._pair("language_used", format_list(used, self._locale))

    def _build_channel(self, channel: dict[str, Any]) -> None:
        with Tag("p", "tags"):
            Tag("span", text=self._words.find(f"channel.{channel['name']}", channel["name"]))
            if channel["reply_deadline"]:
                with Tag("span", "quiet"):
                    Tag("span", text=self._words("packet.reply_deadline"))
                    Moment(channel["reply_deadline"], "until")

    def _build_handoffs(self, ended: list[dict[str, Any]]) -> None:
        with Tag("ul", "plain"):
            for handoff in ended:
                with Tag("li"):
                    with Tag("p", "tags"):
                        Moment(handoff["at"])
                        Tag("span", text=self._words(f"reason.{handoff['reason']}"))
                        Tag("span", "quiet", self._words(handoff["end"]))
                    if handoff["note"]:
                        Tag("p", "note", handoff["note"], dir="auto")

    def _build_earlier(self, earlier: list[dict[str, Any]]) -> None:
        with Tag("ul", "plain"):
            for other in earlier:
                with Tag("li"), Tag("a", "tags", href=self._address(other["id"])):
                    Moment(other["at"])
                    Tag("span", text=self._words.find(f"channel.{other['channel']}", other["channel"]))
                    for reason in other["reasons"]:
                        Tag("span", text=self._words(f"reason.{reason}"))
                    if other["resolution"]:
                        Tag("span", "quiet", self._words(f"resolution.{other['resolution']}"))

    def _pair(self, key: str, *values: str | None) -> None:
        """Show what is known of something, if it is."""
        known = [value for value in values if value]
        if known:
            self._named(self._words(f"packet.{key}"), *known)

    def _named(self, name: str, *values: str) -> None:
        Tag("dt", text=name)
        for value in values:
            Tag("dd", text=value, dir="auto")

    def _day(self, day: str | None) -> str | None:
        """Return the calendar day of an ISO 8601 date or moment."""
        return format_date(date.fromisoformat(day[:10]), self._locale) if day else None


def _build_nothing(_: Any) -> None:
    """For a section with nothing in it."""


def _ended_handoffs(view: ConversationView) -> list[dict[str, Any]]:
    return [
        {
            "at": handoff.created_at.isoformat(),
            "reason": handoff.reason.value,
            "end": f"resolution.{handoff.resolution.value}"
            if handoff.resolution
            else f"ended.{handoff.state.value}",
            "note": handoff.note,
        }
        for handoff in view.handoffs
        if handoff.state not in OPEN_STATES
    ]
