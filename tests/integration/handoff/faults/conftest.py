"""Faults, one at a time, in a service of this process with real servers around it."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def without_console(monkeypatch: pytest.MonkeyPatch) -> None:
    # The console's framework can live in a process once; here there are often several services.
    monkeypatch.setattr("handoff.app.console.mount", lambda app: None)
