"""Makes the vocabulary: a SentencePiece model, and the same as a `tokenizer.json` for `transformers`."""

from __future__ import annotations

import io
import json
import random
import string
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from bot.encoder.normalisation import build_rules

PADDING, UNKNOWN = "<pad>", "<unk>"
PADDING_ID, UNKNOWN_ID = 0, 1
# Tokens; a message longer than that is cut: what a customer wants is said by then.
LONGEST_MESSAGE = 128
# Pieces that no text may be cut into (`<pad>`, a byte written out) score below any sequence of characters.
_NEVER = -1000.0


class VocabularyError(RuntimeError):
    """The two tokenisers do not cut a text into the same pieces."""


def train_sentencepiece(texts: Iterable[str], pieces: int, seed: int) -> bytes:
    """Return a trained SentencePiece model (unigram, byte fallback) with that many pieces at most.

    The texts are shuffled by the seed; one thread, as sums in another order would give another vocabulary.
    """
    import sentencepiece

    shuffled = list(texts)
    random.Random(seed).shuffle(shuffled)
    sentencepiece.set_min_log_level(1)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(shuffled),
        model_writer=model,
        model_type="unigram",
        vocab_size=pieces,
        # Few texts hold fewer pieces: then the vocabulary is smaller.
        hard_vocab_limit=False,
        normalizer=sentencepiece.SentencePieceNormalizer(
            norm_map=sorted(build_rules().items()),
            add_dummy_prefix=True,
            remove_extra_whitespaces=True,
            escape_whitespaces=True,
        ),
        # What is rarer than that is spelled in bytes.
        character_coverage=0.9998,
        byte_fallback=True,
        # A piece of its own for each, or "<pad>" typed by a customer would be cheaper whole than spelled.
        required_chars=string.punctuation,
        # An order number says what it is by its shape, so digits stay single.
        split_digits=True,
        pad_id=PADDING_ID,
        pad_piece=PADDING,
        unk_id=UNKNOWN_ID,
        unk_piece=UNKNOWN,
        # No marks around a sentence: it is pooled, not read off a first token.
        bos_id=-1,
        eos_id=-1,
        num_threads=1,
        minloglevel=1,
    )
    return model.getvalue()


def build_tokenizer(sentencepiece_model: bytes) -> Tokenizer:
    """Return the SentencePiece model as a tokenizer of the `tokenizers` library."""
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto.FromString(sentencepiece_model)
    vocabulary = [
        (piece.piece, piece.score if piece.type == piece.NORMAL else _NEVER) for piece in proto.pieces
    ]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=UNKNOWN_ID, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence(
        [
            # The table's spelled-out letters: `Precompiled` itself only looks at the first character of each.
            normalizers.NFC(),
            normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap),
            normalizers.Replace(Regex(" +"), " "),
            normalizers.Strip(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    return tokenizer


def write_vocabulary(sentencepiece_model: bytes, folder: Path) -> None:
    """Write `sentencepiece.model`, `tokenizer.json` and `tokenizer_config.json` into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sentencepiece.model").write_bytes(sentencepiece_model)
    build_tokenizer(sentencepiece_model).save(str(folder / "tokenizer.json"))
    config = {
        # Named so in transformers 4 and 5; a class of its own would be rebuilt from a vocabulary file.
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": LONGEST_MESSAGE,
        "model_input_names": ["input_ids", "attention_mask"],
        "padding_side": "right",
        "truncation_side": "right",
        "pad_token": PADDING,
        "unk_token": UNKNOWN,
        # A customer may type "<pad>": that is text.
        "split_special_tokens": True,
        "clean_up_tokenization_spaces": False,
    }
    text = json.dumps(config, indent=2, ensure_ascii=False)
    (folder / "tokenizer_config.json").write_text(text + "\n", encoding="utf-8")


def check_same_pieces(folder: Path, texts: Iterable[str]) -> int:
    """Return how many texts `sentencepiece` and `transformers` cut into the same pieces: all.

    Raises:
        VocabularyError: They differ on a text, which is named.
    """
    from sentencepiece import SentencePieceProcessor
    from transformers import AutoTokenizer

    processor = SentencePieceProcessor(model_file=str(folder / "sentencepiece.model"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    checked = 0
    for text in texts:
        expected = processor.encode(text)
        got = tokenizer(text, truncation=False, verbose=False)["input_ids"]
        if expected != got:
            raise VocabularyError(f"{text!r}: sentencepiece {expected}, transformers {got}")
        checked += 1
    return checked
