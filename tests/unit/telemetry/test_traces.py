"""Spans: off unless asked for, in the right place, and without texts."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from telemetry import logs, traces

PROBE = """
import sys
from telemetry import logs, traces
traces.configure("service")
with traces.span("turn", follows="m1", headers={}) as span:
    span.set(label="greet")
    traces.remember("m1")
    assert traces.headers() == {} and traces.current_trace_id() is None
traces.shutdown()
print([name for name in sys.modules if name.startswith(("opentelemetry", "google", "requests"))])
"""


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    exporter = InMemorySpanExporter()
    traces.record("service", SimpleSpanProcessor(exporter))
    yield exporter
    traces.shutdown()


def test_nothing_of_opentelemetry_is_loaded_while_off() -> None:
    environment = {"PYTHONPATH": "."}
    done = subprocess.run(
        [sys.executable, "-c", PROBE], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "[]"


def test_span_costs_next_to_nothing_while_off() -> None:
    assert not traces.is_on()
    started = time.process_time()
    for _ in range(10_000):
        with traces.span("turn", follows="m1", conversation_id="c1") as span:
            span.set(label="greet")
    # Measured: 0.6 µs each. A turn has about ten.
    assert (time.process_time() - started) / 10_000 < 20e-6


def test_span_inside_another_is_its_child(spans: InMemorySpanExporter) -> None:
    with traces.span("turn"), traces.span("bot call", kind="client"):
        pass
    call, turn = spans.get_finished_spans()
    assert call.parent is not None
    assert call.parent.span_id == turn.context.span_id
    assert turn.parent is None
    assert turn.resource.attributes["service.name"] == "dragoman-service"


def test_headers_carry_the_parent_to_another_process(spans: InMemorySpanExporter) -> None:
    with traces.span("bot call"):
        headers = traces.headers()
    assert set(headers) == {"traceparent"}
    with traces.span("around"), traces.span("rasa turn", kind="server", headers=headers):
        pass
    call, turn = spans.get_finished_spans()[:2]
    assert turn.parent is not None
    assert (turn.parent.span_id, turn.context.trace_id) == (call.context.span_id, call.context.trace_id)


@pytest.mark.parametrize(
    "headers", [{}, {"traceparent": "rubbish"}, {"traceparent": "00-" + "0" * 32 + "-1-01"}]
)
def test_caller_without_a_trace_begins_one(spans: InMemorySpanExporter, headers: dict[str, str]) -> None:
    with traces.span("around"), traces.span("rasa turn", headers=headers):
        pass
    assert spans.get_finished_spans()[0].parent is None


def test_turn_follows_the_span_that_received_its_message(spans: InMemorySpanExporter) -> None:
    with traces.span("receive"):
        traces.remember("m1")
    with traces.span("receive"):
        traces.remember("m2")
        # A turn may run in the task of the one before it.
        with traces.span("turn", follows="m1"):
            pass
    with traces.span("around"), traces.span("turn", follows="m3"):
        pass
    first, turn, _second, unknown, _around = spans.get_finished_spans()
    assert turn.parent is not None
    assert turn.parent.span_id == first.context.span_id
    assert unknown.parent is None


def test_memory_of_received_messages_is_bounded(spans: InMemorySpanExporter) -> None:
    for number in range(traces.MOST_REMEMBERED + 5):
        traces.remember(number)
    assert len(traces._remembered) == traces.MOST_REMEMBERED
    with traces.span("turn", follows=0):
        pass


def test_exception_is_told_by_type_alone(spans: InMemorySpanExporter) -> None:
    def fail() -> None:
        with traces.span("turn") as span:
            span.set(label="greet", decision=None, settled=3)
            raise ValueError("zanzibar@post.example")

    with pytest.raises(ValueError, match="zanzibar"):
        fail()
    (failed,) = spans.get_finished_spans()
    assert failed.status.description == "ValueError"
    assert "zanzibar" not in failed.to_json()
    assert failed.attributes == {"dragoman.label": "greet", "dragoman.settled": 3}


def test_log_lines_have_the_id_of_the_trace(spans: InMemorySpanExporter) -> None:
    with traces.span("turn"), logs.bound(message_id="m1"):
        assert logs.context() == {"message_id": "m1", "trace_id": traces.current_trace_id()}
    assert logs.context() == {}


def test_collector_that_is_away_delays_the_end_by_seconds_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(traces, "SHUTDOWN_WITHIN_S", 0.5)
    traces.configure("service")
    with traces.span("turn"):
        pass
    started = time.monotonic()
    traces.shutdown()
    assert time.monotonic() - started < 5
    assert not traces.is_on()
