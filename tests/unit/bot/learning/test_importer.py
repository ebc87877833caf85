"""Training messages as Rasa gets them."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from rasa.nlu.tokenizers.tokenizer import Token

from bot.learning.importer import LabelImporter
from bot.learning.training_messages import author_group, hold_out, label_of, language_of
from bot.training_data import TrainingDataError

TALK = """
version: "3.1"
nlu:
- intent: faq/return_policy
  metadata: {language: it, author: it-1}
  examples: |
    - posso rendere l'ordine [48213](order_number)?
- intent: change_language
  metadata: {author: it-2}
  examples: |
    - sprechen Sie [Deutsch](language)?
"""


def test_label_language_and_author_stand_in_the_metadata(tmp_path: Path) -> None:
    (tmp_path / "talk.yml").write_text(TALK, encoding="utf-8")
    data = LabelImporter(training_data_paths=[str(tmp_path)]).get_nlu_data()
    topic, language = data.intent_examples
    assert topic.get("text") == "posso rendere l'ordine 48213?"
    assert (topic.get("intent"), label_of(topic)) == ("faq", "faq/return_policy")
    assert (language_of(topic), author_group(topic)) == ("it", 1)
    assert (label_of(language), language_of(language), author_group(language)) == ("change_language", None, 0)
    assert data.retrieval_intents == set()


ACCENTS = """
version: "3.1"
nlu:
- intent: faq/refund_time
  metadata: {language: vi, author: vi-1}
  examples: |
    - Bao lâu thì được hoàn tiền cho đơn [48213](order_number)?
- intent: faq/refund_time
  metadata: {language: it, author: it-1}
  examples: |
    - perché il rimborso non è ancora sul mio conto della banca
- intent: faq/refund_time
  metadata: {language: ja, author: ja-1}
  examples: |
    - 返金はいつですか
- intent: deny
  metadata: {language: vi, author: vi-1}
  examples: |
    - hỏng
- intent: faq/damaged_item
  metadata: {language: vi, author: vi-2}
  examples: |
    - Hong
- intent: change_language
  metadata: {author: vi-1}
  examples: |
    - čeština prosím
"""


def test_a_message_full_of_accents_is_learnt_without_them_too(tmp_path: Path) -> None:
    """Not so one with few accents, one in letters with marks of another kind, one in a language not served,
    and one that somebody has written without them, meaning something else.
    """
    (tmp_path / "talk.yml").write_text(ACCENTS, encoding="utf-8")
    *messages, bare = LabelImporter(training_data_paths=[str(tmp_path)]).get_nlu_data().intent_examples
    assert len(messages) == 6
    assert bare.get("text") == "Bao lau thi duoc hoan tien cho don 48213?"
    assert bare.get("metadata") == messages[0].get("metadata")
    assert bare.get("intent") == "faq"


def test_a_copied_message_is_changed_alone(tmp_path: Path) -> None:
    (tmp_path / "talk.yml").write_text(TALK, encoding="utf-8")
    message, _ = LabelImporter(training_data_paths=[str(tmp_path)]).get_nlu_data().intent_examples
    before = message.fingerprint()
    copied = copy.deepcopy(message)
    assert (type(copied), copied.data, copied.fingerprint()) == (type(message), message.data, before)
    copied.set("text_tokens", [Token("posso", 0)], add_to_output=True)
    assert copied.fingerprint() != before
    copied.features.append("a vector")
    assert (message.fingerprint(), message.get("text_tokens"), message.features) == (before, None, [])
    assert "text_tokens" not in message.output_properties


def test_wrong_file_stops_the_training(tmp_path: Path) -> None:
    (tmp_path / "talk.yml").write_text(TALK.replace("author: it-1", "autor: it-1"), encoding="utf-8")
    with pytest.raises(TrainingDataError, match=r"talk\.yml"):
        LabelImporter(training_data_paths=[str(tmp_path)]).get_nlu_data()


@pytest.mark.parametrize("groups", [[0, 1, 1, 0], [1, 1, 1], [0, 0]])
def test_some_messages_are_held_out_and_some_are_not(groups: list[int]) -> None:
    assert set(hold_out(groups)) == {True, False}


def test_messages_of_one_group_are_held_out_together() -> None:
    assert hold_out([0, 1, 0]) == [False, True, False]
