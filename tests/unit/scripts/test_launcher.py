"""The launcher: one clear sentence for what is wrong, and secrets that stay put."""

from __future__ import annotations

import os
import socket
import stat
import sys
from pathlib import Path

import pytest

from scripts import environment
from scripts.environment import SetupError
from scripts.processes import SECRETS, check_ports, free_ports, read_secrets, run_step


def test_busy_port_is_named_with_what_to_do() -> None:
    ports = free_ports()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", ports.bot))
        taken.listen()
        with pytest.raises(
            SetupError, match=rf"port {ports.bot} is in use.*make run BOT_PORT={ports.bot + 1}"
        ):
            check_ports(ports)
    check_ports(ports)


def test_secrets_are_made_up_once_and_readable_by_their_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SECRETS:
        monkeypatch.delenv(name, raising=False)
    first = read_secrets(tmp_path)
    assert set(first) == set(SECRETS)
    assert len(set(first.values())) == len(SECRETS)
    assert min(len(value) for value in first.values()) >= 32
    assert stat.S_IMODE((tmp_path / "secrets.env").stat().st_mode) == 0o600
    assert read_secrets(tmp_path) == first
    monkeypatch.setenv(SECRETS[0], "given by the caller, long enough")
    assert read_secrets(tmp_path)[SECRETS[0]] == "given by the caller, long enough"


def test_missing_python_is_one_sentence_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\necho 'error: No interpreter found for Python 3.10'\nexit 2\n", encoding="ascii")
    uv.chmod(0o755)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "bot.txt").write_text("", encoding="ascii")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "ENVIRONMENTS", ((".venv-bot", "3.10", "requirements/bot.txt"),))
    with pytest.raises(SetupError, match=r"Python 3\.10 was not found.*Install it"):
        environment.ensure_environments()


def test_old_python_is_told_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    with pytest.raises(SetupError, match=r"needs 3\.11 or newer"):
        environment.check_python()


def test_failed_step_shows_the_end_of_its_output() -> None:
    with pytest.raises(SetupError, match="no such thing"):
        run_step(".venv", ["-c", "raise SystemExit('no such thing')"], dict(os.environ))
