"""Models of several languages at once: how likely is a text in each of them?

Character n-grams within words, with interpolated Witten-Bell smoothing (Witten & Bell 1991), and whole words.
Worked out when training: a known word is one row, its logarithm in each language; of others the letters
are a row each, that of the longest n-gram known which ends with one. Scoring is one sum over rows.

Of two words what stands before and after each counts as well: "cam on" is all that many say in Vietnamese,
and no one in English.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from bot.learning.ngram_index import NgramIndex, read_ngrams, write_ngrams

# Share of a letter that no language has ever shown: Unicode has a few thousand letters in common use.
_ALPHABET_SIZE = 3000
# How likely a word is one that was seen, rather than one that letters make up: short messages hang on it.
_WORD_SHARE = 0.5
# Share of a word's weight that comes from messages of fewer than so many words alone: these have words of
# their own ("retour", "moin"), which are rare among all.
_FEW_WORDS = 3
_FEW_WORDS_SHARE = 0.3
# Share of a word's weight that comes from texts on anything, where these are known. More helps with words
# that no customer has used yet, and costs those that customers use.
_GENERAL_SHARE = 0.2
# Logarithm of the share of a word that a language's speakers have never used.
_NEVER = -60.0

# Stand before the first word of a message and after the last one.
_BEGINNING, _END = "<", ">"
# How many times a word must have followed another: with two there are twice as many pairs, and one message of
# two words in a thousand is told better.
_LEAST_PAIRS = 3

# Words scored together in training: all of them would fill the memory.
_AT_ONCE = 4096

_NGRAMS_FILE = "ngrams.txt"
_WORDS_FILE = "words.txt"
_PAIRS_FILE = "pairs.txt"


@dataclass(frozen=True)
class Letters:
    """`rows[number of an n-gram]` holds log P(last character | characters before it) in each language."""

    order: int
    index: NgramIndex
    rows: np.ndarray

    def score(self, words: Sequence[str]) -> np.ndarray:
        """Return words × languages: the natural logarithm of how likely their letters make each word up."""
        padded = [f" {word} " for word in words]
        # Of every character the longest n-gram known that ends with it: most have one of the full length.
        ends = [(text, end) for text in padded for end in range(2, len(text) + 1)]
        longest = self.index.find([text[max(0, end - self.order) : end] for text, end in ends])
        missing = np.flatnonzero(longest < 0)
        if len(missing) and self.order > 1:
            shorter = self.index.find(
                [
                    text[max(0, end - size) : end]
                    for text, end in (ends[position] for position in missing.tolist())
                    for size in range(self.order - 1, 0, -1)
                ]
            ).reshape(len(missing), self.order - 1)
            longest[missing] = shorter[np.arange(len(missing)), (shorter >= 0).argmax(axis=1)]
        by_character = self.rows[longest].astype(np.float32)
        by_character[longest < 0] = -math.log(_ALPHABET_SIZE)
        # A word ends with the space after it.
        starts = np.cumsum([0, *(len(word) + 1 for word in words[:-1])])
        return np.asarray(np.add.reduceat(by_character, starts, axis=0))


@dataclass(frozen=True)
class WordPairs:
    """Which words follow each other, with Witten-Bell smoothing. Of "a b", `rows` holds which share of those
    that follow "a" are "b"; of "a" alone, which share is left to words that have never followed it. A column
    a language.
    """

    index: NgramIndex
    rows: np.ndarray
    # Which share of all that follows a word is the message's end.
    ends: np.ndarray

    def score(self, words: Sequence[str], by_word: np.ndarray) -> np.ndarray:
        """Return the natural log likelihood of words as a message of their own, in each language.

        Args:
            words: All that was written.
            by_word: Each word's own log likelihood, as words × languages.
        """
        befores = [_BEGINNING, *words]
        found = self.index.find([*befores, *_pairs_of(words)])
        known = found >= 0
        # A word that nobody has written says nothing of the next, a pair neither: the next word's own share
        # is all there is.
        rows = np.zeros((len(found), len(self.ends)))
        rows[: len(befores)] = 1.0
        rows[known] = self.rows[found[known]]
        left, shares = rows[: len(befores)], rows[len(befores) :]
        by_themselves = np.vstack([np.exp(by_word.astype(np.float64)), self.ends])
        return np.asarray(np.log(shares + left * by_themselves).sum(axis=0))


@dataclass(frozen=True)
class LanguageModel:
    """`word_rows[number of a word]` holds the logarithm of how likely a word is, a column a language."""

    languages: tuple[str, ...]
    letters: Letters
    words: NgramIndex
    word_rows: np.ndarray
    pairs: WordPairs

    def score(self, words: Sequence[str]) -> tuple[np.ndarray, int, int]:
        """Return the words' natural log likelihood in each language, the characters counted, and how many of
        the words nobody has ever used.
        """
        found = self.words.find(words)
        scores = self.word_rows[found[found >= 0]].sum(axis=0, dtype=np.float32)
        strange = [word for word, number in zip(words, found.tolist(), strict=True) if number < 0]
        if strange:
            scores += self.letters.score(strange).sum(axis=0)
        return scores, sum(map(len, words)) + len(words), len(strange)

    def score_as_message(self, words: Sequence[str]) -> np.ndarray:
        """Return the natural log likelihood in each language that these words, and no more, are said."""
        by_word = np.vstack([self.score([word])[0] for word in words])
        return self.pairs.score(words, by_word)

    def save(self, folder: Path, vocabulary: Vocabulary) -> None:
        """Write the model, with its n-grams and words, which it doesn't keep."""
        np.savez_compressed(
            folder / "rows.npz",
            rows=self.letters.rows,
            word_rows=self.word_rows,
            pair_rows=self.pairs.rows,
            ends=self.pairs.ends,
        )
        header = {"languages": self.languages, "order": self.letters.order}
        (folder / "languages.json").write_text(json.dumps(header), encoding="utf-8")
        write_ngrams(folder / _NGRAMS_FILE, vocabulary.ngrams)
        write_ngrams(folder / _WORDS_FILE, vocabulary.words)
        write_ngrams(folder / _PAIRS_FILE, vocabulary.pairs)

    @classmethod
    def load(cls, folder: Path) -> LanguageModel:
        """Raises OSError, ValueError or KeyError for files that `save` did not write."""
        header = json.loads((folder / "languages.json").read_text(encoding="utf-8"))
        with np.load(folder / "rows.npz", allow_pickle=False) as arrays:
            return cls(
                languages=tuple(header["languages"]),
                letters=Letters(
                    header["order"], NgramIndex(read_ngrams(folder / _NGRAMS_FILE)), arrays["rows"]
                ),
                words=NgramIndex(read_ngrams(folder / _WORDS_FILE)),
                word_rows=arrays["word_rows"],
                pairs=WordPairs(
                    NgramIndex(read_ngrams(folder / _PAIRS_FILE)), arrays["pair_rows"], arrays["ends"]
                ),
            )


