"""A new topic and a new language are files under data/ and locales/: no line of code changes for them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.integration.bot.conftest import FOLDER, ROOT

TOPIC = "faq/gift_wrapping"

# Five messages by each of two authors, for the new topic in the old languages and everything in the new one.
WRAPPING = {
    "en": [
        "can you gift wrap it",
        "gift wrapping please",
        "do you wrap presents",
        "wrap it as a gift",
        "a present",
    ],
    "it": ["fate pacchi regalo", "confezione regalo", "potete incartarlo", "carta da regalo", "è un regalo"],
}
SWEDISH = {
    TOPIC: [
        "slår ni in presenter", "presentpapper också", "slå in som present", "presentinslagning",
        "det är en present",
    ],
    "faq/shipping_cost": [
        "vad kostar frakten", "fraktkostnad", "är leveransen gratis?", "porto", "kostnad för leverans",
    ],
    "greet": ["hej", "god dag", "tjena", "hejsan allihop", "hallå där"],
}  # fmt: skip
ARTICLE = {"title": "Gift", "questions": ["?"], "answer": "Yes: {support_email}"}


def _block(label: str, language: str, author: int, texts: list[str]) -> dict[str, object]:
    marked = [
        f"- {text}{' tack' if author == 2 and language == 'sv' else ' ok' if author == 2 else ''}"
        for text in texts
    ]
    metadata = {"language": language, "author": f"{language}-{author}"}
    return {"intent": label, "metadata": metadata, "examples": "\n".join(marked) + "\n"}


def _add_messages(project: Path, language: str, messages: dict[str, list[str]]) -> None:
    blocks = [_block(label, language, n, texts) for label, texts in messages.items() for n in (1, 2)]
    file = project / "data" / "nlu" / language / "new.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump({"version": "3.1", "nlu": blocks}, allow_unicode=True), encoding="utf-8")


def _run(project: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(project), "RASA_TELEMETRY_ENABLED": "false"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code as it is, with the small bot's messages and the new files."""
    project = tmp_path_factory.mktemp("project")
    for name in ("bot", "locales", "telemetry", "data/rules", "data/knowledge"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(FOLDER / "nlu", project / "data" / "nlu")
    shutil.copy(FOLDER / "config.yml", project / "config.yml")
    shutil.copy(ROOT / "data" / "shop.yml", project / "data" / "shop.yml")

    with (project / "data" / "knowledge" / "topics.yml").open("a", encoding="utf-8") as topics:
        topics.write(f"{TOPIC}: {{area: gifts, related: [request_human]}}\n")
    with (project / "locales" / "languages.yml").open("a", encoding="utf-8") as languages:
        languages.write("sv: {locale: sv_SE, endonym: Svenska, script: Latn, direction: ltr, market: NL}\n")
    for language in ("en", "it", "sv"):
        file = project / "data" / "knowledge" / language / "gifts.yml"
        file.parent.mkdir(exist_ok=True)
        article = {"topic": TOPIC, **ARTICLE, "title": f"Gift {language}"}
        file.write_text(yaml.safe_dump([article]), encoding="utf-8")
    for language, texts in WRAPPING.items():
        _add_messages(project, language, {TOPIC: texts})
    _add_messages(project, "sv", SWEDISH)
    return project


def test_new_topic_and_new_language_are_understood(project: Path) -> None:
    lines = [
        {"text": "can you gift wrap it for me", "lang": "en", "expected": [TOPIC]},
        {"text": "fate anche la confezione regalo", "lang": "it", "expected": [TOPIC]},
        {"text": "kan ni slå in det som present", "lang": "sv", "expected": [TOPIC]},
        {"text": "vad kostar frakten hem till mig", "lang": "sv", "expected": ["faq/shipping_cost"]},
    ]
    messages = project / "new.jsonl"
    messages.write_text("\n".join(json.dumps(line) for line in lines) + "\n", encoding="utf-8")
    _run(project, "-m", "bot.train")
    _run(project, "-m", "bot.evaluate", str(messages), "--out", str(project / "out.jsonl"))
    said = [json.loads(line) for line in (project / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(line["language"], line["label"]) for line in said] == [
        (line["lang"], line["expected"][0]) for line in lines
    ]


def test_new_topic_is_answered_in_the_new_language(project: Path) -> None:
    ask = (
        "from locales.knowledge import load_knowledge as k; "
        f"print(k().get_article('{TOPIC}', 'sv').title); "
        f"print(k().get_answer('{TOPIC}', 'sv', None).text)"
    )
    title, answer = _run(project, "-c", ask).splitlines()
    assert title == "Gift sv"
    assert answer == "Yes: care@tamarind.example"
