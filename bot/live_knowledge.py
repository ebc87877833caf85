"""The knowledge base as it is now: files and supervisors' articles, looked at again every second or two.

What is wrong never goes live: the last good state stays, and the log says which file and line to mend.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import requests

from bot.metrics import ARTICLES, KNOWLEDGE_REFUSED
from bot.question_index import QuestionIndex, VectorCache
from locales.articles import Article, KnowledgeError, check_article, check_questions, make_article
from locales.knowledge import KNOWLEDGE_FOLDER, KnowledgeBase, Topic, load_knowledge, stamp_files

SERVICE_URL_VARIABLE = "DRAGOMAN_SERVICE_URL"
SECRET_VARIABLE = "DRAGOMAN_INTERNAL_SECRET"  # noqa: S105  the variable's name

SECONDS_BETWEEN_LOOKS = 1.0
_SERVICE_TIMEOUT_SECONDS = 5.0
# What customers say of articles changes an order of buttons: a minute old is new enough.
_LOOKS_BETWEEN_SCORES = 60
# What is said of an article counts from the third customer on, and never decides alone.
_DOUBT = 2.0

logger = logging.getLogger(__name__)


class ServiceArticles:
    """The articles that supervisors wrote: asks the service what has changed."""

    def __init__(self, url: str, secret: str) -> None:
        """Take the service's address and the internal secret."""
        self._url = f"{url.rstrip('/')}/internal/v1/knowledge/changes"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {secret}"
        self._revision = 0
        self._looks = 0
        self.articles: dict[str, dict[str, Any]] = {}
        self.scores: dict[tuple[str, str], float] = {}

    def fetch(self) -> bool:
        """Take over what has changed; return whether anything has.

        Raises:
            requests.RequestException: The service does not answer, or not as it should.
        """
        changed = False
        with_scores = self._looks % _LOOKS_BETWEEN_SCORES == 0
        self._looks += 1
        while True:
            answer = self._session.get(
                self._url,
                params={"after": str(self._revision), "scores": str(with_scores).lower()},
                timeout=_SERVICE_TIMEOUT_SECONDS,
            )
            answer.raise_for_status()
            changes = answer.json()
            if changes["revision"] < self._revision:
                # A database that was set back: what is known of it is void.
                self.articles.clear()
                changed = True
            self._revision = changes["revision"]
            if changes["scores"] is not None:
                self.scores = {
                    (score["topic"], score["language"]): _worth(score["helped"], score["not_helped"])
                    for score in changes["scores"]
                }
            for article in changes["articles"]:
                self.articles.pop(article["topic"], None)
                if article["texts"]:
                    self.articles[article["topic"]] = article
                changed = True
            if not changes["more"]:
                return changed


def _worth(helped: int, not_helped: int) -> float:
    return (helped + _DOUBT) / (helped + not_helped + 2 * _DOUBT)


class LiveKnowledge:
    """Keeps a knowledge base and the index of its questions up to date, in a thread of its own."""

    def __init__(self, folder: Path = KNOWLEDGE_FOLDER, service: ServiceArticles | None = None) -> None:
        """Read the files.

        Args:
            folder: The files' folder.
            service: Where supervisors' articles come from, if from anywhere.

        Raises:
            KnowledgeError: A file is wrong; there is no earlier state to go on with.
        """
        self._folder = folder
        self._service = service
        self._lock = threading.Lock()
        self._stamps = stamp_files(folder)
        self._files = load_knowledge(folder)
        self.base: KnowledgeBase = self._files
        self.index: QuestionIndex | None = None
        self._cache: VectorCache | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        ARTICLES.set(len(self.base.list_articles()))

    def use_encoder(self, make_cache: Callable[[], VectorCache]) -> None:
        """Build the index of questions, if there is none yet, and keep it from now on."""
        with self._lock:
            if self._cache is None:
                self._cache = make_cache()
                self.index = QuestionIndex(self.base.list_articles(), self._cache)

    def start(self) -> None:
        """Begin to look for changes."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="knowledge", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def score_of(self, topic: str, language: str) -> float:
        """Return the share of customers whom an article has helped: 0 to 1, 0.5 where little is known."""
        return self._service.scores.get((topic, language), 0.5) if self._service else 0.5

    def refresh(self) -> bool:
        """Look for changes and take them over; return whether there were any.

        Raises:
            KnowledgeError: Something is wrong; the state before stays.
            requests.RequestException: The service does not answer; files are taken over all the same.
        """
        with self._lock:
            stamps = stamp_files(self._folder)
            changed = stamps != self._stamps
            if changed:
                # Also where they turn out to be wrong: said once, not every second.
                self._stamps = stamps
                self._files = load_knowledge(self._folder)
            unreachable: requests.RequestException | None = None
            if self._service is not None:
                try:
                    changed |= self._service.fetch()
                except requests.RequestException as error:
                    unreachable = error
            if changed:
                self._take_over()
            if unreachable is not None:
                raise unreachable
            return changed

    def _take_over(self) -> None:
        started = time.perf_counter()
        base = self._files
        if self._service is not None and self._service.articles:
            base = base.with_articles(*_read(self._service.articles, base))
        index = QuestionIndex(base.list_articles(), self._cache) if self._cache is not None else None
        # Two assignments: a turn between them finds an article by a question that is new or gone, no worse.
        self.base, self.index = base, index
        ARTICLES.set(len(base.list_articles()))
        logger.info(
            "knowledge base: %d articles, taken over in %.0f ms",
            len(base.list_articles()),
            (time.perf_counter() - started) * 1000,
        )

    def _watch(self) -> None:
        silent = False
        while not self._stopping.wait(SECONDS_BETWEEN_LOOKS):
            try:
                self.refresh()
                silent = False
            except KnowledgeError as error:
                KNOWLEDGE_REFUSED.inc()
                logger.error("the knowledge base stays as it was: %s", error)
            except requests.RequestException as error:
                if not silent:
                    logger.warning("the service does not tell what supervisors wrote: %s", error)
                silent = True
            except Exception:
                # A fault of ours; the thread must not end, or no change would ever arrive again.
                KNOWLEDGE_REFUSED.inc()
                logger.exception("the knowledge base stays as it was")


def _read(written: dict[str, dict[str, Any]], files: KnowledgeBase) -> tuple[list[Topic], list[Article]]:
    """Return supervisors' topics and articles, without those that don't go with the files of now.

    The service has checked them, against the facts and the files that it had then.
    """
    replaced = {(topic, tag) for topic, entry in written.items() for tag in entry["texts"]}
    kept = [one for one in files.list_articles() if (one.topic, one.language) not in replaced]
    questions = check_questions(kept)
    topics, articles = [], []
    for topic, entry in written.items():
        told = []
        for tag, text in entry["texts"].items():
            article = make_article(topic, tag, text, where="written by a supervisor")
            try:
                check_article(article)
                check_questions([article], questions)
            except KnowledgeError as error:
                KNOWLEDGE_REFUSED.inc()
                logger.error("a supervisor's article is left out: %s", error)
                continue
            told.append(article)
        if told:
            topics.append(Topic(topic, "", tuple(entry["related"])))
            articles += told
    return topics, articles


@lru_cache(maxsize=1)
def live_knowledge() -> LiveKnowledge:
    """Return the process's knowledge base, read at first use. Raises KnowledgeError."""
    url, secret = os.environ.get(SERVICE_URL_VARIABLE), os.environ.get(SECRET_VARIABLE)
    return LiveKnowledge(service=ServiceArticles(url, secret) if url and secret else None)
