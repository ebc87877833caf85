"""What the action server counts, and which ids its lines have."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.actions.running import (
    ROOT,
    SECRET,
    START_S,
    RunningServer,
    environment,
    find_free_port,
    running_server,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("actions")) as running:
        yield running


def count(server: RunningServer, action: str, outcome: str) -> float:
    text = server.client.get("/metrics").text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "dragoman_action_seconds_count"
        and sample.labels == {"action": action, "outcome": outcome}
    )


def test_metrics_are_not_for_strangers(server: RunningServer) -> None:
    with httpx.Client(base_url=server.client.base_url, trust_env=False) as stranger:
        assert stranger.get("/metrics").status_code == 401
        assert stranger.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_actions_are_counted_by_name_and_outcome(server: RunningServer) -> None:
    done = count(server, "action_ask_order_number", "done")
    failed = count(server, "action_track_order", "failed")
    assert server.call("action_ask_order_number").status_code == 200
    assert server.call("action_track_order").status_code == 500
    assert count(server, "action_ask_order_number", "done") - done == 1
    assert count(server, "action_track_order", "failed") - failed == 1


@pytest.mark.parametrize("name", ["action_nothing", "Qwyjibo", ["x"], {"a": 1}, 3])
def test_name_of_no_action_becomes_no_label(server: RunningServer, name: object) -> None:
    body = {"next_action": name, "tracker": {"sender_id": "c1.1", "events": [3, {"event": "user"}]}}
    assert server.client.post("/webhook", json=body).status_code in (404, 422)
    assert "Qwyjibo" not in server.client.get("/metrics").text
    assert "action_nothing" not in server.client.get("/metrics").text


def test_line_of_an_action_has_the_ids_of_conversation_and_message(server: RunningServer) -> None:
    events = [
        {"event": "user", "message_id": "an-earlier-message"},
        {"event": "user", "message_id": "the-latest-message"},
        {"event": "slot", "name": "order", "value": None},
    ]
    server.call("action_ask_order_number", sender_id="a-conversation.2", events=events)
    line = [line for line in server.log.read_text().splitlines() if "action_ask_order_number" in line][-1]
    assert line.endswith("conversation_id=a-conversation message_id=the-latest-message")


@pytest.mark.parametrize(
    ("variable", "value"), [("DRAGOMAN_LOG_FORMAT", "xml"), ("DRAGOMAN_LOG_LEVEL", "LOUD")]
)
@pytest.mark.parametrize("module", ["actions.server", "handoff"])
def test_unknown_log_setting_ends_the_process_in_one_clear_sentence(
    module: str, variable: str, value: str, tmp_path
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env={**environment(tmp_path, find_free_port(), SECRET), variable: value},
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )
    assert ended.returncode == 2
    assert f"{variable} is '{value}'" in ended.stderr
    assert "Traceback" not in ended.stderr
