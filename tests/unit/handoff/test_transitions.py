"""The table of owners: every move starts where it should, and no other way exists."""

from __future__ import annotations

import pytest

from handoff.conversations.errors import WrongOwnerError
from handoff.conversations.models import Owner
from handoff.conversations.transitions import TRANSITIONS, Move, check_move


@pytest.mark.parametrize("move", list(Move))
@pytest.mark.parametrize("owner", list(Owner))
def test_move_is_allowed_from_its_source_alone(move: Move, owner: Owner) -> None:
    if owner is TRANSITIONS[move].source:
        assert check_move(move, owner) is TRANSITIONS[move]
    else:
        with pytest.raises(WrongOwnerError):
            check_move(move, owner)


def test_every_way_back_to_the_bot_clears_its_memory() -> None:
    for transition in TRANSITIONS.values():
        assert transition.fresh_bot == (transition.target is Owner.BOT)


def test_customers_are_told_of_every_change_but_those_that_speak_for_themselves() -> None:
    silent = {move for move, transition in TRANSITIONS.items() if transition.notice is None}
    assert silent == {Move.HAND_OFF, Move.REOPEN}
