"""Changes of the knowledge base go live, and wrong ones do not."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from bot.live_knowledge import LiveKnowledge, ServiceArticles
from bot.question_index import VectorCache
from locales.articles import KnowledgeError
from locales.knowledge import KNOWLEDGE_FOLDER
from tests.unit.bot.test_question_index import Embedding

TOPIC = "faq/car_park"
FILE = """
- topic: faq/car_park
  title: Car park
  questions: [Can I park there?]
  answer: "Two hours are free."
"""
TEXT = {"title": "Car park", "questions": ["Can I park there?"], "answer": "Ask {support_email}."}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "knowledge"
    shutil.copytree(KNOWLEDGE_FOLDER, folder)
    return folder


def add_topic(folder: Path, text: str = FILE) -> None:
    topics = folder / "topics.yml"
    if TOPIC not in topics.read_text(encoding="utf-8"):
        with topics.open("a", encoding="utf-8") as file:
            file.write(f"{TOPIC}: {{area: cars, related: [request_human]}}\n")
    (folder / "en" / "cars.yml").write_text(text, encoding="utf-8")


class Service:
    """What the service tells, without a service."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.changes: list[dict[str, Any]] = []
        self.asked: list[int] = []
        self.with_scores: list[str] = []
        self.is_away = False
        monkeypatch.setattr(requests.Session, "get", lambda _, *args, **named: self._get(*args, **named))

    def tell(self, revision: int, *articles: dict[str, Any], scores: Any = (), more: bool = False) -> None:
        self.changes.append(
            {"revision": revision, "articles": list(articles), "scores": list(scores), "more": more}
        )

    def _get(self, url: str, params: dict[str, Any], timeout: float) -> Any:
        assert url == "http://127.0.0.1:9/internal/v1/knowledge/changes"
        self.with_scores.append(params["scores"])
        if self.is_away:
            raise requests.ConnectionError("away")
        self.asked.append(int(params["after"]))
        answer = requests.Response()
        answer.status_code = 200
        told = self.changes.pop(0) if len(self.changes) > 1 else self.changes[0]
        monkey: dict[str, Any] = {**told}
        answer.json = lambda: monkey  # type: ignore[method-assign,assignment]
        return answer


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    return Service(monkeypatch)


@pytest.fixture
def running(folder: Path) -> Iterator[LiveKnowledge]:
    live = LiveKnowledge(folder)
    live.use_encoder(lambda: VectorCache(None, Embedding()))
    live.start()
    yield live
    live.stop()


def wait_for(live: LiveKnowledge, has_topic: bool) -> float:
    started = time.monotonic()
    while (live.base.find_topic(TOPIC) is not None) is not has_topic:
        assert time.monotonic() - started < 5.0, "a change has to be live within five seconds"
        time.sleep(0.02)
    return time.monotonic() - started


def test_a_file_goes_live_and_stops_at_once(running: LiveKnowledge, folder: Path) -> None:
    add_topic(folder)
    wait_for(running, True)
    assert running.base.get_answer(TOPIC, "it", None).language == "en"
    assert running.index is not None
    question = Embedding()(["can i park there"])[0].astype("float32")
    assert running.index.search("can i park there", question, "it", 1)[0][0] == TOPIC
    (folder / "en" / "cars.yml").unlink()
    shutil.copy(KNOWLEDGE_FOLDER / "topics.yml", folder / "topics.yml")
    wait_for(running, False)
    assert running.index.search("can i park there", question, "en", 1)[0][0] != TOPIC


def test_a_wrong_file_leaves_the_last_good_state(folder: Path) -> None:
    live = LiveKnowledge(folder)
    add_topic(folder)
    assert live.refresh()
    add_topic(folder, FILE.replace("Two hours", "{hours}"))
    with pytest.raises(KnowledgeError, match=r"cars\.yml:2: faq/car_park \(en\): \{hours\} is no fact"):
        live.refresh()
    assert live.base.get_answer(TOPIC, "en", None).text == "Two hours are free."
    # Said once; another look finds nothing new.
    assert not live.refresh()
    add_topic(folder, FILE.replace("Two hours", "Three hours"))
    assert live.refresh()
    assert live.base.get_answer(TOPIC, "en", None).text == "Three hours are free."


