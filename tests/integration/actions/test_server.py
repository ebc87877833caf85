"""The action server as a process of its own, called as Rasa calls it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.integration.actions.running import (
    ROOT,
    SECRET,
    START_S,
    RunningServer,
    environment,
    find_free_port,
    running_server,
)

GIULIA = "giulia.ferraro@posta.example"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("actions")) as running:
        yield running


def user_said(text: str, **details: str) -> dict[str, Any]:
    return {
        "text": text,
        "intent": {"name": "track_order"},
        "entities": [{"entity": name, "value": value} for name, value in details.items()],
        "metadata": {"contact": None},
    }


@pytest.mark.parametrize("method_and_path", [("POST", "/webhook"), ("GET", "/actions"), ("GET", "/nothing")])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": SECRET},
        {"Authorization": f"Bearer {SECRET} "[:-2]},
    ],
    ids=["none", "wrong", "no scheme", "cut off"],
)
def test_nothing_is_answered_without_the_secret(server: RunningServer, method_and_path, headers):
    method, path = method_and_path
    with httpx.Client(base_url=server.client.base_url, trust_env=False) as stranger:
        response = stranger.request(
            method, path, headers=headers, content=b'{"next_action": "action_track_order"}'
        )
    assert response.status_code == 401
    assert response.json() == {"error": "unauthorized"}


def test_health_needs_no_secret_and_says_nothing_else(server: RunningServer):
    with httpx.Client(base_url=server.client.base_url, trust_env=False) as stranger:
        assert stranger.get("/health").json() == {"status": "ok"}


def test_actions_of_the_package_are_registered(server: RunningServer):
    names = {action["name"] for action in server.client.get("/actions").json()}
    assert {"validate_track_order_form", "action_ask_order_number", "action_track_order"} <= names


def test_order_is_looked_up_and_told(server: RunningServer):
    message = user_said("dov'è il mio ordine 48213?", order_number="48213", email=GIULIA)
    slots = {"order_number": "48213", "email": GIULIA}
    validated = server.call("validate_track_order_form", latest_message=message, slots=slots)
    assert validated.status_code == 200
    slots = {event["name"]: event["value"] for event in validated.json()["events"]}
    assert slots["requested_slot"] is None
    assert slots["order"]["number"] == "TM-48213"

    told = server.call("action_track_order", latest_message=message, slots=slots).json()
    assert [response["response"] for response in told["responses"]] == [
        "utter_order_status_shipped",
        "utter_order_parcel",
    ]
    assert all(response["text"] is None for response in told["responses"])


def test_answers_for_unknown_and_for_somebody_elses_order_are_byte_for_byte_the_same(server: RunningServer):
    def ask(number: str) -> bytes:
        slots = {"order_number": number, "email": "somebody@else.example"}
        message = user_said("x", **slots)
        response = server.call("validate_track_order_form", latest_message=message, slots=slots)
        assert response.status_code == 200
        return response.content

    assert ask("48213") == ask("99999")


def test_log_holds_nothing_that_a_customer_wrote(server: RunningServer):
    text = "Secret words of a customer, la mia mail: zanzibar@posta.example"
    server.call(
        "validate_track_order_form", latest_message=user_said(text), slots={"email": "zanzibar@posta.example"}
    )
    server.call("action_track_order", latest_message=user_said(text))
    log = server.log.read_text()
    assert "validate_track_order_form" in log
    assert "Secret" not in log
    assert "zanzibar" not in log
    assert SECRET not in log


def test_action_that_fails_is_an_error_without_details(server: RunningServer):
    response = server.call("action_track_order")
    assert response.status_code == 500
    assert response.json() == {"error": "the action failed"}


def test_unknown_action_is_404(server: RunningServer):
    response = server.call("action_nothing")
    assert response.status_code == 404
    assert response.json()["action_name"] == "action_nothing"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"x"', b"{}", b'{"next_action": "action_track_order"}', b"\xff"]
)
def test_bad_body_is_never_400_which_rasa_takes_for_a_rejection(server: RunningServer, body: bytes):
    response = server.client.post("/webhook", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 422


def test_server_listens_on_its_own_address_only(server: RunningServer):
    # A server bound to every address would answer on any other of the loopback's as well.
    with socket.create_connection(("127.0.0.1", server.port), timeout=5):
        pass
    with pytest.raises(OSError, match=r"refused|reach|assign"):
        socket.create_connection(("127.0.0.2", server.port), timeout=5)


@pytest.mark.parametrize("secret", ["", "too-short"])
def test_server_refuses_to_start_without_a_secret_in_one_clear_sentence(tmp_path, secret):
    ended = subprocess.run(
        [sys.executable, "-m", "actions.server"],
        cwd=ROOT,
        env=environment(tmp_path, find_free_port(), secret),
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )
    assert ended.returncode == 2
    assert "DRAGOMAN_INTERNAL_SECRET has to be set to at least 32 characters" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("calls", [0, 1], ids=["idle", "in the middle of a call"])
def test_server_ends_cleanly(tmp_path, how, calls):
    with running_server(tmp_path) as running, socket.create_connection(("127.0.0.1", running.port)) as half:
        # A caller who never gets to the end of what it has to say, and is waited for no longer than END_S.
        half.sendall(b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{" * calls)
        running.client.get("/health")
        running.process.send_signal(how)
        assert running.process.wait(timeout=15) == 0
    assert "Traceback" not in running.log.read_text()
