"""What the pretrained encoder makes of a text: the places that the first stage teaches."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from tqdm import tqdm
from transformers import BertConfig, BertModel

from bot.encoder.pretrained import Pretrained
from bot.encoder.stages import embed_rows

# Its own texts began so, and its vocabulary has these marks around a text.
_PREFIX = "query: "
_BEGIN, _END, _UNKNOWN = 0, 2, 3
_LONGEST = 64
_TEXTS_A_PART = 4096


class _Whole(torch.nn.Module):
    def __init__(self, pretrained: Pretrained) -> None:
        super().__init__()
        weights = {name: torch.from_numpy(values.copy()) for name, values in pretrained.weights.items()}
        positions = len(weights["embeddings.position_embeddings.weight"])
        config = BertConfig(
            # A few rows more than it has pieces.
            vocab_size=len(weights["embeddings.word_embeddings.weight"]),
            hidden_size=pretrained.width,
            num_hidden_layers=pretrained.layers,
            num_attention_heads=pretrained.heads,
            intermediate_size=4 * pretrained.width,
            max_position_embeddings=positions,
            attn_implementation="eager",
            type_vocab_size=len(weights["embeddings.token_type_embeddings.weight"]),
            pad_token_id=None,
        )
        self.bert = BertModel(config, add_pooling_layer=False).eval()
        self.bert.load_state_dict(weights)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        tokens = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state.float()
        mask = attention_mask.unsqueeze(-1)
        return tokens, (tokens * mask).sum(dim=1) / mask.sum(dim=1)


def _build_tokenizer(pretrained: Pretrained) -> Tokenizer:
    vocabulary = list(zip(pretrained.pieces, pretrained.scores.tolist(), strict=True))
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=_UNKNOWN, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    return tokenizer


def place_texts(
    pretrained: Pretrained, texts: Sequence[str], languages: Sequence[str], device: torch.device, folder: Path
) -> dict[str, torch.Tensor]:
    """Return the teacher's vector of each text: of length one, less the average of its language.

    The teacher puts all texts into one corner, and those of one language closer together: neither says what a
    text means.

    Args:
        pretrained: The teacher.
        texts: Distinct.
        languages: Of each text.
        device: Where to run the teacher.
        folder: Keeps what is done, so that a run broken off goes on from there.
    """
    teacher, tokenizer = _Whole(pretrained).to(device), _build_tokenizer(pretrained)
    folder = folder / f"teacher-{hashlib.sha256(chr(10).join(texts).encode()).hexdigest()[:12]}"
    folder.mkdir(exist_ok=True)
    parts = []
    for start in tqdm(range(0, len(texts), _TEXTS_A_PART), desc="teacher", unit="part"):
        path = folder / f"{start}.npy"
        if not path.exists():
            rows = []
            for text in texts[start : start + _TEXTS_A_PART]:
                plain = " ".join(unicodedata.normalize("NFKC", _PREFIX + text).split())
                rows.append([_BEGIN, *tokenizer.encode(plain).ids[: _LONGEST - 2], _END])
            with torch.inference_mode():
                vectors = embed_rows(teacher, rows, device).cpu().numpy().astype(np.float16)
            unfinished = path.with_suffix(".unfinished")
            with unfinished.open("wb") as file:
                np.save(file, vectors)
            unfinished.replace(path)
        parts.append(np.load(path))
    vectors = np.concatenate(parts).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    of_language = np.array(languages)
    for language in sorted(set(languages)):
        chosen = of_language == language
        vectors[chosen] -= vectors[chosen].mean(axis=0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return dict(zip(texts, torch.from_numpy(vectors), strict=True))
