"""Writes the README that lies beside the encoder."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot.encoder.corpora import Pair
from bot.training_data import TrainingMessage

# Messages in languages that the shop does not answer in (they ask for another).
_OTHER = "other"
_TEMPLATE = Path(__file__).with_name("model_card.md")


def render_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; a column is as narrow as its longest cell."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def render_model_card(
    messages: Sequence[TrainingMessage], pairs: Sequence[Pair], figures: str, facts: dict[str, Any]
) -> str:
    """Return the README for an encoder trained on these.

    Args:
        messages: All messages of the second stage.
        pairs: All pairs of the first stage; empty if it was skipped.
        figures: Tables of what was measured, in Markdown.
        facts: What else the template names: size, seed, width and so on.

    Raises:
        KeyError: The template names a fact that is not given.
    """
    by_language = Counter(message.language or _OTHER for message in messages)
    by_source = Counter(pair.source for pair in pairs)
    template = string.Template(_TEMPLATE.read_text(encoding="utf-8"))
    return template.substitute(
        facts,
        figures=figures,
        languages=", ".join(sorted(by_language.keys() - {_OTHER})),
        messages=f"{len(messages):,}",
        message_counts=", ".join(f"{name} {count:,}" for name, count in sorted(by_language.items())),
        pairs=f"{len(pairs):,}",
        sources=", ".join(f"{name} {count:,}" for name, count in by_source.most_common()) or "none",
    )
