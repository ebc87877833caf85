"""Prints how articles on twelve topics that no message was trained for are found: `make bench-knowledge`.

Articles and messages (tests/data/knowledge) were written by different hands. Runs in .venv-bot with the
trained model. With `--fit` it prints the retriever's `likelihood` as it fits these
messages and the encoder in use.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from bot.evaluation import OUT_OF_SCOPE
from bot.fingerprint import model_path
from bot.live_knowledge import LiveKnowledge, live_knowledge
from bot.question_index import QuestionIndex
from locales.articles import ONLY, Article
from locales.knowledge import Topic
from locales.languages import list_languages

if TYPE_CHECKING:
    from bot.components.knowledge_retriever import KnowledgeRetriever

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data" / "knowledge"
DEV = ROOT / "tests" / "data" / "dev"
MANY_TOPICS = 1000


def read_articles() -> list[Article]:
    written = yaml.safe_load((DATA / "articles.yml").read_text(encoding="utf-8"))
    return [
        Article(topic, language, text["title"], tuple(text["questions"]), None, {ONLY: text["answer"]})
        for topic, texts in written.items()
        for language, text in texts.items()
    ]


def read_lines(file: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]
    return [line for line in lines if "expected" in line]


def take_over(live: LiveKnowledge, articles: list[Article]) -> float:
    """Answer with these articles beside those of files; return how long that took (seconds)."""
    started = time.perf_counter()
    topics = {article.topic: Topic(article.topic, "", ()) for article in articles}
    base = live.base.with_articles(topics.values(), articles)
    assert live._cache is not None
    live.base, live.index = base, QuestionIndex(base.list_articles(), live._cache)
    return time.perf_counter() - started


def make_many(articles: list[Article]) -> list[Article]:
    """Return a thousand topics in all languages: no two questions alike, the words those of real ones."""
    return [
        Article(
            f"faq/many_{number}",
            language.tag,
            f"{source.title} {number}",
            tuple(f"{question} {number}" for question in source.questions),
            None,
            source.answers,
        )
        for number in range(MANY_TOPICS)
        for language in list_languages()
        for source in [articles[number % len(articles)]]
    ]


def fit_likelihood(
    retriever: KnowledgeRetriever, ask: Callable[[str], object], lines: list[dict[str, Any]]
) -> list[float]:
    """Return the weights of what speaks for a new topic, and the constant, fitted to labelled messages."""
    from sklearn.linear_model import LogisticRegression

    evidence: list[tuple[float, ...]] = []
    right: list[bool] = []
    find_closest = retriever.find_closest

    def listen(*arguments: Any) -> tuple[str, tuple[float, ...]] | None:
        found: tuple[str, tuple[float, ...]] | None = find_closest(*arguments)
        if found is not None:
            evidence.append(found[1])
            right.append(found[0] in line["expected"])
        return found

    retriever.find_closest = listen
    for line in lines:
        ask(line["text"])
    retriever.find_closest = find_closest
    fitted = LogisticRegression(C=10, max_iter=500).fit(evidence, right)
    return [round(float(weight), 1) for weight in (*fitted.coef_[0], fitted.intercept_[0])]


def main() -> None:
    """Load the model, ask, and print."""
    from rasa.core.agent import Agent

    from bot.components.knowledge_retriever import KnowledgeRetriever
    from bot.turn import parse_text

    parser = argparse.ArgumentParser(prog="python -m benchmarks.knowledge", description=__doc__)
    parser.add_argument("--fit", action="store_true", help="print the likelihood that fits the encoder")
    arguments = parser.parse_args()
    processor = Agent.load(str(model_path())).processor
    assert processor is not None
    nodes = processor.graph_runner._instantiated_nodes.values()
    (retriever,) = [node._component for node in nodes if isinstance(node._component, KnowledgeRetriever)]
    live = live_knowledge()
    before = live.base, live.index
    articles = read_articles()
    covered = {article.language for article in articles}

    def ask(text: str) -> dict[str, Any]:
        understood: dict[str, Any] = parse_text(processor, text, {})["understanding"]
        return understood

    took = take_over(live, articles)
    print(f"{len(articles)} new articles live in {took:.2f} s")
    if arguments.fit:
        known_lines = [line for file in sorted(DEV.glob("??.jsonl")) for line in read_lines(file)]
        lines = [*read_lines(DATA / "messages.jsonl"), *known_lines]
        print(f"likelihood: {fit_likelihood(retriever, ask, lines)}")
    found: dict[str, list[tuple[bool, bool, bool]]] = defaultdict(list)
    for line in read_lines(DATA / "messages.jsonl"):
        said = ask(line["text"])
        labels = [entry["label"] for entry in said["ranking"][:3]]
        right, answered = said["label"] in line["expected"], said["decision"] == "answer"
        offered = said["decision"] == "clarify" and bool(set(labels) & set(line["expected"]))
        found[line["lang"]].append((right and answered, offered, answered and not right))
    print("| language | article | answered rightly | offered among three | answered wrongly | messages |")
    print("|---|---|--:|--:|--:|--:|")
    for language, hits in sorted(found.items()):
        shares = [f"{100 * statistics.mean(hit[column] for hit in hits):.0f} %" for column in range(3)]
        where = "in it" if language in covered else "in others only"
        print(f"| {language} | {where} | {' | '.join(shares)} | {len(hits)} |")
    new = {article.topic for article in articles}
    known = [
        line["text"]
        for file in sorted(DEV.glob("??.jsonl"))
        for line in read_lines(file)
        if OUT_OF_SCOPE not in line["expected"]
    ]
    wrong = sum(
        said["label"] in new and said["decision"] == "answer" for said in (ask(text) for text in known)
    )
    print(f"{100 * wrong / len(known):.1f} % of {len(known)} dev messages are answered with a new topic")

    def median_ms() -> float:
        times = []
        for text in known[:300]:
            started = time.perf_counter()
            ask(text)
            times.append(1000 * (time.perf_counter() - started))
        return statistics.median(times)

    live.base, live.index = before
    small = median_ms()
    many = make_many(articles)
    first = take_over(live, many)
    live.base, live.index = before
    again = take_over(live, many)
    print(
        f"{len(many):,} more articles: encoded and live in {first:.1f} s, in {again:.1f} s with their "
        f"vectors kept; a message takes {median_ms():.2f} ms in place of {small:.2f}"
    )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
