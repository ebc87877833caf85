"""What is broken in the Compose file is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.check_deploy import compose
from tests.unit.deploy.conftest import change


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("    user: redis", "    usr: redis", "usr"),
        ("image: nginx:1.28-alpine", "image: nginx:latest", "names no version"),
        (
            "    networks: [inside]\n    depends_on:",
            "    ports: ['5005:5005']\n    networks: [inside]\n    depends_on:",
            "publishes a port",
        ),
        (
            "networks: [edge, inside]",
            "networks: [edge, inside, outside]",
            "must not be on the network outside",
        ),
        ("networks: [edge]", "networks: [edge, inside]", "proxy: must not be on the network inside"),
        ("${SCHEME:?plain or tls}", "${SCHEME}", "neither a default nor a sentence"),
        ("${SCHEME:?plain or tls}", "${SCHEME:?set}", "does not say what to do"),
        ("${SCHEME:?plain or tls}", "${SCHEMA:?plain or tls}", "example.env: SCHEMA is missing"),
        ("{condition: service_completed_successfully}", "{condition: service_started}", "depends on migrate"),
        (
            "redis: {condition: service_healthy}",
            "rediss: {condition: service_healthy}",
            "rediss, which there is not",
        ),
        ('"5005", /webhooks/service/]', '"5005", /webhooks/rasa/]', "asks for /webhooks/rasa/"),
        ("order: start-first", "order: stop-first", "end the old before the new"),
        ("DRAGOMAN_BUS_URL:", "DRAGOMAN_BUSS_URL:", "DRAGOMAN_BUS_URL is not set"),
        (
            "dockerfile: deploy/bot.Dockerfile",
            "dockerfile: deploy/rasa.Dockerfile",
            "no deploy/rasa.Dockerfile",
        ),
        ("- ./postgres:", "- ./postgresql:", "mounts ./postgresql"),
        ('limits: {cpus: "2", memory: 1536M}', 'limits: {cpus: "2"}', "no limits"),
        ("  restart: unless-stopped\n  read_only: true", "  read_only: true", "no restart policy"),
    ],
)
def test_a_broken_compose_file_is_noticed(deploy: Path, old: str, new: str, problem: str) -> None:
    change(deploy / "compose.yml", old, new)
    assert any(problem in found for found in compose.check(deploy))


def test_a_secret_with_a_value_is_noticed(deploy: Path) -> None:
    change(deploy / "example.env", "DRAGOMAN_SESSION_SECRET=", "DRAGOMAN_SESSION_SECRET=not-a-good-idea")
    assert any("a secret has a value" in found for found in compose.check(deploy))
