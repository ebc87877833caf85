"""Log lines that carry the ids of what they are about, and never what a customer wrote.

A line's message is written by hand and holds ids, labels and figures. What can't be vouched for is the text
of an exception: databases and parsers quote their input. So an exception is told by type and frames; its text
follows only for types that a process names as harmless, and at DEBUG.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timezone
from typing import Any

from telemetry import traces

FORMAT_VARIABLE = "DRAGOMAN_LOG_FORMAT"
LEVEL_VARIABLE = "DRAGOMAN_LOG_LEVEL"

# They log every request or connection at info level, which says nothing that ours don't.
CHATTY = ("httpx", "httpcore", "rasa_sdk", "apscheduler", "urllib3", "websockets", "aiosqlite", "asyncio")

_context: ContextVar[dict[str, str] | None] = ContextVar("dragoman_log_context", default=None)


class LogSettingsError(ValueError):
    """DRAGOMAN_LOG_FORMAT or DRAGOMAN_LOG_LEVEL says something unknown; the message names the variable."""


@contextmanager
def bound(**ids: object) -> Iterator[None]:
    """Put ids on every line that is logged inside the block, libraries' lines and new tasks' included."""
    token = _context.set({**(_context.get() or {}), **{name: str(value) for name, value in ids.items()}})
    try:
        yield
    finally:
        _context.reset(token)


def context() -> dict[str, str]:
    """Return the ids bound here, with the trace's id where traces are on."""
    ids = _context.get() or {}
    trace_id = traces.current_trace_id()
    return {**ids, "trace_id": trace_id} if trace_id else ids


def configure(
    process: str, *, harmless: Iterable[type[BaseException]] = (OSError,), detached: Iterable[str] = ()
) -> None:
    """Write this process's log to stderr as the environment says; may be called again.

    Handlers that write elsewhere than to the console stay.

    Args:
        process: "service", "bot" or "actions"; stands in every JSON line.
        harmless: Exceptions whose text never quotes a customer, and may be logged at any level.
        detached: Loggers that pass nothing on to the root logger and get the handler of their own.

    Raises:
        LogSettingsError: A variable is set to something unknown.
    """
    level = os.environ.get(LEVEL_VARIABLE, "").upper() or "INFO"
    if not isinstance(logging.getLevelName(level), int):
        raise LogSettingsError(f"{LEVEL_VARIABLE} is {level!r}: known are DEBUG, INFO, WARNING, ERROR")
    kind = os.environ.get(FORMAT_VARIABLE, "").lower() or "text"
    if kind not in ("text", "json"):
        raise LogSettingsError(f"{FORMAT_VARIABLE} is {kind!r}: known are text, json")
    harmless_types = (BaseException,) if level == "DEBUG" else tuple(harmless)
    handler = ConsoleHandler()
    handler.setFormatter(
        JsonFormatter(process, harmless_types) if kind == "json" else TextFormatter(harmless_types)
    )
    root = logging.getLogger()
    for logger in (root, *map(logging.getLogger, detached)):
        logger.handlers = [other for other in logger.handlers if not _is_console(other)]
        logger.addHandler(handler)
    root.setLevel(level)
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


class ConsoleHandler(logging.Handler):
    """Writes to what `sys.stderr` is at the time of writing."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except Exception:
            # The standard library's way: says so on stderr, and the program goes on.
            self.handleError(record)


class TextFormatter(logging.Formatter):
    """One readable line, the ids at its end; an exception's frames below."""

    def __init__(self, harmless: tuple[type[BaseException], ...]) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self._harmless = harmless

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record.message = render_message(record)
        ids = "".join(f" {name}={value}" for name, value in context().items())
        return super().formatMessage(record) + ids

    def format(self, record: logging.LogRecord) -> str:
        # Another handler may have kept a rendering that tells more.
        record.exc_text = None
        return super().format(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        return render_exception(ei[1], self._harmless)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (ISO 8601, UTC), level, logger, message, process, ids, exception."""

    def __init__(self, process: str, harmless: tuple[type[BaseException], ...]) -> None:
        super().__init__()
        self._process = process
        self._harmless = harmless

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, timezone.utc)
        line = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": render_message(record),
            "process": self._process,
            **context(),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = render_exception(record.exc_info[1], self._harmless)
        # Lone surrogates, which a customer can send, have no other form in UTF-8 than an escape.
        return json.dumps(line, ensure_ascii=True)


def render_message(record: logging.LogRecord) -> str:
    """Return a line's message, without the exceptions that asyncio describes tasks with."""
    message = record.getMessage()
    return message.partition(" exception=")[0] if record.name == "asyncio" else message


def render_exception(error: BaseException, harmless: tuple[type[BaseException], ...]) -> str:
    """Return types and frames of an exception and of what caused it, the first cause first.

    The text of an exception follows its type only where it is one of the `harmless` ones.
    """
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        name = f"{type(current).__module__}.{type(current).__qualname__}".removeprefix("builtins.")
        told = f"{name}: {current}" if isinstance(current, harmless) else name
        inner = [render_exception(one, harmless) for one in getattr(current, "exceptions", ())]
        frames = "".join(traceback.format_tb(current.__traceback__))
        parts.append("\n".join([frames + told, *inner]))
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\n\n".join(reversed(parts))


def _is_console(handler: logging.Handler) -> bool:
    if isinstance(handler, logging.StreamHandler):
        return handler.stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    return isinstance(handler, ConsoleHandler)
