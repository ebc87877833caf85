"""The widget's channel: it reads the event log over its own socket, so there is nothing to push."""

from __future__ import annotations

from handoff.channels.base import ChannelTraits

WEB_TRAITS = ChannelTraits(name="web", pushes=False)
