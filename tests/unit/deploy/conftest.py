"""A copy of deploy/ that tests may break."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scripts.check_deploy.sources import ROOT


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    """A copy of deploy/ to break."""
    return Path(shutil.copytree(ROOT / "deploy", tmp_path / "deploy"))


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{file.name} has changed: {old!r}"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
