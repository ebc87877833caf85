"""The one table of who may own a conversation after whom, and what the customer is told.

`bot → waiting → agent → bot | closed`, and the ways back.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from handoff.conversations.errors import WrongOwnerError
from handoff.conversations.models import Owner


class Move(enum.StrEnum):
    HAND_OFF = "hand_off"
    """The bot gives up, or a person is asked for."""
    TAKE = "take"
    """An agent takes the conversation out of the queue."""
    STEP_IN = "step_in"
    """An agent takes it from the bot, unasked."""
    LEAVE_QUEUE = "leave_queue"
    """The customer goes back to the bot."""
    HAND_BACK = "hand_back"
    """The agent gives it back to the bot."""
    RESOLVE = "resolve"
    """The agent closes it with a reason."""
    REOPEN = "reopen"
    """The customer writes after it was closed."""


@dataclass(frozen=True)
class Transition:
    source: Owner
    target: Owner
    notice: str | None
    """Key in the catalogue `service` of what the customer is told; None where it depends or needs no word."""
    fresh_bot: bool = False
    """The bot starts anew, without its memory of why it gave up."""


TRANSITIONS: dict[Move, Transition] = {
    # The notice depends on the reason: `notice.handoff.<reason>`.
    Move.HAND_OFF: Transition(Owner.BOT, Owner.WAITING, None),
    Move.TAKE: Transition(Owner.WAITING, Owner.AGENT, "notice.agent_joined"),
    Move.STEP_IN: Transition(Owner.BOT, Owner.AGENT, "notice.agent_joined"),
    Move.LEAVE_QUEUE: Transition(Owner.WAITING, Owner.BOT, "notice.left_queue", fresh_bot=True),
    Move.HAND_BACK: Transition(Owner.AGENT, Owner.BOT, "notice.handed_back", fresh_bot=True),
    Move.RESOLVE: Transition(Owner.AGENT, Owner.CLOSED, "notice.resolved"),
    # Writing again needs no announcement: the bot's answer follows at once.
    Move.REOPEN: Transition(Owner.CLOSED, Owner.BOT, None, fresh_bot=True),
}


def check_move(move: Move, owner: Owner) -> Transition:
    """Return the transition for a move.

    Raises:
        WrongOwnerError: The conversation is not where this move starts.
    """
    transition = TRANSITIONS[move]
    if owner is not transition.source:
        raise WrongOwnerError(
            f"{move.value} starts from {transition.source.value}, not {owner.value}", owner=owner.value
        )
    return transition
