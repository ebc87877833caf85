"""The public fakes keep the promises of the interfaces they stand in for."""

from __future__ import annotations

import pytest

from handoff.bot_client import TurnRequest
from handoff.channels.base import DeliveryError, OutboundMessage
from handoff.errors import BotUnavailableError
from handoff.testing import FakeBot, FakePushingChannel


def _request(message_id: str = "1", text: str = "hi") -> TurnRequest:
    return TurnRequest(sender_id="c.1", message_id=message_id, text=text, metadata={})


async def test_bot_says_the_same_to_the_same_message() -> None:
    bot = FakeBot()
    first = await bot.take_turn(_request(text="one"))
    again = await bot.take_turn(_request(text="changed"))
    assert first == again
    assert (await bot.take_turn(_request("2", "two"))).replies[0].text == "echo: two"


async def test_bot_fails_as_often_as_it_is_told() -> None:
    bot = FakeBot(failures=1)
    with pytest.raises(BotUnavailableError):
        await bot.take_turn(_request())
    assert (await bot.take_turn(_request())).replies


async def test_channel_keeps_what_it_sent_and_raises_what_it_was_told() -> None:
    channel = FakePushingChannel(errors=[DeliveryError("busy", may_retry=True)])
    message = OutboundMessage("k", "r", "text")
    with pytest.raises(DeliveryError):
        await channel.send(message)
    receipt = await channel.send(message)
    assert (receipt.vendor_delivery_id, channel.sent) == ("fake-1", [message])