def test_supervisors_articles_come_change_and_go(folder: Path, service: Service) -> None:
    live = LiveKnowledge(folder, ServiceArticles("http://127.0.0.1:9/", "secret"))
    service.tell(7, {"topic": TOPIC, "texts": {"en": TEXT}, "related": []}, more=True)
    service.tell(
        8, {"topic": "faq/return_policy", "texts": {"it": {**TEXT, "title": "Nuovo"}}, "related": []}
    )
    service.changes[-1]["articles"][0]["texts"]["it"]["questions"] = ["Nuova domanda?"]
    assert live.refresh()
    assert service.asked == [0, 7]
    assert "@" in live.base.get_answer(TOPIC, "en", None).text
    assert live.base.get_article("faq/return_policy", "it").title == "Nuovo"
    service.tell(9, {"topic": TOPIC, "texts": {}, "related": []})
    service.changes.pop(0)
    assert live.refresh()
    assert live.base.find_topic(TOPIC) is None
    assert live.base.get_article("faq/return_policy", "it").title == "Nuovo"


def test_a_service_that_is_away_changes_nothing(folder: Path, service: Service) -> None:
    live = LiveKnowledge(folder, ServiceArticles("http://127.0.0.1:9", "secret"))
    service.tell(7, {"topic": TOPIC, "texts": {"en": TEXT}, "related": []})
    live.refresh()
    service.is_away = True
    with pytest.raises(requests.ConnectionError):
        live.refresh()
    assert live.base.find_topic(TOPIC) is not None
    # Files are taken over all the same.
    shipping = folder / "en" / "shipping.yml"
    shipping.write_text(shipping.read_text(encoding="utf-8").replace("title: ", "title:  "), encoding="utf-8")
    with pytest.raises(requests.ConnectionError):
        live.refresh()
    assert live.base.find_topic(TOPIC) is not None


def test_an_article_whose_fact_is_gone_is_left_out_alone(folder: Path, service: Service) -> None:
    live = LiveKnowledge(folder, ServiceArticles("http://127.0.0.1:9", "secret"))
    wrong = {**TEXT, "questions": ["Other?"], "answer": "{gone}"}
    service.tell(
        7,
        {"topic": "faq/wrong", "texts": {"en": wrong}, "related": []},
        {"topic": TOPIC, "texts": {"en": TEXT}, "related": []},
    )
    live.refresh()
    assert live.base.find_topic("faq/wrong") is None
    assert live.base.find_topic(TOPIC) is not None


def test_an_article_that_a_file_has_overtaken_is_left_out_alone(folder: Path, service: Service) -> None:
    live = LiveKnowledge(folder, ServiceArticles("http://127.0.0.1:9", "secret"))
    service.tell(
        7,
        {"topic": "faq/other_car_park", "texts": {"en": TEXT}, "related": []},
        {"topic": "faq/bikes", "texts": {"en": {**TEXT, "questions": ["Bikes?"]}}, "related": []},
    )
    live.refresh()
    assert live.base.find_topic("faq/other_car_park") is not None
    # The file has the same question.
    add_topic(folder)
    assert live.refresh()
    assert live.base.find_topic(TOPIC) is not None
    assert live.base.find_topic("faq/bikes") is not None
    assert live.base.find_topic("faq/other_car_park") is None


def test_scores_tell_what_helped(folder: Path, service: Service) -> None:
    live = LiveKnowledge(folder, ServiceArticles("http://127.0.0.1:9", "secret"))
    score = {"topic": TOPIC, "language": "en", "helped": 0, "not_helped": 6}
    service.tell(7, scores=[score, {**score, "language": "it", "helped": 6, "not_helped": 0}])
    live.refresh()
    assert live.score_of(TOPIC, "en") == pytest.approx(0.2)
    assert live.score_of(TOPIC, "it") == pytest.approx(0.8)
    assert live.score_of(TOPIC, "nl") == 0.5
    # They are asked for once a minute.
    live.refresh()
    assert service.with_scores == ["true", "false"]