@dataclass(frozen=True)
class Vocabulary:
    """What the rows of a model stand for."""

    ngrams: list[str]
    words: list[str]
    pairs: list[str]


def train_language_model(
    texts: Iterable[tuple[str, Sequence[str]]],
    languages: Sequence[str],
    order: int,
    general: Sequence[Mapping[str, float]] = (),
) -> tuple[LanguageModel, Vocabulary]:
    """Count (language, words) pairs and return the model and its vocabulary.

    Args:
        texts: What was written in which language, as words.
        languages: Every language of the texts, in the order of the model's columns.
        order: Longest n-gram, in characters.
        general: For each language, if at all, the words of texts on anything and the share that each is of
            them; empty where they are not known.
    """
    words: list[Counter[str]] = [Counter() for _ in languages]
    pairs: list[Counter[str]] = [Counter() for _ in languages]
    words_of_short: list[Counter[str]] = [Counter() for _ in languages]
    for language, of_text in texts:
        words[languages.index(language)].update(of_text)
        pairs[languages.index(language)].update(_pairs_of(of_text))
        if len(of_text) < _FEW_WORDS:
            words_of_short[languages.index(language)].update(of_text)
    ngrams: list[Counter[str]] = [Counter() for _ in languages]
    for column, of_language in enumerate(words):
        for word, count in of_language.items():
            for ngram in _ngrams_of(f" {word} ", order):
                ngrams[column][ngram] += count
    seen, rows = _work_out(ngrams, order)
    letters = Letters(order, NgramIndex(seen), rows.astype(np.float16))
    known = sorted(set().union(*words, *general))
    shares = (1 - _FEW_WORDS_SHARE) * _shares(words, known)
    shares += _FEW_WORDS_SHARE * _shares(words_of_short, known)
    for column, elsewhere_used in enumerate(general):
        if elsewhere_used:
            elsewhere = np.array([elsewhere_used.get(word, 0.0) for word in known], dtype=np.float32)
            shares[:, column] += _GENERAL_SHARE * (elsewhere - shares[:, column])
    with np.errstate(divide="ignore"):
        whole = np.maximum(np.log(shares), _NEVER)
    made_up = np.vstack([letters.score(known[at : at + _AT_ONCE]) for at in range(0, len(known), _AT_ONCE)])
    # Either a word that its speakers use, or one made of their letters.
    word_rows = np.logaddexp(made_up + math.log(1 - _WORD_SHARE), whole + math.log(_WORD_SHARE))
    following, followers = _fit_pairs(pairs)
    model = LanguageModel(
        tuple(languages), letters, NgramIndex(known), word_rows.astype(np.float16), followers
    )
    return model, Vocabulary(seen, known, following)


