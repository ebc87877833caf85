"""Makes the vocabulary: a SentencePiece model, and the same as a `tokenizer.json` for `transformers`."""

from __future__ import annotations

import json
import re
import string
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from bot.encoder.normalisation import build_rules

PADDING, UNKNOWN = "<pad>", "<unk>"
PADDING_ID, UNKNOWN_ID = 0, 1
# Tokens; a message longer than that is cut: what a customer wants is said by then.
LONGEST_MESSAGE = 128
# Pieces that no text may be cut into (`<pad>`, a byte written out) score below any sequence of characters.
_NEVER = -1000.0
_MARKS = (PADDING, UNKNOWN, *(f"<0x{byte:02X}>" for byte in range(256)))
_SPACE = "▁"
_DIGIT = re.compile(r"\d")
# Pieces kept in the first of the two rounds, as a multiple of those wanted.
_FIRST_ROUND = 1.4
_BYTES_SAVED = 3


class VocabularyError(RuntimeError):
    """The two tokenisers do not cut a text into the same pieces."""


def prune_sentencepiece(scores: Mapping[str, float], texts: Mapping[str, float], pieces: int) -> bytes:
    """Return a SentencePiece model (unigram, byte fallback) with the most used pieces of a larger vocabulary.

    What a pretrained encoder knows of a piece is so kept. Without the pieces that fall out the texts are cut
    otherwise, so it goes in two rounds. What no piece spells is spelled in bytes.

    Args:
        scores: Log probability of each piece of the larger vocabulary; "▁" stands for a space.
        texts: What the pieces are to be used for, and how much each text counts.
        pieces: How many to keep, marks and bytes included.
    """
    from sentencepiece import SentencePieceProcessor

    # An order number says what it is by its shape, so digits stay single. A piece of its own for each sign,
    # or "<pad>" typed by a customer would be cheaper whole than spelled.
    required = {_SPACE, *string.digits, *string.punctuation, *string.ascii_lowercase}
    rarest = min(scores.values())
    kept = dict.fromkeys(required, rarest) | {
        piece: score for piece, score in scores.items() if piece in required or not _DIGIT.search(piece)
    }
    most = pieces - len(_MARKS)
    for size in (int(most * _FIRST_ROUND), most):
        processor = SentencePieceProcessor(model_proto=_write_model(kept))
        used: Counter[str] = Counter()
        for text, weight in texts.items():
            for piece in processor.encode(text, out_type=str):
                used[piece] += weight
        # Without its piece a single character takes three bytes.
        worth = {piece: used[piece] * (_BYTES_SAVED if len(piece) == 1 else 1) for piece in kept}
        optional = sorted(kept.keys() - required, key=lambda piece: (-worth[piece], piece))
        chosen = required | set(optional[: size - len(required)])
        kept = {piece: score for piece, score in sorted(kept.items()) if piece in chosen}
    return _write_model(kept)


def _write_model(scores: Mapping[str, float]) -> bytes:
    from sentencepiece import SentencePieceNormalizer
    from sentencepiece import sentencepiece_model_pb2 as proto

    normalizer = SentencePieceNormalizer(
        norm_map=sorted(build_rules().items()),
        add_dummy_prefix=True,
        remove_extra_whitespaces=True,
        escape_whitespaces=True,
    )
    model = proto.ModelProto()
    model.normalizer_spec.ParseFromString(normalizer.serialized_normalizer_spec())
    model.trainer_spec.model_type = proto.TrainerSpec.UNIGRAM
    model.trainer_spec.vocab_size = len(_MARKS) + len(scores)
    model.trainer_spec.byte_fallback = True
    model.trainer_spec.pad_id, model.trainer_spec.pad_piece = PADDING_ID, PADDING
    model.trainer_spec.unk_id, model.trainer_spec.unk_piece = UNKNOWN_ID, UNKNOWN
    # No marks around a sentence: it is pooled, not read off a first token.
    model.trainer_spec.bos_id = model.trainer_spec.eos_id = -1
    piece_type = proto.ModelProto.SentencePiece
    types = {PADDING: piece_type.CONTROL, UNKNOWN: piece_type.UNKNOWN}
    for mark in _MARKS:
        model.pieces.add(piece=mark, score=0.0, type=types.get(mark, piece_type.BYTE))
    for piece, score in scores.items():
        model.pieces.add(piece=piece, score=score)
    return bytes(model.SerializeToString())


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
        # "rr" + "r" is as likely as "r" + "rr": which one it is, is a matter of taste.
        if sorted(expected) != sorted(got):
            raise VocabularyError(f"{text!r}: sentencepiece {expected}, transformers {got}")
        checked += 1
    return checked
