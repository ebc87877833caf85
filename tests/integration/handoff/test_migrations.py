"""The migrations make the database that the models describe, and can be undone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.integration.handoff.conftest import SECRET

ROOT = Path(__file__).parents[3]


def _alembic(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DRAGOMAN_DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'migrated.db'}",
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


def test_migrations_and_models_agree_and_can_be_undone(tmp_path: Path) -> None:
    for arguments in (("upgrade", "head"), ("check",), ("downgrade", "base"), ("upgrade", "head")):
        done = _alembic(tmp_path, *arguments)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
