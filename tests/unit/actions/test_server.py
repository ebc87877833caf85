from __future__ import annotations

import pytest

from actions.server import ServerSettings, SettingsError

SECRET = "s" * 32


@pytest.mark.parametrize("secret", ["", "s" * 31])
def test_server_does_not_start_without_a_long_secret(monkeypatch, secret):
    monkeypatch.setenv("DRAGOMAN_INTERNAL_SECRET", secret)
    with pytest.raises(SettingsError, match="at least 32 characters"):
        ServerSettings.of_environment()


@pytest.mark.parametrize("port", ["", "http", "0", "65536", "-1"])
def test_port_has_to_be_one(monkeypatch, port):
    monkeypatch.setenv("DRAGOMAN_INTERNAL_SECRET", SECRET)
    monkeypatch.setenv("DRAGOMAN_ACTIONS_PORT", port)
    with pytest.raises(SettingsError, match="DRAGOMAN_ACTIONS_PORT"):
        ServerSettings.of_environment()


def test_server_listens_on_loopback_unless_told_otherwise(monkeypatch):
    monkeypatch.setenv("DRAGOMAN_INTERNAL_SECRET", SECRET)
    monkeypatch.delenv("DRAGOMAN_ACTIONS_PORT", raising=False)
    monkeypatch.delenv("DRAGOMAN_ACTIONS_HOST", raising=False)
    assert ServerSettings.of_environment() == ServerSettings(SECRET, "127.0.0.1", 5055)
