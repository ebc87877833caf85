"""The encoder itself: a small transformer, a mean over its tokens, a vector of length one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from bot.encoder.pretrained import Pretrained
from bot.encoder.vocabulary import LONGEST_MESSAGE, PADDING_ID

_WORD_EMBEDDINGS = "embeddings.word_embeddings.weight"


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


# As much as fits into 15 MB in 8 bits and into 3 ms a message on one core; trains in two hours on two.
SHIPPED = Size(layers=4, width=384, heads=12, pieces=20_000, translation_steps=3_000, label_steps=1_400)


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
            # Half as many messages a second with it, and spoilt messages do the same.
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            # Sums the same way in training and in the exported graph; on processors also twice as fast.
            attn_implementation="eager",
        )
        self.bert = BertModel(self.config, add_pooling_layer=False)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the embeddings of the tokens (texts x tokens x width) and two of the texts (texts x width).

        The last layers are tuned to our labels, and put a question on anything else beside the label that it
        is least unlike. The second vector of a text is taken in the middle, where questions still are what
        they say: articles on new topics are found by it.
        """
        layers = self.bert(
            input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True
        ).hidden_states
        tokens, middle = layers[-1].float(), layers[len(layers) // 2].float()
        mask = attention_mask.unsqueeze(-1).to(tokens.dtype)
        count = mask.sum(dim=1).clamp(min=1.0)
        sentence, question = (
            torch.nn.functional.normalize((layer * mask).sum(dim=1) / count, dim=-1)
            for layer in (tokens, middle)
        )
        return tokens, sentence, question

    def lower_half(self) -> list[torch.nn.Module]:
        """Return the parts that a text's second vector, taken in the middle, depends on."""
        layers = self.bert.encoder.layer
        return [self.bert.embeddings, *layers[: len(layers) // 2]]


def start_from(pretrained: Pretrained, size: Size, tokenizer: Tokenizer) -> SentenceEncoder:
    """Return an encoder with the first layers of a pretrained one and what that knows of the tokeniser's
    pieces.

    The first layers, as they do with less than the last ones what all tasks need; the training that follows
    teaches them to end there.

    Raises:
        ValueError: The width or heads differ, or it has fewer layers.
    """
    if (pretrained.width, pretrained.heads) != (size.width, size.heads) or pretrained.layers < size.layers:
        raise ValueError(
            f"{pretrained.layers} x {pretrained.width} with {pretrained.heads} heads cannot start {size}"
        )
    model = SentenceEncoder(size)
    weights = {name: torch.from_numpy(values.copy()) for name, values in pretrained.weights.items()}
    own = model.bert.state_dict()
    known = {piece: row for row, piece in enumerate(pretrained.pieces)}
    words = weights.pop(_WORD_EMBEDDINGS)
    # What has no row there (a byte) starts as the average piece.
    rows = words.mean(dim=0).repeat(size.pieces, 1)
    for piece, number in tokenizer.get_vocab().items():
        if piece in known and number != PADDING_ID:
            rows[number] = words[known[piece]]
    own[_WORD_EMBEDDINGS] = rows
    for name, values in weights.items():
        if name in own:
            # The fewer positions of ours, and the one segment.
            own[name] = values[: len(own[name])]
    model.bert.load_state_dict(own)
    return model
