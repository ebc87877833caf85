import shutil
from pathlib import Path

import pytest
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.nlu.constants import TOKENS_NAMES
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.components.language_identifier import LANGUAGE
from bot.components.sentencepiece_tokenizer import SentencePieceTokenizer
from bot.encoder_folder import PROJECT_FOLDER, EncoderFilesError
from bot.learning.training_messages import METADATA
from bot.training_data import list_messages


def create(**config) -> SentencePieceTokenizer:
    return SentencePieceTokenizer.create(
        {**SentencePieceTokenizer.get_default_config(), **config},
        LocalModelStorage(Path("unused")),
        Resource("tokenizer"),
        ExecutionContext(GraphSchema({})),
    )


@pytest.fixture(scope="module")
def tokenizer() -> SentencePieceTokenizer:
    return create()


def cut(tokenizer, text):
    return tokenizer.tokenize(Message({TEXT: text}), TEXT)


@pytest.mark.parametrize(
    "text",
    [
        "Dov'è il  mio PACCO?",
        "ＰＡＣＣＯ ½ №5",
        "שָׁלוֹם, אֵיפֹה הַחֲבִילָה שֶׁלִּי?",
        "tie\u0302\u0301ng Vie\u0323\u0302t kho\u0302ng da\u0302\u0301u",
        "\u200bhi\u200d there\u200b  ",
        "荷物が届かない",
        "👍🏽 ok 👨\u200d👩\u200d👧🤷🏽\u200d♀️",
        "a\x00b\u00adc\r\n\td",
        "one \ud83d lost half",
    ],
)
def test_tokens_are_the_typed_text_in_order_without_gaps(tokenizer, text):
    tokens = cut(tokenizer, text)
    end = 0
    for token in tokens:
        assert token.text == text[token.start : token.end] != ""
        assert token.text == token.text.strip()
        assert token.start >= end
        end = token.end
    covered = {position for token in tokens for position in range(token.start, token.end)}
    missed = "".join(character for position, character in enumerate(text) if position not in covered)
    assert not any(character.isalnum() for character in missed)


def test_the_lemma_is_the_normalised_piece(tokenizer):
    tokens = cut(tokenizer, "Tôi MUỐN gặp")
    assert [(token.text, token.lemma) for token in tokens] == [
        ("Tôi", "▁tôi"),
        ("MUỐN", "▁muốn"),
        ("gặp", "▁gặp"),
    ]


def test_spellings_of_one_letter_give_one_piece(tokenizer):
    composed, decomposed, other_order = (
        [token.lemma for token in cut(tokenizer, text)]
        for text in ("Việt", "Vie\u0323\u0302t", "Vie\u0302\u0323t")
    )
    assert composed == decomposed == other_order


def test_points_take_no_part_in_the_piece_but_belong_to_the_token(tokenizer):
    pointed, plain = cut(tokenizer, "שָׁלוֹם"), cut(tokenizer, "שלום")
    assert [token.lemma for token in pointed] == [token.lemma for token in plain]
    assert (pointed[0].start, pointed[-1].end) == (0, len("שָׁלוֹם"))


@pytest.mark.parametrize(
    "known", [{LANGUAGE: {"detected": "zh"}}, {METADATA: {"language": "zh"}}], ids=["asked", "trained on"]
)
def test_traditional_chinese_is_read_in_simplified_characters(tokenizer, known):
    tokens = tokenizer.tokenize(Message({TEXT: "關稅誰出", **known}), TEXT)
    assert "".join(token.text for token in tokens) == "關稅誰出"
    assert "".join(token.lemma for token in tokens).strip("▁") == "关税谁出"


def test_digits_are_single_tokens_that_an_entity_can_end_at(tokenizer):
    tokens = cut(tokenizer, "ordine #48213, grazie")
    assert [token.text for token in tokens if token.text.isdigit()] == list("48213")
    assert {8, 13} <= {token.start for token in tokens} | {token.end for token in tokens}


def test_a_character_outside_the_vocabulary_is_one_token_of_bytes(tokenizer):
    (token,) = cut(tokenizer, "𓀀")
    assert (token.start, token.end) == (0, 1)
    assert token.lemma == "▁<0xF0><0x93><0x80><0x80>"


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\u200b", "\u200d\ufe0f"])
def test_a_text_of_no_pieces_is_one_token_as_it_is(tokenizer, text):
    assert [(token.text, token.start) for token in cut(tokenizer, text)] == [(text, 0)]


def test_what_looks_like_a_control_piece_is_text(tokenizer):
    for text in ("<pad>", "<unk>", "<0x41>", "▁"):
        assert "".join(token.text for token in cut(tokenizer, f"a{text}b")).replace("▁", "") in (
            f"a{text}b",
            "ab",
        )
        assert text not in [token.lemma for token in cut(tokenizer, f"a {text} b")]


def test_every_training_message_is_covered(tokenizer):
    for message in list_messages():
        tokens = cut(tokenizer, message.text)
        letters = [character for character in message.text if character.isalnum()]
        assert [character for token in tokens for character in token.text if character.isalnum()] == letters


def test_training_data_and_messages_get_the_same_tokens_and_intents_stay_whole(tokenizer):
    example = Message({TEXT: "Dov'è il pacco?", INTENT: "track_order"})
    tokenizer.process_training_data(TrainingData([example]))
    (processed,) = tokenizer.process([Message({TEXT: "Dov'è il pacco?"})])
    assert example.get(TOKENS_NAMES[TEXT]) == processed.get(TOKENS_NAMES[TEXT])
    assert [token.text for token in example.get(TOKENS_NAMES[INTENT])] == ["track_order"]


def test_the_fingerprint_changes_with_the_vocabulary(tmp_path):
    config = SentencePieceTokenizer.get_default_config()
    shutil.copyfile(
        PROJECT_FOLDER / config["model"] / "sentencepiece.model", tmp_path / "sentencepiece.model"
    )
    copied = SentencePieceTokenizer.fingerprint_addon({**config, "model": str(tmp_path)})
    assert copied == SentencePieceTokenizer.fingerprint_addon(config)
    with (tmp_path / "sentencepiece.model").open("ab") as model:
        model.write(b" ")
    assert copied != SentencePieceTokenizer.fingerprint_addon({**config, "model": str(tmp_path)})


def test_a_missing_vocabulary_is_an_error_that_names_it(tmp_path):
    with pytest.raises(EncoderFilesError, match=r"sentencepiece\.model"):
        create(model=str(tmp_path))
