"""The encoder itself: a small transformer, a mean over its tokens, a vector of length one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers import BertConfig, BertModel

from bot.encoder.vocabulary import LONGEST_MESSAGE, PADDING_ID


@dataclass(frozen=True)
class Size:
    """How big the encoder is and how long it is trained."""

    layers: int
    width: int
    heads: int
    pieces: int
    # Steps of the two stages, see `bot.encoder.stages`.
    translation_steps: int
    label_steps: int


SIZES = {
    # Trained in about ten minutes on one core.
    "tiny": Size(layers=2, width=192, heads=4, pieces=8_000, translation_steps=400, label_steps=800),
    # These want an accelerator.
    "small": Size(layers=4, width=256, heads=4, pieces=12_000, translation_steps=20_000, label_steps=1_500),
    "base": Size(layers=6, width=384, heads=6, pieces=16_000, translation_steps=40_000, label_steps=2_000),
}


class SentenceEncoder(torch.nn.Module):
    """A BERT of the given size; a sentence is the mean of its tokens, scaled to length one."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.config = BertConfig(
            vocab_size=size.pieces,
            hidden_size=size.width,
            num_hidden_layers=size.layers,
            num_attention_heads=size.heads,
            intermediate_size=4 * size.width,
            max_position_embeddings=LONGEST_MESSAGE,
            # One text at a time, so no segments.
            type_vocab_size=1,
            pad_token_id=PADDING_ID,
            bos_token_id=None,
            eos_token_id=None,
            # Sums the same way in training and in the exported graph.
            attn_implementation="eager",
        )
        self.bert = BertModel(self.config, add_pooling_layer=False)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the embeddings of the tokens (texts x tokens x width) and of the texts (texts x width)."""
        tokens = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(tokens.dtype)
        mean = (tokens * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1.0)
        return tokens, torch.nn.functional.normalize(mean, dim=-1)
