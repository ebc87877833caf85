"""Two questions in one message: "How long does a refund take? And who pays for the return?"

And a question after an opening: "Hola buenas, ¿se puede pagar a plazos?" is that question, and so is "No, I
meant how long a refund takes" where the whole is not sure. "No thanks, that's all" is a goodbye.

Two only where both are plain: each a sentence with a question mark, or one sentence that goes on with "and"
and a question word; each sure to be answered by itself, each another label, and nothing else meant by the
whole. Background told before a question is no question.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

from bot.declining import declines
from bot.understanding import AFFIRM, DENY, THANK
from locales.knowledge import is_topic

GREET = "greet"
GOODBYE = "goodbye"
MOST_QUESTIONS = 3

# Up to a question mark of any script, with what follows it of the same kind ("??", "?!").
_QUESTION = re.compile(r"[^?？؟⁉]*[?？؟⁉][?？؟⁉!！]*", re.DOTALL)
# What stands before the last full stop inside is background, not part of the question.
_SENTENCE_END = re.compile(r"(?<=[.!。！…\n])\s*(?=\S)")
_SHORTEST = 4
# Half of a sentence that is told to mean one of these is background.
_NOTHING_ASKED = {"out_of_scope", GREET, GOODBYE, THANK, AFFIRM, DENY, "help", "inform"}
# What may stand in front of a question, and where it may end; a question seldom stands behind more of them.
_OPENINGS = {GREET, THANK, AFFIRM, DENY}
_OPENING_END = re.compile(r"[,，、.!?。！？؟…\n]+\s*(?=\w)")
_MOST_OPENINGS = 3
# "… and how …", "… et combien …": what joins a second question to the first, and what words it begins with.
# A language that is not here needs question marks.
_JOINED = {
    "en": ("and|plus|also", "how|what|when|where|who|which|can|could|do|does|did|is|are|will|would|may"),
    "de": (
        "und",
        "wie|was|wann|wo|wohin|wer|welche[rsn]?|kann|könn\\w+|gibt|geht|muss|darf|kommt|ist|sind|habt",
    ),
    "nl": ("en", "hoe|wat|wanneer|waar|wie|welke?|kan|kun|kunnen|mag|moet|is|zijn|hebben|doen|krijg"),
    "fr": (
        "et",
        "comment|combien|quand|où|qui|quels?|quelles?|est-ce|peut-on|puis-je|faut-il|en combien|c'est",
    ),
    "es": (
        "y|e|además",
        "cómo|cuánto|cuánta|cuántos|cuántas|cuándo|dónde|quién|qué|cuál|puedo|se puede|hay|si puedo",
    ),
    "it": (
        "e|ed|poi",
        "come|quanto|quanta|quanti|quante|quando|dove|chi|cosa|che|quale|posso|si può|c'è|fate",
    ),
    "pt": ("e", "como|quanto|quanta|quantos|quantas|quando|onde|quem|qual|posso|dá pra|tem|em quantos"),
    "he": ("ו|וגם ", "כמה|מה|מתי|איפה|איך|מי|האם|אפשר|אם אפשר|יש"),
    "ar": ("و|وكمان ", "كم|متى|امتى|وين|فين|كيف|مين|شو|ايش|إيش|هل|قديش|بكم|بكام|ممكن|عندكم"),
}
# Vietnamese, Chinese and Japanese ask at the end of a sentence: there the comma tells where a question ends.
_AFTER_COMMA = r"(?:mà|và|với lại|còn|cho hỏi|还有|另外|顺便|以及|再问|あと|それと|それから)"
_SPACED = "|".join(
    rf"(?:{joins})[ ]*(?=(?:{asks})\b)" if tag in ("he", "ar") else rf"(?:{joins})[ ]+(?=(?:{asks})\b)"
    for tag, (joins, asks) in _JOINED.items()
)
_SECOND_QUESTION = re.compile(rf"(?:,? +)(?:{_SPACED})|[,，、] *{_AFTER_COMMA}", re.IGNORECASE)


def split_questions(text: str) -> list[str]:
    """Return the two or three questions of a text; nothing where it has more or fewer."""
    return _by_marks(text) or _by_joining_words(text)


def _by_joining_words(text: str) -> list[str]:
    sentence = _SENTENCE_END.split(text.strip())[-1]
    parts = [part.strip() for part in _SECOND_QUESTION.split(sentence)]
    if len(parts) != 2 or len(_QUESTION.findall(text)) > 1:
        return []
    return parts if all(sum(map(str.isalnum, part)) >= _SHORTEST for part in parts) else []


def _by_marks(text: str) -> list[str]:
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
    if understood["decision"] != "answer":
        # "No, I meant …": what stands in front may be what made the rest unsure.
        understood = _behind(text, _OPENINGS, parse) or understood
    elif understood["label"] == GREET:
        understood = _behind(text, {GREET}, parse) or understood
    if understood["label"] == DENY and declines(text):
        return {**understood, "label": GOODBYE, "decision": "answer", "also": []}
    alone = {**understood, "also": []}
    questions = split_questions(text)
    if not questions:
        return alone
    parts: dict[str, dict[str, Any]] = {}
    for question in questions:
        part = parse(question)
        if part["label"] in _NOTHING_ASKED:
            continue
        if part["decision"] == "answer":
            parts.setdefault(part["label"], part)
    topics = [label for label in parts if is_topic(label)]
    if len(parts) != 2 or not topics:
        return alone
    if understood["decision"] == "answer" and understood["label"] not in parts:
        return alone
    # A task goes on after the answer, so it comes last and is what the message is about.
    main = next((label for label in parts if label not in topics), topics[0])
    return {**parts[main], "also": [label for label in topics if label != main][:1]}


def _behind(
    text: str, openings: Collection[str], parse: Callable[[str], dict[str, Any]]
) -> dict[str, Any] | None:
    """Return what a message means behind its opening, or None where nothing plain is."""
    for cut in list(_OPENING_END.finditer(text))[:_MOST_OPENINGS]:
        if parse(text[: cut.end()].strip())["label"] not in openings:
            return None
        part = parse(text[cut.end() :])
        if part["label"] not in _NOTHING_ASKED:
            return part if part["decision"] == "answer" else None
    return None