def _pairs_of(words: Sequence[str]) -> list[str]:
    """Return each word with the one before it, the message's beginning and end included."""
    return [f"{before} {after}" for before, after in pairwise([_BEGINNING, *words, _END])]


def _fit_pairs(pairs: Sequence[Counter[str]]) -> tuple[list[str], WordPairs]:
    """Return what `WordPairs.rows` is of, and the pairs, from how often each language has each."""
    followed: list[Counter[str]] = [Counter() for _ in pairs]
    kinds: list[Counter[str]] = [Counter() for _ in pairs]
    ended: Counter[int] = Counter()
    for column, of_language in enumerate(pairs):
        for pair, count in of_language.items():
            before, _, after = pair.partition(" ")
            followed[column][before] += count
            kinds[column][before] += 1
            ended[column] += count * (after == _END)
    often = sorted({pair for of in pairs for pair, count in of.items() if count >= _LEAST_PAIRS})
    befores = sorted({pair.partition(" ")[0] for pair in often})
    new = _as_matrix(kinds, befores)
    totals = np.maximum(_as_matrix(followed, befores) + new, np.finfo(np.float32).tiny)
    number = {before: row for row, before in enumerate(befores)}
    shares = _as_matrix(pairs, often) / totals[[number[pair.partition(" ")[0]] for pair in often]]
    # A language in which nobody has written the word can't tell what follows.
    left = np.where(new > 0, new / totals, 1.0)
    ends = np.array([ended[column] / max(1, sum(of.values())) for column, of in enumerate(followed)])
    rows = np.vstack([left, shares]).astype(np.float16).reshape(-1, len(pairs))
    return [*befores, *often], WordPairs(NgramIndex([*befores, *often]), rows, ends)


def _ngrams_of(text: str, order: int) -> list[str]:
    """Return the n-grams that end with each character but the first, which is the space before the text."""
    return [
        text[start : end + 1]
        for end in range(1, len(text))
        for start in range(max(0, end - order + 1), end + 1)
    ]


def _as_matrix(counts: Sequence[Counter[str]], names: Sequence[str]) -> np.ndarray:
    """Return the counts as names × languages."""
    return np.array([[of_language[name] for of_language in counts] for name in names], dtype=np.float32)


def _shares(counts: Sequence[Counter[str]], names: Sequence[str]) -> np.ndarray:
    """Return what share of each language's words each name is, as names × languages."""
    found = _as_matrix(counts, names)
    return np.asarray(found / np.maximum(found.sum(axis=0), 1))


def _work_out(counts: Sequence[Counter[str]], order: int) -> tuple[list[str], np.ndarray]:
    """Return every n-gram, the shorter ones first, and the logarithm of P(last character | those before)."""
    seen = sorted(set().union(*counts), key=lambda ngram: (len(ngram), ngram))
    number = {ngram: row for row, ngram in enumerate(seen)}
    lengths = np.array([len(ngram) for ngram in seen])
    found = _as_matrix(counts, seen)
    probabilities = np.empty_like(found)
    for length in range(1, order + 1):
        rows = np.flatnonzero(lengths == length)
        if not len(rows):
            break
        first = rows[0]
        of_length = seen[first : first + len(rows)]
        # What the n-gram's end has without its first character; one character alone may be any.
        shorter = (
            np.float32(1 / _ALPHABET_SIZE)
            if length == 1
            else probabilities[[number[ngram[1:]] for ngram in of_length]]
        )
        # Sorted, those with the same characters before the last one stand together.
        contexts = [ngram[:-1] for ngram in of_length]
        starts = [row for row, context in enumerate(contexts) if row == 0 or context != contexts[row - 1]]
        group = np.repeat(np.arange(len(starts)), np.diff([*starts, len(rows)]))
        own = found[rows]
        total = np.add.reduceat(own, starts, axis=0)[group]
        distinct = np.add.reduceat((own > 0).astype(np.float32), starts, axis=0)[group]
        # Where a language has never had these characters, the shorter n-gram decides.
        probabilities[rows] = np.where(
            total > 0, (own + distinct * shorter) / np.maximum(total + distinct, 1), shorter
        )
    return seen, np.log(probabilities)
