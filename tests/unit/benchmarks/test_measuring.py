"""What the benchmark says of its measurements is what was measured."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from benchmarks.aims import list_aims
from benchmarks.figures import Usage, calibrate, percentiles
from benchmarks.messages import Mix, load_questions
from benchmarks.render import BEGIN, END, NoMarkersError, write_page
from benchmarks.stock_rasa.project import collect_messages, render_project

LATENCY = {"p50_ms": 9.5, "p95_ms": 31.0, "p99_ms": 40.0}
PROCESS = {"cpu_s": 1.0, "cores": 0.5, "rss_mb": 200.0}


def make_figures() -> dict[str, Any]:
    load = {
        "customers": 1, "think_s": 0.0, "replies_per_s": 90.0,
        "accepted_to_reply": LATENCY, "sent_to_reply": LATENCY,
        "cpu_ms_per_reply": {"service": 4.0, "bot": 4.5, "actions": 0.1, "driver": 1.0},
        "handed_off": 0, "refused": 0,
        "conversations": 3, "processes": {"bot": PROCESS},
    }  # fmt: skip
    figures: dict[str, Any] = {
        "machine": {
            "date": "2026-11-22T00:30+00:00", "cpu": "one", "cores": 2, "memory_gb": 8.0,
            "load_before": [0.1, 0.2, 0.3], "calibration_s": 0.3,
            "python": "3.11.7", "commit": "abc1234", "has_changes": False,
        },
        "start_up": {"first_s": 21.0, "first_reply_ms": 30.0},
        "service": {"1": load, "32": {**load, "customers": 32, "replies_per_s": 151.0}},
        "bot": {"1": load},
        "memory_mb": {"service": 150.0},
    }  # fmt: skip
    figures["aims"] = list_aims(figures)
    return figures


def test_percentiles_are_in_milliseconds() -> None:
    found = percentiles([number / 1000 for number in range(1, 102)])
    assert found == {"p50_ms": 51.0, "p95_ms": 96.0, "p99_ms": 100.0}


def test_too_few_measurements_have_no_percentiles() -> None:
    with pytest.raises(ValueError, match="too few"):
        percentiles([0.1])


def test_a_process_that_works_uses_cpu() -> None:
    usage = Usage({"self": os.getpid()})
    spent_s = calibrate()
    assert usage.read()["self"]["cpu_s"] == pytest.approx(spent_s, abs=0.1)


def test_an_aim_that_is_missed_is_said_to_be_missed() -> None:
    met = {aim["name"]: aim["met"] for aim in make_figures()["aims"]}
    assert met == {
        "accepted → reply, p50, one customer": True,
        "accepted → reply, p95, one customer": False,
        "replies a second, 32 customers": True,
    }


def test_the_same_seed_says_the_same() -> None:
    first, second = (list(islice(Mix(seed=7).conversations(24), 20)) for _ in range(2))
    assert first == second
    assert {conversation.language for conversation in first} == {"en", "he", "it", "nl", "vi"}
    assert all(24 <= len(conversation.messages) <= 27 for conversation in first)


def test_an_order_is_looked_up_in_every_third_message_or_so() -> None:
    said = [
        text for conversation in islice(Mix(seed=1).conversations(24), 200) for text in conversation.messages
    ]
    share = sum("@" in text for text in said) * 4 / len(said)
    assert 0.25 < share < 0.38


def test_no_measured_question_asks_for_a_person() -> None:
    assert len(load_questions("it")) > 40


def test_stock_rasa_learns_our_messages_without_retrieval_intents() -> None:
    messages = collect_messages()
    files = render_project(messages)
    assert "faq_shipping_cost" in messages
    assert not any("/" in intent for intent in messages)
    answered = {rule["steps"][0]["intent"] for rule in files["data/rules.yml"]["rules"]}
    assert answered == set(messages) | {"nlu_fallback"}


def test_the_page_keeps_all_but_the_figures(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"# Speed\n\n{BEGIN}\nold\n{END}\n\nafter\n", encoding="utf-8")
    write_page(make_figures(), page)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Speed\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| replies a second, 32 customers | ≥ 150 /s | 151 /s | yes |" in text
    assert "2026-11-22 00:30 UTC, commit abc1234" in text


def test_a_page_without_a_place_for_figures_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("# Speed\n", encoding="utf-8")
    with pytest.raises(NoMarkersError):
        write_page(make_figures(), page)


def test_usage_counts_children_that_are_there_and_those_that_have_ended() -> None:
    burn = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"
    parent = (
        "import subprocess, sys\n"
        f"subprocess.run([sys.executable, '-c', {burn!r}])\n"
        "print('ended', flush=True)\n"
        # One after the other comes and goes while it is measured.
        "while True: subprocess.run([sys.executable, '-S', '-c', ''])\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        try:
            usage = Usage({"parent": process.pid})
            assert process.stdout is not None
            assert process.stdout.readline() == "ended\n"
            readings = [usage.read()["parent"] for _ in range(200)]
        finally:
            process.kill()
    assert readings[0]["cpu_s"] >= 0.3
    assert all(reading["rss_mb"] > 1 for reading in readings)
