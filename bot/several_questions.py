"""Two questions in one message: "How long does a refund take? And who pays for the return?"

Only where both are plain: each a sentence with a question mark, each understood by itself with more
confidence than a single question needs, each another label, and nothing else meant by the whole. Background
told before a question is no question.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from locales.knowledge import is_topic

# The second label's confidence may not be a guess: a needless second answer is worse than none.
SURE_FROM = 0.8
MOST_QUESTIONS = 3

# Up to a question mark of any script, with what follows it of the same kind ("??", "?!").
_QUESTION = re.compile(r"[^?？؟⁉]*[?？؟⁉][?？؟⁉!！]*", re.DOTALL)
# What stands before the last full stop inside is background, not part of the question.
_SENTENCE_END = re.compile(r"(?<=[.!。！…\n])\s*(?=\S)")
_SHORTEST = 4


def split_questions(text: str) -> list[str]:
    """Return the sentences that end with a question mark; nothing where there are not two or three."""
    questions = []
    for match in _QUESTION.finditer(text):
        sentence = _SENTENCE_END.split(match[0].strip())[-1].strip()
        if sum(sign.isalnum() for sign in sentence) >= _SHORTEST:
            questions.append(sentence)
    return questions if 2 <= len(questions) <= MOST_QUESTIONS else []


def understand_questions(
    understood: dict[str, Any], text: str, parse: Callable[[str], dict[str, Any]]
) -> dict[str, Any]:
    """Return what a message means, with `also` where it asks a second thing: a topic to be answered as well.

    Args:
        understood: What it means as a whole (`Understanding.as_dict`).
        text: The message.
        parse: Returns what a sentence means by itself, in the same form.
    """
    alone = {**understood, "also": []}
    questions = split_questions(text)
    if not questions:
        return alone
    parts: dict[str, dict[str, Any]] = {}
    for question in questions:
        part = parse(question)
        if part["decision"] == "answer" and part["confidence"] >= SURE_FROM:
            parts.setdefault(part["label"], part)
    topics = [label for label in parts if is_topic(label)]
    if len(parts) != 2 or not topics:
        return alone
    if understood["decision"] == "answer" and understood["label"] not in parts:
        return alone
    # A task goes on after the answer, so it comes last and is what the message is about.
    main = next((label for label in parts if label not in topics), topics[0])
    return {**parts[main], "also": [label for label in topics if label != main][:1]}
