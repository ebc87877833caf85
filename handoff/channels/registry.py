"""The channels that this service has. Nothing else imports an adapter."""

from __future__ import annotations

from collections.abc import Iterable

from handoff.channels.base import Channel, ChannelTraits
from handoff.channels.web.adapter import WEB_TRAITS


class UnknownChannelError(LookupError):
    """A conversation names a channel that is not configured any more."""


class ChannelRegistry:
    """Traits of every channel, and the adapters of those that push."""

    def __init__(self, pushing: Iterable[Channel] = ()) -> None:
        self._adapters = {channel.traits.name: channel for channel in pushing}
        self._traits = {WEB_TRAITS.name: WEB_TRAITS}
        self._traits.update({name: channel.traits for name, channel in self._adapters.items()})

    def get_traits(self, name: str) -> ChannelTraits:
        """Raises UnknownChannelError."""
        try:
            return self._traits[name]
        except KeyError:
            raise UnknownChannelError(name) from None

    def get_adapter(self, name: str) -> Channel:
        """Raises UnknownChannelError; a channel that does not push has no adapter."""
        try:
            return self._adapters[name]
        except KeyError:
            raise UnknownChannelError(name) from None
