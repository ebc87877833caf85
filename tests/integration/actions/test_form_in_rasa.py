"""What Rasa makes of the form's events: the task on a real Rasa 3.6 with the real action server."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.actions.running import ROOT, SECRET, running_server

RASA_PYTHON = ROOT / ".venv-bot" / "bin" / "python"
GIULIA = "giulia.ferraro@posta.example"
SIGNED_IN = {"contact": {"verified_email": "Giulia.Ferraro@posta.example"}}

pytestmark = pytest.mark.processes

ASK_NUMBER, ASK_EMAIL = "utter_ask_order_number", "utter_ask_email"
TOLD = ["utter_order_status_shipped", "utter_order_parcel"]
NOT_FOUND = ["utter_order_not_found", ASK_NUMBER]


def said(label: str, **details: str) -> str:
    return f"/{label}{json.dumps(details)}" if details else f"/{label}"


# Conversation: (message, replies), …
CONVERSATIONS: dict[str, list[tuple[str, list[str]]]] = {
    "asked for both": [
        (said("track_order"), [ASK_NUMBER]),
        (said("inform", order_number="48213"), [ASK_EMAIL]),
        (said("inform", email=GIULIA), TOLD),
    ],
    "both at once, then again": [
        (said("track_order", order_number="#48213", email=GIULIA), TOLD),
        (said("track_order"), [*TOLD, "utter_order_another"]),
    ],
    "address first": [
        (said("track_order"), [ASK_NUMBER]),
        (said("inform", email=GIULIA), [ASK_NUMBER]),
        (said("inform", order_number="48213"), TOLD),
    ],
    "another number in the middle": [
        (said("track_order", order_number="48105"), [ASK_EMAIL]),
        (said("deny", order_number="48213"), [ASK_EMAIL]),
        (said("inform", email=GIULIA), TOLD),
    ],
    "interrupted twice": [
        (said("track_order"), [ASK_NUMBER]),
        (said("faq"), ["utter_answer", ASK_NUMBER]),
        (said("inform", order_number="48213"), [ASK_EMAIL]),
        (said("faq"), ["utter_answer", ASK_EMAIL]),
        (said("inform", email=GIULIA), TOLD),
    ],
    "three failures": [
        (said("track_order"), [ASK_NUMBER]),
        (said("inform", order_number="48213", email="a@b.example"), NOT_FOUND),
        (said("inform", order_number="99999", email=GIULIA), NOT_FOUND),
        (
            said("inform", order_number="48213", email="a@b.example"),
            ["utter_order_not_found_last", "utter_handoff_task_failed"],
        ),
    ],
    "nonsense": [
        (said("track_order"), [ASK_NUMBER]),
        (said("nlu_fallback"), ["utter_order_number_unclear", ASK_NUMBER]),
        (said("inform"), ["utter_order_number_unclear", ASK_NUMBER]),
        (said("nlu_fallback"), ["utter_order_unclear_last", "utter_handoff_task_failed"]),
    ],
    "cancelled and begun again": [
        (said("track_order"), [ASK_NUMBER]),
        (said("deny"), ["utter_task_cancelled"]),
        (said("track_order"), [ASK_NUMBER]),
    ],
    "a person is asked for, with a number": [
        (said("track_order"), [ASK_NUMBER]),
        (said("request_human", order_number="48213"), ["utter_handoff_requested"]),
    ],
    "two parcels": [
        (
            said("track_order", order_number="48251", email="priya.nair@mail.example"),
            [
                "utter_order_status_shipped_undated",
                "utter_order_parcel_count",
                "utter_order_parcel_delivered",
                "utter_order_parcel_expected",
            ],
        ),
    ],
    "signed in": [
        (said("track_order"), ["utter_ask_order_number_or_choose"]),
        (said("inform", order_number="48213"), TOLD),
    ],
}


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder: Path = tmp_path_factory.mktemp("rasa")
    given = {
        "folder": str(folder),
        "secret": SECRET,
        "conversations": {
            name: [[message, SIGNED_IN if name == "signed in" else None] for message, _ in messages]
            for name, messages in CONVERSATIONS.items()
        },
    }
    with running_server(folder) as actions:
        ended = subprocess.run(
            [str(RASA_PYTHON), "-W", "ignore", str(Path(__file__).with_name("drive_rasa.py"))],
            input=json.dumps({**given, "actions_url": f"http://127.0.0.1:{actions.port}/webhook"}),
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "RASA_TELEMETRY_ENABLED": "false"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert ended.returncode == 0, ended.stderr[-3000:]
    result: dict[str, dict[str, Any]] = json.loads(ended.stdout.splitlines()[-1])
    return result


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_conversation_goes_as_it_should(held: dict[str, dict[str, Any]], name: str):
    assert held[name]["replies"] == [replies for _, replies in CONVERSATIONS[name]]


def test_order_is_kept_for_agents_only_when_it_was_proven(held: dict[str, dict[str, Any]]):
    assert held["asked for both"]["slots"]["order"]["number"] == "TM-48213"
    assert held["signed in"]["slots"]["order"]["proof"] == "signed_in"
    assert held["three failures"]["slots"]["order"] is None


def test_number_given_with_the_wish_for_a_person_is_kept(held: dict[str, dict[str, Any]]):
    assert held["a person is asked for, with a number"]["slots"]["order_number"] == "48213"


@pytest.mark.parametrize("name", ["asked for both", "three failures", "nonsense", "signed in"])
def test_form_is_over_when_the_task_is(held: dict[str, dict[str, Any]], name: str):
    assert held[name]["active_loop"] is None
