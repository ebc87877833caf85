"""The commands: training when something has changed, measuring what was trained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot import evaluate, train
from bot.evaluation import Example
from bot.validate import find_problems
from tests.integration.bot.conftest import Bot, Customer

LINES = [
    {"text": "quanto costa la spedizione", "lang": "it", "expected": ["faq/shipping_cost"], "style": "plain"},
    {"text": "where is my order", "lang": "en", "expected": ["track_order", "faq/delivery_delayed"]},
    {"text": "tell me a joke", "lang": "en", "expected": ["out_of_scope"]},
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "messages.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in LINES) + "\n", encoding="utf-8")
    return path


def test_evaluation_prints_figures_and_writes_predictions(
    file: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    assert evaluate.main([str(file), "--out", str(out), "--model", str(model)]) == 0
    table = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in table[-4:]] == ["language", "it", "en", "all"]
    predictions = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [prediction["label"] for prediction in predictions] == [line["expected"][0] for line in LINES]
    assert list(predictions[0]) == [
        "text",
        "language",
        "language_confidence",
        "label",
        "confidence",
        "ranking",
        "decision",
    ]
    assert len(predictions[0]["ranking"]) == 5
    assert predictions[0]["language"] == "it"


async def test_evaluation_predicts_what_the_channel_answers(bot: Bot, model: Path) -> None:
    import asyncio

    text = "how do returns work, and the cost of shipping"
    example = Example(text, "en", ("faq/return_policy",))
    (predicted,) = await asyncio.to_thread(evaluate.predict, model, [example])
    answered = (await Customer(bot).say(text))["understanding"]
    assert predicted["label"] == answered["label"]
    assert predicted["confidence"] == answered["confidence"]


def test_evaluation_knows_what_was_offered(model: Path) -> None:
    examples = [Example("ok", "en", ("thank",), offered) for offered in ((), ("deny",))]
    assert [prediction["label"] for prediction in evaluate.predict(model, examples)] == ["affirm", "thank"]


@pytest.mark.parametrize("line", ["{", '{"text": "a"}', '{"text": "a", "lang": "it", "expected": []}'])
def test_bad_line_is_named_and_nothing_is_measured(
    file: Path, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(file.read_text(encoding="utf-8") + line, encoding="utf-8")
    assert evaluate.main([str(file)]) == 1
    assert "line 4" in capsys.readouterr().err


def test_missing_model_is_told(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main([str(file), "--model", str(tmp_path / "none.tar.gz")]) == 1
    assert "python -m bot.train" in capsys.readouterr().err


def test_nothing_is_trained_when_the_model_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = train.PROJECT_FOLDER / "models" / "rasa" / "0123456789abcdef.tar.gz"
    trained: list[Path] = []

    def pretend(path: Path) -> None:
        trained.append(path)
        path.write_bytes(b"model")

    monkeypatch.setattr(train, "model_path", lambda: target)
    monkeypatch.setattr(train, "train", pretend)
    try:
        assert train.main([]) == 0
        assert train.main([]) == 0
        assert trained == [target]
        assert "is up to date" in capsys.readouterr().out
        assert train.main(["--force"]) == 0
        assert trained == [target, target]
    finally:
        target.unlink(missing_ok=True)


def test_shops_own_data_is_in_order() -> None:
    assert find_problems() == []
