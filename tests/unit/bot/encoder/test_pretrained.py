"""Reading the pretrained encoder's file."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from bot.encoder.pretrained import PretrainedError, read_pretrained

WIDTH = 32
PIECES = ("<s>", "<pad>", "</s>", "<unk>", "▁ciao", "é")


def pack_four_bits(numbers: np.ndarray) -> bytes:
    """Scale 0.5, then 32 numbers from −8 to 7, the first half in the low bits."""
    packed = b""
    for block in (numbers.reshape(-1, 32) + 8).astype(np.uint8):
        packed += np.float16(0.5).tobytes() + bytes(block[:16] | (block[16:] << 4))
    return packed


def write_file(path: Path) -> np.ndarray:
    words = np.random.default_rng(1).integers(-8, 8, (len(PIECES), WIDTH))
    plain = np.arange(WIDTH, dtype="<f4")
    tensors = {
        "emb.word": (1, words.size, pack_four_bits(words)),
        "emb.ln.w": (0, WIDTH, plain.tobytes()),
        "l0.q.w": (1, WIDTH * WIDTH, pack_four_bits(np.ones((WIDTH, WIDTH)))),
        "l0.q.b": (0, WIDTH, plain.tobytes()),
    }
    text = [piece.encode() for piece in PIECES]
    ends = np.cumsum([0, *map(len, text)]).astype("<u4")
    head = b"E5S1" + struct.pack("<I7ifi", 1, WIDTH, 1, 2, 128, len(PIECES), 512, 1, 1e-12, 32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(b"".join(text)))
    head += ends.tobytes() + np.arange(len(PIECES), dtype="<f4").tobytes() + b"".join(text)
    head += struct.pack("<iI", 1, 5) + b"12345" + struct.pack("<i", len(tensors))
    start = len(head) + sum(2 + len(name) + 21 for name in tensors)
    directory, body = b"", b""
    for name, (kind, count, part) in tensors.items():
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", kind, count, start + len(body), len(part))
        body += part
    path.write_bytes(head + directory + body)
    return words


def test_pieces_and_weights_are_read(tmp_path: Path) -> None:
    words = write_file(tmp_path / "e5.bin")
    found = read_pretrained(tmp_path / "e5.bin")
    assert (found.width, found.layers, found.heads, found.pieces) == (WIDTH, 1, 2, PIECES)
    assert found.scores_of_pieces() == {"▁ciao": 4.0, "é": 5.0}
    assert np.array_equal(found.weights["embeddings.word_embeddings.weight"], words * 0.5)
    query = found.weights["encoder.layer.0.attention.self.query.weight"]
    assert query.shape == (WIDTH, WIDTH)
    assert (query == 0.5).all()
    assert found.weights["embeddings.LayerNorm.weight"][3] == 3.0


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "e5.bin").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(PretrainedError, match="another release"):
        read_pretrained(tmp_path / "e5.bin")
