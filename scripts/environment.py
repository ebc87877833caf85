"""The two Python environments, made by uv from hash-locked requirements. `python3 scripts/environment.py`"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UV_VERSION = "0.13.9"
# Folder, Python version, locked requirements.
ENVIRONMENTS = (
    (".venv", "3.11", "requirements/app.txt"),
    (".venv-bot", "3.10", "requirements/bot.txt"),
)


class SetupError(Exception):
    """Something is missing on this machine; the text says what to do about it."""


def say(text: str) -> None:
    print(text, flush=True)


def check_python() -> None:
    if sys.version_info < (3, 11):
        raise SetupError(
            f"python3 is {sys.version.split()[0]}; Dragoman needs 3.11 or newer. "
            "Install it, or run: make run PYTHON=/path/to/python3.11"
        )


def find_uv() -> str:
    """Return a uv to use: the machine's, or one installed into .venv-uv."""
    on_path = shutil.which("uv")
    if on_path:
        return on_path
    own = ROOT / ".venv-uv" / "bin" / "uv"
    if not own.exists():
        say("· installing uv into .venv-uv")
        _run([sys.executable, "-m", "venv", str(ROOT / ".venv-uv")], "a virtual environment can't be made")
        pip = str(ROOT / ".venv-uv" / "bin" / "pip")
        _run(
            [pip, "install", "--quiet", "--disable-pip-version-check", f"uv=={UV_VERSION}"],
            "uv can't be installed",
        )
    return str(own)


def _run(command: list[str], problem: str) -> None:
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise SetupError(f"{problem}:\n{done.stdout.strip()[-2000:]}")


def ensure_environments() -> None:
    """Make or update both environments; does nothing when they match their locks.

    Raises:
        SetupError: A Python is missing, or packages can't be installed.
    """
    check_python()
    stale = [entry for entry in ENVIRONMENTS if not _is_current(*entry)]
    if not stale:
        return
    uv = find_uv()
    for folder, version, lock in stale:
        started = time.monotonic()
        say(f"· building {folder} (Python {version}, {lock}); the first time takes a minute or two")
        python = ROOT / folder / "bin" / "python"
        if not python.exists():
            _run(
                [uv, "venv", "--quiet", "--clear", "--python", version, folder],
                f"Python {version} was not found and could not be fetched. Install it "
                f"(for example: uv python install {version}, pyenv install {version}) and run again",
            )
        _run(
            [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(python), lock],
            f"the packages of {lock} can't be installed",
        )
        _stamp(folder).write_text(_digest(lock), encoding="ascii")
        say(f"  done in {time.monotonic() - started:.0f} s")


def _digest(lock: str) -> str:
    return hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()


def _stamp(folder: str) -> Path:
    return ROOT / folder / ".lock-digest"


def _is_current(folder: str, _version: str, lock: str) -> bool:
    stamp = _stamp(folder)
    return stamp.exists() and stamp.read_text(encoding="ascii") == _digest(lock)


def python_of(folder: str) -> str:
    return str(ROOT / folder / "bin" / "python")


def base_environment() -> dict[str, str]:
    """Return the environment for our processes: the caller's, our packages first, telemetry off."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "RASA_TELEMETRY_ENABLED": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "SANIC_HOST": "127.0.0.1",
        "HF_HUB_OFFLINE": "1",
    }


if __name__ == "__main__":
    try:
        ensure_environments()
    except SetupError as error:
        sys.exit(f"make: {error}")
