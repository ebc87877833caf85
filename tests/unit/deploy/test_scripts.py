"""The containers' health check, and the rolling update on one machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.check_deploy.sources import ROOT
from scripts.processes import free_port
from tests.unit.deploy.backends import running_backend

# Docker as far as roll.sh knows it: two old containers, two new ones once they were asked for.
DOCKER = """#!/bin/sh
echo "$*" >> calls
case "$*" in
  *" ps -q "*) printf 'old-1\\nold-2\\n' ;;
  *" ps -aq "*) printf 'old-1\\nold-2\\nnew-1\\nnew-2\\n' ;;
  *" up "*) exit $UP_ENDS_WITH ;;
esac
"""


def probe(port: int) -> int:
    command = [sys.executable, str(ROOT / "deploy" / "probe.py"), str(port), "/health"]
    return subprocess.run(command, check=False).returncode


def test_the_health_check_tells_well_from_dead_and_failing() -> None:
    with running_backend() as well, running_backend(breaks_off=True) as failing:
        assert probe(well.server_port) == 0
        assert probe(failing.server_port) == 1
    assert probe(free_port()) == 1


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """A folder with roll.sh and a Docker of our own; `calls` tells what was asked of it."""
    (tmp_path / "deploy").mkdir()
    script = ROOT / "deploy" / "roll.sh"
    (tmp_path / "deploy" / "roll.sh").write_bytes(script.read_bytes())
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(DOCKER, encoding="ascii")
    docker.chmod(0o755)
    return tmp_path


def roll(installation: Path, name: str, up_ends_with: int = 0) -> tuple[int, list[str]]:
    """Return the exit status and what was asked of Docker that changes something."""
    environment = {
        "PATH": f"{installation / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "UP_ENDS_WITH": str(up_ends_with),
    }
    command = ["bash", str(installation / "deploy" / "roll.sh"), name]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    calls = installation / "calls"
    asked = calls.read_text(encoding="ascii").splitlines() if calls.exists() else []
    return done.returncode, [call for call in asked if " ps " not in call]


def test_the_old_ends_only_when_the_new_is_well(installation: Path) -> None:
    status, asked = roll(installation, "bot")
    assert status == 0
    assert "--scale bot=4" in asked[0]
    assert "--wait" in asked[0]
    assert "--no-recreate" in asked[0]
    assert asked[1:] == ["stop -t 30 old-1", "rm old-1", "stop -t 30 old-2", "rm old-2"]


def test_a_new_one_that_is_not_well_leaves_the_old_as_it_is(installation: Path) -> None:
    status, asked = roll(installation, "service", up_ends_with=1)
    assert status == 1
    assert asked[1:] == ["rm -f new-1 new-2"]


def test_only_our_own_processes_are_rolled(installation: Path) -> None:
    assert roll(installation, "postgres") == (2, [])
