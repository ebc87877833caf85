"""The migrations make the database that the models describe, and can be undone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.handoff.conftest import SECRET
from tests.servers import running_postgres

ROOT = Path(__file__).parents[3]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'migrated.db'}"
        return
    with running_postgres(tmp_path) as postgres:
        yield postgres.url(scheme="postgresql+asyncpg")


def _alembic(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DRAGOMAN_DATABASE_URL": url,
        **{f"DRAGOMAN_{name}_SECRET": SECRET for name in ("INTERNAL", "IDENTITY", "SESSION")},
    }
    return subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_migrations_and_models_agree_and_can_be_undone(url: str) -> None:
    for arguments in (("upgrade", "head"), ("check",), ("downgrade", "base"), ("upgrade", "head")):
        done = _alembic(url, *arguments)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
