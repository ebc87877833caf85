"""The right column: the handoff packet, as far as there is something to show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from babel import numbers

from handoff.console.elements import Moment, Tag, web_address
from handoff.console.views import ConversationView
from handoff.console.words import Words
from handoff.queue.repository import OPEN_STATES
from handoff.queue.summary import compose_summary
from locales.formatting import format_date, format_list, format_money

SHOWN_MOODS = 24
MOOD_MARKS = {"positive": "▲", "neutral": "●", "negative": "▼"}


class PacketPanel:
    """Shows a conversation's packet; `address` gives the link to another conversation."""

    def __init__(self, words: Words, parent: Tag, address: Callable[[str], str]) -> None:
        self._words = words
        self._parent = parent
        self._address = address

    def clear(self) -> None:
        self._parent.clear()

    def show(self, view: ConversationView) -> None:
        """Show the packet in place of what was there."""
        packet = view.packet
        self._parent.clear()
        with self._parent:
            Tag("h2", "unseen", self._words("packet.heading"))
            self._show_summary(packet)
            self._show_reason(packet)
            self._show_contact(packet)
            self._show_orders(packet["orders"])
            self._show_asked(packet)
            self._show_mood(packet["mood"])
            self._show_language(packet["language"])
            self._show_channel(packet["channel"])
            self._show_notes(view)
            self._show_earlier(packet["earlier_conversations"])

    def _show_summary(self, packet: dict[str, Any]) -> None:
        with self._section("summary"):
            Tag("p", "summary", compose_summary(packet, self._words.language.tag))

    def _show_reason(self, packet: dict[str, Any]) -> None:
        if "reason" not in packet:
            return
        level = packet["priority"]["level"]
        with self._section("reason"):
            with Tag("p", "tags"):
                Tag("span", f"priority priority-{level}", self._words(f"priority.{level}"))
                Tag("span", text=self._words(f"reason.{packet['reason']}"))
            why = [self._why(key) for key in packet["priority"]["why"]]
            text = format_list(why, self._words.language.locale)
            Tag("p", "quiet", self._words("packet.priority_why", why=text))

    def _why(self, key: str) -> str:
        kind, _, value = key.partition(":")
        return self._words(f"reason.{value}") if kind == "reason" else self._words.find(f"why.{key}", key)

    def _show_contact(self, packet: dict[str, Any]) -> None:
        contact, facts = packet["contact"], packet["facts"]
        with self._section("contact"):
            with Tag("p", "tags"):
                Tag(
                    "b",
                    text=contact["name"] or facts["customer"] or self._words("packet.nameless"),
                    dir="auto",
                )
                is_verified = facts["is_verified"]
                key = "packet.verified" if is_verified else "packet.unverified"
                Tag("span", "verified" if is_verified else "unverified", self._words(key))
            with Tag("dl"):
                self._pair("email", facts["email"])
                self._pair("customer_id", contact["vendor_contact_id"])
                self._pair("order_number", None if packet["orders"] else facts["order_number"])
                self._pair("market", contact["market"])
                self._pair("page", contact["page"])
                known = {str(value) for value in (facts["email"], facts["order_number"]) if value}
                for entity in _latest(packet["entities"]):
                    if entity["value"] not in known:
                        name = self._words.find(f"entity.{entity['entity']}", entity["entity"])
                        self._named(name, entity["value"])

    def _show_orders(self, orders: list[dict[str, Any]]) -> None:
        if not orders:
            return
        with self._section("orders"):
            for order in orders:
                self._show_order(order)

    def _show_order(self, order: dict[str, Any]) -> None:
        words = self._words
        with Tag("div", "order"):
            with Tag("p", "tags"):
                Tag("b", text=order["number"], dir="ltr")
                status = str(order["status"])
                Tag("span", f"status status-{status}", words.order_status(status))
            with Tag("dl"):
                self._pair("expected", self._day(order.get("expected_on")))
                self._pair("placed", self._day(str(order.get("placed_at") or "")[:10]))
                if order.get("total") is not None and order.get("currency"):
                    money = format_money(order["total"], order["currency"], words.language.locale)
                    self._pair("total", money)
                lines = [
                    words("packet.line", quantity=line.get("quantity"), name=line.get("name"))
                    for line in order.get("lines") or []
                ]
                self._pair("lines", format_list(lines, words.language.locale) if lines else None)
            for parcel in order.get("parcels") or []:
                self._show_parcel(parcel)
            with Tag("p", "quiet"):
                Tag("span", text=words("packet.as_of"))
                Moment(order["as_of"])

    def _show_parcel(self, parcel: dict[str, Any]) -> None:
        with Tag("p", "parcel"):
            Tag("span", text=str(parcel.get("carrier") or ""))
            number = str(parcel.get("tracking_number") or "")
            address = web_address(parcel.get("tracking_url"))
            if address:
                label = number or self._words("packet.track")
                Tag("a", text=label, href=address, target="_blank", rel="noopener noreferrer", dir="ltr")
            else:
                Tag("span", text=number, dir="ltr")
            delivered = self._day(str(parcel.get("delivered_at") or "")[:10])
            if delivered:
                Tag("span", "quiet", self._words("packet.delivered_on", day=delivered))

    def _show_asked(self, packet: dict[str, Any]) -> None:
        facts = packet["facts"]
        titles = _titles(packet)
        shown = packet["articles_shown"]
        suggested = packet["suggestions"]["articles"]
        if not (facts["asked"] or shown or suggested):
            return
        with self._section("asked"):
            if facts["asked"]:
                with Tag("ul", "plain"):
                    for entry in facts["asked"]:
                        with Tag("li", "tags"):
                            Tag("span", text=entry["title"] or entry["label"], dir="auto")
                            key = "answered" if entry["answered"] else "open"
                            Tag("span", f"mark {key}", self._words(f"packet.{key}"))
            if shown:
                Tag("h4", text=self._words("packet.articles_shown"))
                with Tag("ul", "plain"):
                    for article in shown:
                        with Tag("li", "tags"):
                            Tag("span", text=titles.get(article["topic"], article["topic"]), dir="auto")
                            self._show_helped(article["helped"])
            if suggested:
                Tag("h4", text=self._words("packet.suggested"))
                with Tag("ul", "plain"):
                    for article in suggested:
                        Tag("li", text=article["title"] or article["topic"], dir="auto")

    def _show_helped(self, helped: bool | None) -> None:
        if helped is not None:
            key = "helped" if helped else "not_helped"
            Tag("span", f"mark {key}", self._words(f"packet.{key}"))

    def _show_mood(self, moods: list[dict[str, Any]]) -> None:
        if not moods:
            return
        with self._section("mood"), Tag("ol", "moods"):
            for entry in moods[-SHOWN_MOODS:]:
                name = self._words(f"mood.{entry['mood']}")
                mark = MOOD_MARKS[entry["mood"]]
                with Tag("li", f"mood-{entry['mood']}"):
                    Tag("span", text=mark, role="img", aria_label=name, title=name)

    def _show_language(self, language: dict[str, Any]) -> None:
        with self._section("language"), Tag("dl"):
            current = self._words.language_tag(language["current"])
            if language["confidence"] is not None:
                share = numbers.format_percent(language["confidence"], locale=self._words.language.locale)
                current = self._words("packet.language_sure", language=current, share=share)
            self._pair("language_current", current)
            if language["asked_for"]:
                self._pair("language_asked", self._words.language_tag(language["asked_for"]))
            if len(language["used"]) > 1:
                self._pair(
                    "language_used", ", ".join(self._words.language_tag(tag) for tag in language["used"])
                )

    def _show_channel(self, channel: dict[str, Any]) -> None:
        with self._section("channel"), Tag("p", "tags"):
            Tag("span", text=self._words.find(f"channel.{channel['name']}", channel["name"]))
            if channel["reply_deadline"]:
                with Tag("span", "quiet"):
                    Tag("span", text=self._words("packet.reply_deadline"))
                    Moment(channel["reply_deadline"], "until")

    def _show_notes(self, view: ConversationView) -> None:
        ended = [handoff for handoff in view.handoffs if handoff.state not in OPEN_STATES]
        if not ended:
            return
        with self._section("handoffs"), Tag("ul", "plain"):
            for handoff in ended:
                with Tag("li"):
                    with Tag("p", "tags"):
                        Moment(handoff.created_at.isoformat())
                        Tag("span", text=self._words(f"reason.{handoff.reason.value}"))
                        how = handoff.resolution
                        key = f"resolution.{how.value}" if how else f"ended.{handoff.state.value}"
                        Tag("span", "quiet", self._words(key))
                    if handoff.note:
                        Tag("p", "note", handoff.note, dir="auto")

    def _show_earlier(self, earlier: list[dict[str, Any]]) -> None:
        if not earlier:
            return
        with self._section("earlier"), Tag("ul", "plain"):
            for other in earlier:
                with Tag("li"), Tag("a", "tags", href=self._address(other["id"])):
                    Moment(other["at"])
                    Tag("span", text=self._words.find(f"channel.{other['channel']}", other["channel"]))
                    for reason in other["reasons"]:
                        Tag("span", text=self._words(f"reason.{reason}"))
                    if other["resolution"]:
                        Tag("span", "quiet", self._words(f"resolution.{other['resolution']}"))

    @contextmanager
    def _section(self, name: str) -> Iterator[None]:
        with Tag("section", f"packet-{name}"):
            Tag("h3", text=self._words(f"packet.{name}"))
            yield

    def _pair(self, key: str, value: str | None) -> None:
        if value:
            self._named(self._words(f"packet.{key}"), value)

    def _named(self, name: str, value: str) -> None:
        Tag("dt", text=name)
        Tag("dd", text=value, dir="auto")

    def _day(self, day: str | None) -> str | None:
        return format_date(date.fromisoformat(day), self._words.language.locale) if day else None


def _latest(entities: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each kind and value of entity once, as said last."""
    return list({(entity["entity"], entity["value"]): entity for entity in entities}.values())


def _titles(packet: dict[str, Any]) -> dict[str, str]:
    """Return what articles are called, as far as the bot said it."""
    ranked = [entry for turn in packet["understanding"] for entry in turn["ranking"] or []]
    return {entry["label"]: entry["title"] for entry in ranked if entry.get("title")}
