"""Finds the article whose questions are closest to a message: in what they say, and in how it is spelled."""

from __future__ import annotations

import hashlib
import logging
import math
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from scipy import sparse

from bot.learning.text import simplify
from locales.articles import Article
from locales.languages import find_language, fold, list_languages

Embed = Callable[[Sequence[str]], np.ndarray]

_TEXTS_AT_ONCE = 32
_DIGEST_BYTES = 16
_NOTHING = 1e-9

logger = logging.getLogger(__name__)


class VectorCache:
    """Vectors of texts by one encoder, kept in a file: a thousand articles in twelve languages take a minute
    to encode and a tenth of a second to read.
    """

    def __init__(self, file: Path | None, embed: Embed) -> None:
        """Read the file, where there is one.

        Args:
            file: Of this encoder alone; None to keep nothing.
            embed: The encoder.
        """
        self._file = file
        self._embed = embed
        self._vectors: dict[bytes, np.ndarray] = {}
        if file is not None and file.exists():
            try:
                with np.load(file, allow_pickle=False) as stored:
                    keys, vectors = stored["keys"], stored["vectors"]
                self._vectors = {key.tobytes(): vector for key, vector in zip(keys, vectors, strict=True)}
            except (OSError, ValueError, KeyError) as error:
                logger.warning("%s cannot be read and is made anew: %s", file, error)

    def vectors_of(self, texts: Iterable[str]) -> dict[str, np.ndarray]:
        """Return the vector of each text, and forget the texts that are not asked for."""
        wanted = {text: _digest(text) for text in texts}
        missing = sorted((text for text, key in wanted.items() if key not in self._vectors), key=len)
        known = {key: self._vectors[key] for key in wanted.values() if key in self._vectors}
        for start in range(0, len(missing), _TEXTS_AT_ONCE):
            some = missing[start : start + _TEXTS_AT_ONCE]
            for text, vector in zip(some, self._embed(some), strict=True):
                known[wanted[text]] = vector.astype(np.float16)
        changed = bool(missing) or len(known) != len(self._vectors)
        self._vectors = known
        if changed and self._file is not None:
            self._save(self._file)
        return {text: known[key] for text, key in wanted.items()}

    def _save(self, file: Path) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".npz", delete=False) as part:
                keys = np.frombuffer(b"".join(self._vectors), dtype=np.uint8).reshape(-1, _DIGEST_BYTES)
                np.savez(part, keys=keys, vectors=np.stack(list(self._vectors.values())))
            Path(part.name).replace(file)
        except OSError as error:
            # A read-only disk: the next start encodes them again.
            logger.warning("vectors of questions cannot be kept in %s: %s", file, error)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()


class _Rows:
    """The questions that are searched in one language: what each says (a vector) and how it is spelled."""

    def __init__(self, pairs: Sequence[tuple[str, str]], vectors: np.ndarray) -> None:
        """Take topics with a question each, and the questions' vectors, in the same order."""
        names = [topic for topic, _ in pairs]
        # A topic's questions stand together.
        self._starts = np.array([row for row, name in enumerate(names) if row == 0 or names[row - 1] != name])
        self.topics = tuple(names[row] for row in self._starts)
        self._vectors = vectors
        grams = [_grams(text) for _, text in pairs]
        counts = Counter(gram for own in grams for gram in own)
        self._columns = {gram: column for column, gram in enumerate(counts)}
        self._rarest = _rarity(len(pairs), 0)
        self._rarity = np.array([_rarity(len(pairs), count) for count in counts.values()], dtype=np.float32)
        starts, columns, values = [0], [], []
        for own in grams:
            found = np.array([self._columns[gram] for gram in own], dtype=np.int32)
            weights = self._rarity[found]
            columns.append(found)
            values.append(weights / max(float(np.linalg.norm(weights)), _NOTHING))
            starts.append(starts[-1] + len(found))
        shape = (len(pairs), len(self._columns))
        self._spelling = sparse.csr_matrix(
            (np.concatenate(values), np.concatenate(columns), np.array(starts)), shape=shape
        )

    def closeness(self, text: str, vector: np.ndarray) -> np.ndarray:
        """Return how close each topic's best question is: cosine of what is said, plus that of spelling."""
        spelled = np.zeros(len(self._columns), dtype=np.float32)
        square = 0.0
        for gram in _grams(text):
            column = self._columns.get(gram)
            weight = self._rarest if column is None else float(self._rarity[column])
            square += weight * weight
            if column is not None:
                spelled[column] = weight
        alike = self._spelling @ spelled / max(math.sqrt(square), _NOTHING)
        return np.asarray(np.maximum.reduceat(self._vectors @ vector + alike, self._starts))


class QuestionIndex:
    """The questions and titles of all articles. Never changes; a changed knowledge base has another one."""

    def __init__(self, articles: Sequence[Article], cache: VectorCache) -> None:
        """Encode what is new.

        Args:
            articles: Of all languages.
            cache: Knows the vectors of most of their questions.
        """
        known = cache.vectors_of(text for article in articles for text in _texts(article))
        # All questions lie in one corner; what they share tells nothing.
        self._centre = np.mean(list(known.values()), axis=0, dtype=np.float32) if known else 0.0
        in_language: dict[str, dict[str, tuple[str, ...]]] = {}
        anywhere: dict[str, tuple[str, ...]] = {}
        for article in articles:
            own = _texts(article)
            in_language.setdefault(article.language, {})[article.topic] = own
            anywhere[article.topic] = (*anywhere.get(article.topic, ()), *own)
        self.topics = frozenset(anywhere)
        self._rows = {}
        for tag in {language.tag for language in list_languages()} | in_language.keys():
            # Where an article is missing in a language, its questions in the others have to do.
            asked = {**anywhere, **in_language.get(tag, {})}
            pairs = [(topic, text) for topic, own in asked.items() for text in own]
            if pairs:
                vectors = np.array([known[text] for _, text in pairs], dtype=np.float32)
                self._rows[tag] = _Rows(pairs, self._turn(vectors))

    def search(self, text: str, vector: np.ndarray, language: str, most: int) -> list[tuple[str, float]]:
        """Return topics and the closeness of their closest question (from −1 to 2), the closest first.

        Args:
            text: The message.
            vector: Of the message, by the encoder of the cache.
            language: The questions' language; one that the index does not know finds nothing.
            most: How many topics to return at most.
        """
        rows = self._rows.get(language)
        if rows is None:
            return []
        scores = rows.closeness(text, self._turn(vector[np.newaxis])[0])
        order = np.argsort(-scores, kind="stable")[:most]
        return [(rows.topics[number], float(scores[number])) for number in order]

    def _turn(self, vectors: np.ndarray) -> np.ndarray:
        centred = vectors - self._centre
        lengths = np.linalg.norm(centred, axis=1, keepdims=True)
        return np.asarray(centred / np.maximum(lengths, _NOTHING), dtype=np.float32)


def _grams(text: str) -> set[str]:
    """Return the runs of two to four characters of each word, without case and accents."""
    words = [f" {word} " for word in fold(text).split()]
    return {
        word[start : start + size]
        for word in words
        for size in (2, 3, 4)
        for start in range(len(word) - size + 1)
    }


def _rarity(texts: int, with_it: int) -> float:
    return math.log((1 + texts) / (1 + with_it)) + 1


def _texts(article: Article) -> tuple[str, ...]:
    language = find_language(article.language)
    script = language.script if language else None
    return tuple(simplify(text, script) for text in (article.title, *article.questions))
