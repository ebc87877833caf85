"""Lines as they are written: what they carry, and what they keep to themselves."""

from __future__ import annotations

import asyncio
import builtins
import gc
import json
import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from telemetry import logs

logger = logging.getLogger("handoff.example")
TEXT = "my parcel is at zanzibar@post.example"


@pytest.fixture(autouse=True)
def _restored_logging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    monkeypatch.delenv(logs.LEVEL_VARIABLE, raising=False)
    monkeypatch.setenv(logs.FORMAT_VARIABLE, "json")
    yield
    root.handlers, root.level = before, level


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(capsys.readouterr().err.splitlines()[-1])
    return line


def test_json_line_says_when_where_and_what(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("service")
    logger.info("turn %s after %d ms", "answered", 12)
    line = last_line(capsys)
    assert datetime.fromisoformat(line.pop("time")).utcoffset() is not None
    assert line == {
        "level": "INFO",
        "logger": "handoff.example",
        "message": "turn answered after 12 ms",
        "process": "service",
    }


def test_bound_ids_are_on_every_line_inside_and_on_none_outside(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("bot")
    with logs.bound(conversation_id="c1"):
        with logs.bound(message_id="m1"):
            logging.getLogger("some.library").warning("slow")
            line = last_line(capsys)
            assert (line["conversation_id"], line["message_id"]) == ("c1", "m1")
        logger.info("next")
        assert "message_id" not in last_line(capsys)
    logger.info("outside")
    assert "conversation_id" not in last_line(capsys)


async def test_bound_ids_follow_into_tasks_and_do_not_mix(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("service")
    gate = asyncio.Event()

    async def work() -> None:
        await gate.wait()
        logger.info("done")

    tasks = []
    for number in range(3):
        with logs.bound(message_id=number):
            tasks.append(asyncio.create_task(work()))
    gate.set()
    await asyncio.gather(*tasks)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["message_id"] for line in lines if line["message"] == "done"] == ["0", "1", "2"]


@pytest.mark.parametrize("kind", ["json", "text"])
async def test_task_that_nobody_waits_for_is_told_by_name(
    kind: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(logs.FORMAT_VARIABLE, kind)
    logs.configure("service")

    async def forgotten() -> None:
        raise ValueError(TEXT)

    task = asyncio.create_task(forgotten())
    await asyncio.wait([task])
    del task
    gc.collect()
    written = capsys.readouterr().err
    assert "Task exception was never retrieved" in written
    assert "forgotten" in written
    assert "zanzibar" not in written


@pytest.mark.parametrize("kind", ["json", "text"])
def test_text_of_an_exception_is_not_logged(
    kind: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(logs.FORMAT_VARIABLE, kind)
    logs.configure("service")

    def parse(text: str) -> None:
        try:
            raise ValueError(f"can't parse {text}")
        except ValueError as error:
            raise builtins.ExceptionGroup(f"of {text}", [KeyError(text)]) from error

    try:
        parse(TEXT)
    except builtins.ExceptionGroup:
        logger.exception("a turn failed")
    written = capsys.readouterr().err
    assert "zanzibar" not in written
    for told in ("a turn failed", "ValueError", "KeyError", "ExceptionGroup", "in parse", "test_logs.py"):
        assert told in written


def test_text_of_a_harmless_exception_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("service", harmless=(OSError,))
    try:
        raise ConnectionRefusedError(111, "refused")
    except OSError:
        logger.exception("no shop")
    assert "ConnectionRefusedError: [Errno 111] refused" in last_line(capsys)["exception"]


def test_debug_tells_everything(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(logs.LEVEL_VARIABLE, "debug")
    logs.configure("service")
    try:
        raise ValueError(TEXT)
    except ValueError:
        logger.exception("no")
    assert TEXT in last_line(capsys)["exception"]


def test_readable_line_ends_with_the_ids(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(logs.FORMAT_VARIABLE, "")
    logs.configure("service")
    with logs.bound(conversation_id="c1", message_id="m1"):
        logger.info("taken")
    assert capsys.readouterr().err.endswith(" INFO handoff.example taken conversation_id=c1 message_id=m1\n")


def test_any_text_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("service")
    logger.info("a\nb\u2028c\x00\ud83d שלום")
    written = capsys.readouterr().err
    assert written.count("\n") == 1
    assert json.loads(written)["message"] == "a\nb\u2028c\x00\ud83d שלום"


def test_configuring_again_doubles_no_line_and_leaves_other_handlers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = logging.NullHandler()
    logging.getLogger().addHandler(other)
    logs.configure("service")
    logs.configure("service")
    logger.info("once")
    assert capsys.readouterr().err.count("once") == 1
    assert other in logging.getLogger().handlers


def test_detached_logger_writes_the_same_lines(capsys: pytest.CaptureFixture[str]) -> None:
    detached = logging.getLogger("detached.example")
    detached.propagate = False
    logs.configure("bot", detached=("detached.example",))
    detached.warning("odd")
    assert last_line(capsys)["logger"] == "detached.example"
    detached.handlers.clear()


@pytest.mark.parametrize(
    ("variable", "value"), [(logs.LEVEL_VARIABLE, "LOUD"), (logs.FORMAT_VARIABLE, "xml")]
)
def test_unknown_setting_is_refused_by_name(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(logs.LogSettingsError, match=variable):
        logs.configure("service")
