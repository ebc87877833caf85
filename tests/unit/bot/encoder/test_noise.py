import random

import pytest

from bot.encoder.noise import cut_pieces, find_splits, mistype, spoil
from bot.training_data import list_messages


def test_a_slip_changes_one_place_inside_the_text():
    generator = random.Random(1)
    for _ in range(200):
        slipped = mistype("parcel", generator)
        assert slipped[0] == "p"
        assert abs(len(slipped) - len("parcel")) <= 1


@pytest.mark.parametrize("text", ["", "ok", "no!"])
def test_short_texts_are_not_mistyped(text):
    assert mistype(text, random.Random(1)) == text


def test_the_same_generator_spoils_the_same_way():
    text = "dov'è il mio pacco 48213?"
    assert [spoil(text, random.Random(seed)) for seed in range(20)] == [
        spoil(text, random.Random(seed)) for seed in range(20)
    ]


def test_long_numbers_get_other_digits_and_keep_their_shape():
    spoilt = {spoil("TM-48213", random.Random(seed))[:8] for seed in range(50)}
    assert len(spoilt) > 20
    assert any(text.startswith("TM-") and text[3:].isdigit() and text != "TM-48213" for text in spoilt)


def test_no_message_is_spoilt_to_nothing_and_many_stay_whole():
    generator = random.Random(2)
    messages = [m.text for m in list_messages()]
    spoilt = [spoil(text, generator) for text in messages]
    assert all(spoilt)
    assert 0.3 < sum(one == other for one, other in zip(messages, spoilt, strict=True)) / len(messages) < 0.7


def test_a_piece_is_cut_into_pieces_of_the_vocabulary():
    vocabulary = {"▁pacco": 1, "▁pac": 2, "co": 3, "▁": 4, "pacco": 5, "<0x41>": 6, "<0x": 7, "41>": 8}
    splits = find_splits(vocabulary)
    assert splits == {1: [(4, 5), (2, 3)]}
    assert cut_pieces([1, 6, 3], splits, random.Random(1), share=0.0) == [1, 6, 3]
    assert cut_pieces([1, 6, 3], splits, random.Random(1), share=1.0) in ([4, 5, 6, 3], [2, 3, 6, 3])
