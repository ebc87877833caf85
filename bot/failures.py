"""What to do when the bot is not sure: ask back once, then hand over.

Pure functions over a conversation's events, so that nothing has to be counted in slots.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from rasa.shared.core.events import ActiveLoop, BotUttered, Event, UserUttered

from bot.understanding import DENY

# Two failures in a row are one too many: most customers leave after the second.
FAILURES_BEFORE_HANDOFF = 2

# Responses that end in "What (else) can I do for you?"; `utter_denied` does where no article was denied.
_ASK_WHAT_ELSE = {"utter_thank", "utter_how_can_i_help", "utter_denied"}

Step = Literal["clarify", "fallback", "handoff"]


def decision_of(event: UserUttered) -> str | None:
    """Return "answer", "clarify" or "fallback"; None for a message that no LabelClassifier has seen."""
    understanding = event.parse_data.get("understanding") or {}
    decision = understanding.get("decision")
    return str(decision) if decision else None


def count_failures(events: Iterable[Event]) -> int:
    """Count the customer's latest messages, back to the last understood one, that were not understood.

    Messages inside a form and outside of it are counted apart: not finding an order number in "the blue one"
    says nothing about whether the bot understood the question before it.
    """
    failures = 0
    loop: str | None = None
    loop_of_failures: str | None = None
    for event in events:
        if isinstance(event, ActiveLoop):
            loop = event.name
        elif isinstance(event, UserUttered):
            if decision_of(event) in ("clarify", "fallback"):
                failures = failures + 1 if loop == loop_of_failures else 1
                loop_of_failures = loop
            else:
                failures = 0
    return failures


def denied_topics(events: Iterable[Event]) -> tuple[list[str], int]:
    """Return the topics whose articles the customer has just called no help, the latest first, and how many
    times in a row they have said so.

    "No" right after an article is about the article, "no" to what was offered instead about the same search,
    and an article chosen from that goes on with it.
    """
    turns: list[tuple[UserUttered, str | None]] = []
    for event in events:
        if isinstance(event, UserUttered):
            turns.append((event, None))
        elif isinstance(event, BotUttered) and turns and event.metadata.get("topic"):
            turns[-1] = (turns[-1][0], turns[-1][1] or str(event.metadata["topic"]))
    topics: list[str] = []
    times = 0
    position = len(turns) - 1
    while position >= 1 and label_of(turns[position][0]) == DENY:
        times += 1
        shown = turns[position - 1][1]
        if shown:
            topics.append(shown)
        # The message that the article answered is neither a yes nor a no.
        position -= 2 if shown else 1
    return (topics, times) if topics else ([], 0)


def asked_what_else(events: Iterable[Event]) -> bool:
    """Return whether the bot's last reply before the latest message asked what (else) it can do."""
    last: str | None = None
    before: str | None = None
    for event in events:
        if isinstance(event, UserUttered):
            before = last
        elif isinstance(event, BotUttered):
            last = event.metadata.get("utter_action")
    return before in _ASK_WHAT_ELSE


def label_of(event: UserUttered) -> str | None:
    """Return what a message was understood to mean."""
    label = (event.parse_data.get("understanding") or {}).get("label")
    return str(label) if label else None


def next_step(events: Iterable[Event]) -> Step:
    """Return what to do about the latest message, which was not understood."""
    known = list(events)
    if count_failures(known) >= FAILURES_BEFORE_HANDOFF:
        return "handoff"
    latest = next((event for event in reversed(known) if isinstance(event, UserUttered)), None)
    return "clarify" if latest is not None and decision_of(latest) == "clarify" else "fallback"
