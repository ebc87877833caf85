"""What the code says about itself: variables that each process reads, paths that it answers, its ports."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PROCESSES = ("service", "bot", "actions")
FOLDERS = {
    "service": ("handoff", "telemetry", "locales"),
    "bot": ("bot", "telemetry", "locales"),
    "actions": ("actions", "telemetry", "locales"),
}
PORTS = {"service": 8000, "bot": 5005, "actions": 5055}

# What has a default that is right on one machine alone, beside the secrets.
_ON_MANY_MACHINES = {
    "service": {
        "DRAGOMAN_DATABASE_URL",
        "DRAGOMAN_BUS_URL",
        "DRAGOMAN_BOT_URL",
        "DRAGOMAN_PUBLIC_ORIGIN",
        "DRAGOMAN_WIDGET_ORIGINS",
        "DRAGOMAN_TRUST_PROXY",
        "DRAGOMAN_METRICS_TOKEN",
    },
    "bot": {"DRAGOMAN_BOT_LOCKS", "DRAGOMAN_BOT_DATABASE", "DRAGOMAN_ACTIONS_URL", "DRAGOMAN_SERVICE_URL"},
    "actions": {"DRAGOMAN_COMMERCE"},
}
_SECRETS = {
    "service": {"DRAGOMAN_INTERNAL_SECRET", "DRAGOMAN_IDENTITY_SECRET", "DRAGOMAN_SESSION_SECRET"},
    "bot": {"DRAGOMAN_INTERNAL_SECRET"},
    "actions": {"DRAGOMAN_INTERNAL_SECRET"},
}

_VARIABLE = re.compile(r"\b(?:DRAGOMAN|OTEL)_[A-Z][A-Z_]*[A-Z]\b")
_SETTING = re.compile(r"^    ([a-z_]+): ", re.MULTILINE)
_ROUTE = re.compile(r"@(?:app|blueprint)\.get\(\s*\"(/[^\"]*)\"")
_CHANNEL = re.compile(r"^CHANNEL = \"(\w+)\"", re.MULTILINE)


@cache
def list_variables(process: str, root: Path = ROOT) -> frozenset[str]:
    """Return the environment variables that a process reads."""
    found: set[str] = set()
    for folder in FOLDERS[process]:
        for file in sorted((root / folder).rglob("*")):
            if file.suffix in {".py", ".yml"}:
                found.update(_VARIABLE.findall(file.read_text(encoding="utf-8")))
    if process == "service":
        settings = (root / "handoff" / "settings.py").read_text(encoding="utf-8")
        found.update(f"DRAGOMAN_{name.upper()}" for name in _SETTING.findall(settings))
    return frozenset(found)


def list_required_variables(process: str) -> set[str]:
    """Return the variables without which a process does not start, or works on one machine alone."""
    return _SECRETS[process] | _ON_MANY_MACHINES[process]


def list_paths(process: str, root: Path = ROOT) -> set[str]:
    """Return the fixed paths that a process answers to GET (for Rasa: `/` and those of our channel)."""
    file = {"service": "handoff/app.py", "bot": "bot/service_channel.py", "actions": "actions/server.py"}[
        process
    ]
    routes = set(_ROUTE.findall((root / file).read_text(encoding="utf-8")))
    if process != "bot":
        return routes
    channel = _CHANNEL.search((root / "bot" / "turn.py").read_text(encoding="utf-8"))
    assert channel, "bot/turn.py names the channel"
    return {"/", *(f"/webhooks/{channel[1]}{route}" for route in routes)}
