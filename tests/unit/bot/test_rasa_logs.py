"""Rasa's own lines: the same form as ours, and without what customers write."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from rasa.utils.log_utils import configure_structlog

from bot import rasa_logs
from telemetry import logs

TEXT = "my parcel is at zanzibar@post.example"


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    monkeypatch.setenv(logs.FORMAT_VARIABLE, "json")
    yield
    root.handlers, root.level = before, level
    for name in rasa_logs._DETACHED:
        logging.getLogger(name).handlers.clear()
    configure_structlog()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_fields_of_rasas_lines_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_structlog(logging.INFO)
    used_before = structlog.get_logger("rasa.example")
    used_before.info("started")
    rasa_logs.take_over()
    with logs.bound(conversation_id="c1"):
        used_before.warning("message.parsed", text=TEXT, event_info=TEXT)
        structlog.get_logger("rasa.other").error("action.failed", slot_values={"email": TEXT})
    first, second = lines(capsys)
    assert (first["message"], first["level"], first["conversation_id"]) == ("message.parsed", "WARNING", "c1")
    assert (second["message"], second["process"]) == ("action.failed", "bot")
    assert "zanzibar" not in json.dumps([first, second])


def test_exceptions_of_rasa_are_told_without_variables(capsys: pytest.CaptureFixture[str]) -> None:
    configure_structlog(logging.INFO)
    rasa_logs.take_over()
    said = TEXT
    try:
        raise ValueError(said)
    except ValueError:
        structlog.get_logger("rasa.example").exception("processor.failed", text=said)
    (line,) = lines(capsys)
    assert "ValueError" in line["exception"]
    assert "zanzibar" not in json.dumps(line)


def test_server_below_rasa_writes_the_same_lines(capsys: pytest.CaptureFixture[str]) -> None:
    rasa_logs.take_over()
    server = logging.getLogger("sanic.error")
    server.propagate = False
    server.error("a request failed")
    assert [line["logger"] for line in lines(capsys)] == ["sanic.error"]
