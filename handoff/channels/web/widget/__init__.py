"""The chat widget that a shop puts on its pages: plain ES modules and a style sheet, served as one script.

No build tool: the modules are put one after the other in the order in which they need each other, their
`import` and `export` words and their comments taken off, inside one function scope. `widget_script()` is
what `/widget.js` answers.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from pathlib import Path

SOURCE_FOLDER = Path(__file__).parent
# Every module after those it imports.
MODULES = (
    "dom.js",
    "storage.js",
    "text.js",
    "colours.js",
    "retry.js",
    "words.js",
    "connection.js",
    "outbox.js",
    "transcript.js",
    "conversation.js",
    "thread.js",
    "composer.js",
    "panel.js",
    "chat.js",
    "main.js",
)
CONTENT_TYPE = "text/javascript; charset=utf-8"

_IMPORT = re.compile(r"^import .*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(async |function|class|const))", re.MULTILINE)
# Comments on lines of their own; nothing in the sources looks like one inside a string.
_LINE_COMMENT = re.compile(r"^[ ]*//.*\n", re.MULTILINE)
_BLOCK_COMMENT = re.compile(r"^[ ]*/\*.*?\*/\n", re.MULTILINE | re.DOTALL)


def _read(name: str) -> str:
    source = (SOURCE_FOLDER / name).read_text(encoding="utf-8")
    return _LINE_COMMENT.sub("", _BLOCK_COMMENT.sub("", source))


@cache
def widget_script() -> bytes:
    """Return the whole widget as one UTF-8 script, the style sheet included. Read once a process."""
    style = _read("style.css")
    parts = [f"const STYLE = {json.dumps(style, ensure_ascii=False)};\n"]
    for name in MODULES:
        parts.append(_EXPORT.sub("", _IMPORT.sub("", _read(name))))
    body = "\n".join(parts)
    return f'(() => {{\n"use strict";\n{body}}})();\n'.encode()


@cache
def widget_etag() -> str:
    """Return the strong entity tag of `widget_script()`, quotes included (RFC 9110, section 8.8.3)."""
    return f'"{hashlib.sha256(widget_script()).hexdigest()[:32]}"'
