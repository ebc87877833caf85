"""What every channel is to the rest of the service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class ChannelTraits:
    """What the sender of a message must know of a channel.

    `pushes`: messages are sent out by an adapter (WhatsApp); False where the customer's side reads the
    event log itself (the widget). `reply_window_s`: how long after the customer's last message the
    channel takes free text, in seconds; None without a limit. `shows_buttons`: False where buttons
    have to be written as text.
    """

    name: str
    pushes: bool
    reply_window_s: int | None = None
    shows_buttons: bool = True


@dataclass(frozen=True)
class OutboundMessage:
    """One message on its way out. `idempotency_key` stays the same over retries."""

    idempotency_key: str
    recipient: str
    text: str
    buttons: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Receipt:
    """The channel took the message. `vendor_delivery_id` is how it will speak of it later."""

    vendor_delivery_id: str | None


class DeliveryError(Exception):
    """The channel did not take a message."""

    def __init__(self, reason: str, *, may_retry: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.may_retry = may_retry


class Channel(Protocol):
    """An adapter: it only sends. Guards, order and retries are the outbox's."""

    traits: ChannelTraits

    async def send(self, message: OutboundMessage) -> Receipt:
        """Send one message.

        Raises:
            DeliveryError: It did not go out; says whether trying again may help.
        """
