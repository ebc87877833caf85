"""From probabilities to a decision: answer, ask back, or say that it was not understood. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from bot.context import EXPECTING_LANGUAGE, Context

Decision = Literal["answer", "clarify", "fallback"]

RANKED = 5

# Talk labels that mean something else right after a question. Labels keep their names for good (taxonomy).
AFFIRM = "affirm"
DENY = "deny"
THANK = "thank"
INFORM = "inform"
CHANGE_LANGUAGE = "change_language"


@dataclass(frozen=True)
class Thresholds:
    """See the LabelClassifier's config."""

    answer_from: float
    clarify_from: float
    expected_boost: float
    asked_boost: float
    offered_boost: float


@dataclass(frozen=True)
class Understanding:
    """What a message means. `ranking` has the likeliest labels with their probabilities."""

    label: str
    confidence: float
    ranking: tuple[tuple[str, float], ...]
    decision: Decision

    def as_dict(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "confidence": self.confidence,
            "ranking": [{"label": label, "confidence": confidence} for label, confidence in self.ranking],
            "decision": self.decision,
        }


_LIKELIER_THAN_NOT = 0.5
_COURTESIES = {"greet", THANK, "goodbye"}


def understand(
    labels: Sequence[str],
    probabilities: np.ndarray,
    context: Context,
    details: AbstractSet[str],
    thresholds: Thresholds,
) -> Understanding:
    """Return what a message means.

    Args:
        labels: All that the model knows.
        probabilities: One for each label, from the text alone.
        context: What the bot has just asked or offered, and the button pressed.
        details: Names of the entities in the text.
        thresholds: How sure is sure enough.
    """
    pressed = _pressed_label(context, labels)
    if pressed:
        return Understanding(pressed, 1.0, ((pressed, 1.0),), "answer")
    weighed = _in_context(labels, probabilities, context, details, thresholds)
    order = np.argsort(-weighed, kind="stable")[:RANKED]
    ranking = tuple((labels[column], round(float(weighed[column]), 4)) for column in order)
    label, confidence = ranking[0]
    sure = confidence
    below_article = _is_below_article(context)
    courtesies = {*_COURTESIES, AFFIRM} if below_article else _COURTESIES
    if label in courtesies:
        # "Merci, bonne soirée" is two of them: whichever is answered, it is no reason to ask what was meant.
        sure = sum(share for name, share in ranking if name in courtesies)
    decision = decide(sure, thresholds)
    if below_article and label == AFFIRM and decision == "answer":
        # "Ok, got it" is thanks for the article.
        return Understanding(THANK, confidence, ranking, decision)
    if below_article and label == DENY and confidence > _LIKELIER_THAN_NOT:
        # What follows offers other topics, as asking back would.
        return Understanding(DENY, confidence, ranking, "answer")
    asked_which = context.offered and (context.clarified or context.offered_instead)
    if decision == "answer" and label == AFFIRM and asked_which:
        # "Did you mean …?" "Yes": the likeliest stood first.
        return Understanding(context.offered[0], confidence, ranking, "answer")
    if decision == "answer" and label == DENY and context.clarified and context.expecting is None:
        # None of what was offered: not understood for a second time.
        return Understanding(DENY, confidence, ranking, "fallback")
    return Understanding(label, confidence, ranking, decision)


def _is_below_article(context: Context) -> bool:
    """Return whether "That didn't help" has just been offered, which stands below an article alone."""
    return DENY in context.offered


def decide(confidence: float, thresholds: Thresholds) -> Decision:
    """Return what to do about a label that a message means with this probability."""
    if confidence >= thresholds.answer_from:
        return "answer"
    return "clarify" if confidence >= thresholds.clarify_from else "fallback"


def _pressed_label(context: Context, labels: Sequence[str]) -> str | None:
    pressed = context.pressed
    if pressed is None:
        return None
    if pressed.kind == "language":
        return CHANGE_LANGUAGE
    if pressed.kind == "order":
        return INFORM
    if pressed.kind == "feedback":
        return DENY
    # A button from before the last update may stand for a label that is gone: its title is read as text then.
    return pressed.value if pressed.value in labels else None


def _in_context(
    labels: Sequence[str],
    probabilities: np.ndarray,
    context: Context,
    details: AbstractSet[str],
    thresholds: Thresholds,
) -> np.ndarray:
    boosts = np.ones(len(labels))
    answer = CHANGE_LANGUAGE if context.expecting == EXPECTING_LANGUAGE else INFORM
    if answer in labels and context.expecting in details:
        boosts[labels.index(answer)] = thresholds.expected_boost
    elif answer in labels and context.expecting not in (None, EXPECTING_LANGUAGE):
        boosts[labels.index(answer)] = thresholds.asked_boost
    # Where a "no" is offered, a "yes" or thanks are no less likely.
    for offered in {*context.offered, *((AFFIRM, THANK) if _is_below_article(context) else ())}:
        if offered in labels:
            boosts[labels.index(offered)] = thresholds.offered_boost
    weighed = probabilities * boosts
    return np.asarray(weighed / weighed.sum())
