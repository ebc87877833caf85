"""How good an encoder is: what a plain classifier makes of its vectors, and whether it finds translations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch
from tokenizers import Tokenizer

from bot.encoder.corpora import Pair
from bot.encoder.model import SentenceEncoder
from bot.encoder.stages import embed
from bot.training_data import TrainingMessage

_NEIGHBOURS = 5
_PENALTY = 1e-3
_PROBE_STEPS = 60
_CANDIDATES = 500
# How messages in a language that the shop does not answer in are named together.
_OTHER = "other"


def probe(vectors: torch.Tensor, labels: torch.Tensor, asked: torch.Tensor, classes: int) -> torch.Tensor:
    """Return the label that a linear classifier, fitted to the labelled vectors, gives each asked one."""
    # Vectors of length one in that many directions have tiny components.
    scale = vectors.shape[1] ** 0.5
    weights = torch.zeros(vectors.shape[1], classes, requires_grad=True)
    biases = torch.zeros(classes, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights, biases], max_iter=_PROBE_STEPS, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(vectors * scale @ weights + biases, labels)
        loss = loss + _PENALTY * weights.square().sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    with torch.no_grad():
        return (asked * scale @ weights + biases).argmax(dim=1)


def vote(vectors: torch.Tensor, labels: torch.Tensor, asked: torch.Tensor, classes: int) -> torch.Tensor:
    """Return the label that the nearest labelled vectors give each asked one, near ones counting more."""
    closeness, nearest = (asked @ vectors.T).topk(min(_NEIGHBOURS, len(vectors)), dim=1)
    votes = torch.zeros(len(asked), classes)
    votes.scatter_add_(1, labels[nearest], closeness.clamp(min=0))
    return votes.argmax(dim=1)


def measure_labels(
    model: SentenceEncoder,
    tokenizer: Tokenizer,
    known: Sequence[TrainingMessage],
    asked: Sequence[TrainingMessage],
) -> dict[str, tuple[float, float, int]]:
    """Return by language how many asked messages get their label: share by probe, share by vote, messages."""
    names = sorted({message.label for message in known})
    number = {name: index for index, name in enumerate(names)}
    vectors = embed(model, tokenizer, [message.text for message in known])
    labels = torch.tensor([number[message.label] for message in known])
    strange = embed(model, tokenizer, [message.text for message in asked])
    by_probe = probe(vectors, labels, strange, len(names))
    by_vote = vote(vectors, labels, strange, len(names))
    rows: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for message, probed, voted in zip(asked, by_probe.tolist(), by_vote.tolist(), strict=True):
        rows[message.language or _OTHER].append(
            (names[probed] == message.label, names[voted] == message.label)
        )
    return {
        language: (
            sum(probed for probed, _ in hits) / len(hits),
            sum(voted for _, voted in hits) / len(hits),
            len(hits),
        )
        for language, hits in sorted(rows.items())
    }


def measure_translations(
    model: SentenceEncoder, tokenizer: Tokenizer, pairs: dict[str, list[Pair]]
) -> dict[str, float]:
    """Return by language the share of English sentences whose nearest of 500 in it is their translation."""
    shares = {}
    for language, of_language in sorted(pairs.items()):
        chosen = of_language[:_CANDIDATES]
        english = embed(model, tokenizer, [pair.english for pair in chosen])
        other = embed(model, tokenizer, [pair.text for pair in chosen])
        found = (english @ other.T).argmax(dim=1) == torch.arange(len(chosen))
        shares[language] = found.float().mean().item()
    return shares
