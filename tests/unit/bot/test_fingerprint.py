"""Which changes need a new model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bot.fingerprint import LEARNT_WITH, PROJECT_FOLDER, TRAINED_ON, fingerprint, model_path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, content in {
        "config.yml": "a",
        "data/nlu/it/talk.yml": "b",
        "bot/components/x.py": "c",
        "bot/nlg.py": "d",
        "data/knowledge/it/returns.yml": "e",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def test_same_files_give_the_same_fingerprint(project: Path) -> None:
    assert fingerprint(project) == fingerprint(project)
    assert model_path(project) == project / "models" / "rasa" / f"{fingerprint(project)}.tar.gz"


@pytest.mark.parametrize(
    "changed", ["config.yml", "data/nlu/it/talk.yml", "bot/components/x.py", "data/nlu/nl/talk.yml"]
)
def test_change_in_what_is_learnt_changes_it(project: Path, changed: str) -> None:
    before = fingerprint(project)
    (project / changed).parent.mkdir(parents=True, exist_ok=True)
    (project / changed).write_text("other")
    assert fingerprint(project) != before


@pytest.mark.parametrize(
    "changed",
    [
        "bot/nlg.py",
        "data/knowledge/it/returns.yml",
        "bot/components/__pycache__/x.pyc",
        "data/nlu/it/.talk.swp",
    ],
)
def test_change_in_what_only_runs_does_not(project: Path, changed: str) -> None:
    before = fingerprint(project)
    (project / changed).parent.mkdir(parents=True, exist_ok=True)
    (project / changed).write_text("other")
    assert fingerprint(project) == before


def test_components_know_when_what_they_learn_with_has_changed(project: Path) -> None:
    before = fingerprint(project, LEARNT_WITH)
    (project / "bot/nlg.py").write_text("other")
    assert fingerprint(project, LEARNT_WITH) == before
    (project / "bot/learning").mkdir()
    (project / "bot/learning/text.py").write_text("new")
    assert fingerprint(project, LEARNT_WITH) != before


def test_moving_a_message_to_another_file_changes_it(project: Path) -> None:
    before = fingerprint(project)
    (project / "data/nlu/it/talk.yml").rename(project / "data/nlu/it/tasks.yml")
    assert fingerprint(project) != before


def test_what_it_covers_is_there() -> None:
    missing = [name for name in TRAINED_ON if name != "data/stories" and not (PROJECT_FOLDER / name).exists()]
    assert missing == []


def test_needs_the_standard_library_only() -> None:
    code = "import sys, bot.fingerprint; print({'rasa', 'yaml', 'numpy'} & set(sys.modules))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=PROJECT_FOLDER, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
