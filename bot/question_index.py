"""Finds the article whose questions lie closest to a message: vectors of all questions, by language."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from locales.articles import Article
from locales.languages import list_languages

Embed = Callable[[Sequence[str]], np.ndarray]

_TEXTS_AT_ONCE = 32
_DIGEST_BYTES = 16

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


@dataclass(frozen=True)
class _Rows:
    """`vectors` is questions × width; `topics` has the topic of each."""

    vectors: np.ndarray
    topics: tuple[str, ...]


class QuestionIndex:
    """The questions and titles of all articles. Never changes; a changed knowledge base has another one."""

    def __init__(self, articles: Sequence[Article], cache: VectorCache) -> None:
        """Encode what is new.

        Args:
            articles: Of all languages.
            cache: Knows the vectors of most of their questions.
        """
        vectors = cache.vectors_of(text for article in articles for text in _texts(article))
        in_language: dict[str, dict[str, tuple[str, ...]]] = {}
        anywhere: dict[str, tuple[str, ...]] = {}
        for article in articles:
            own = _texts(article)
            in_language.setdefault(article.language, {})[article.topic] = own
            anywhere[article.topic] = (*anywhere.get(article.topic, ()), *own)
        self._rows = {}
        for tag in {language.tag for language in list_languages()} | in_language.keys():
            # Where an article is missing in a language, its questions in the others have to do.
            asked = {**anywhere, **in_language.get(tag, {})}
            pairs = [(topic, text) for topic, own in asked.items() for text in own]
            self._rows[tag] = _Rows(
                np.array([vectors[text] for _, text in pairs], dtype=np.float32),
                tuple(topic for topic, _ in pairs),
            )

    def search(self, vector: np.ndarray, language: str, most: int) -> list[tuple[str, float]]:
        """Return topics and the cosine of their closest question, the closest first.

        Args:
            vector: Of the message, of length one.
            language: The questions' language; one that the index does not know finds nothing.
            most: How many topics to return at most.
        """
        rows = self._rows.get(language)
        if rows is None or not len(rows.topics):
            return []
        scores = rows.vectors @ vector
        found: dict[str, float] = {}
        for row in np.argsort(-scores):
            found.setdefault(rows.topics[row], float(scores[row]))
            if len(found) == most:
                break
        return list(found.items())


def _texts(article: Article) -> tuple[str, ...]:
    return (article.title, *article.questions)
