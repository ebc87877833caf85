"""What the handoff packet tells of articles."""

from __future__ import annotations

import pytest

from handoff.conversations.models import Author, Message
from handoff.queue.packet import _helped

ARTICLE, SECOND_ARTICLE, QUESTION = "faq/return_policy", "faq/shipping_cost", None


def bot(*topics: str | None) -> list[Message]:
    return [Message(author=Author.BOT, topic=topic) for topic in topics]


def customer(label: str) -> Message:
    return Message(author=Author.CUSTOMER, understanding={"label": label})


@pytest.mark.parametrize(
    ("later", "helped"),
    [
        ([customer("thank")], True),
        ([customer("deny")], False),
        ([customer("request_human")], False),
        ([customer("faq/exchange"), customer("deny")], None),
        ([*bot(SECOND_ARTICLE), customer("deny")], False),
        # The task asks below the article: "no" is about the order's number.
        ([*bot(QUESTION), customer("deny")], None),
        ([], None),
    ],
)
def test_what_is_said_right_after_an_article_is_about_it(later: list[Message], helped: bool | None) -> None:
    messages = [customer(ARTICLE), *bot(ARTICLE), *later]
    for seq, message in enumerate(messages, 1):
        message.seq = seq
    assert _helped(messages[1], messages) is helped
