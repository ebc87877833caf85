"""The widget as a file: its size, its tag, and that putting modules together loses nothing."""

from __future__ import annotations

import gzip
import re
from collections import Counter

from handoff.channels.web.widget import MODULES, SOURCE_FOLDER, widget_etag, widget_script
from locales import catalogue

MOST_BYTES = 30 * 1024


def test_script_is_small() -> None:
    assert len(gzip.compress(widget_script())) <= MOST_BYTES


def test_every_module_is_put_in_once_and_after_what_it_imports() -> None:
    assert sorted(MODULES) == sorted(path.name for path in SOURCE_FOLDER.glob("*.js"))
    for position, name in enumerate(MODULES):
        source = (SOURCE_FOLDER / name).read_text(encoding="utf-8")
        for imported in re.findall(r'^import .* from "\./(.+)";$', source, re.MULTILINE):
            assert imported in MODULES[:position], f"{name} imports {imported}"


def test_modules_share_no_name() -> None:
    # They end in one scope, where a second function of the same name would quietly replace the first.
    script = widget_script().decode()
    names = re.findall(r"^(?:async )?(?:function|class|const|let) (\w+)", script, re.MULTILINE)
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert not re.search(r"^(import|export) ", script, re.MULTILINE)


def test_script_never_parses_markup() -> None:
    # Strings become text nodes; nothing in the widget may turn data into elements or code.
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|DOMParser|srcdoc"
    assert re.findall(forbidden, widget_script().decode()) == []


def test_entity_tag_is_strong_and_stable() -> None:
    assert re.fullmatch(r'"[0-9a-f]{32}"', widget_etag())
    assert widget_etag() == widget_etag()


def test_english_words_are_those_that_the_widget_uses() -> None:
    used = set(re.findall(r'"(widget\.\w+)"', widget_script().decode()))
    assert used == set(catalogue.words("widget", "en"))
