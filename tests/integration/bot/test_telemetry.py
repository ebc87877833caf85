"""What Rasa's process tells of turns: figures for who knows the secret, spans, and lines without texts."""

from __future__ import annotations

import json
import logging

import pytest
from aiohttp import web
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from telemetry import logs, traces
from tests.integration.bot.conftest import SECRET, Bot, Customer, FakeActions

# Letters as in English: to a model of a handful of messages anything else is a foreign language.
MARKER = "Whereabout"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


async def count(bot: Bot, name: str, **labels: str) -> float:
    headers = {"Authorization": f"Bearer {SECRET}"}
    response = await bot.client.get("/webhooks/service/metrics", headers=headers)
    assert response.status_code == 200
    assert MARKER not in response.text
    return next(
        (
            sample.value
            for family in text_string_to_metric_families(response.text)
            for sample in family.samples
            if sample.name == name and sample.labels == labels
        ),
        0.0,
    )


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET + "x"])
async def test_metrics_are_not_for_strangers(bot: Bot, secret: str | None) -> None:
    headers = {"Authorization": f"Bearer {secret}x"} if secret is not None else {}
    response = await bot.client.get("/webhooks/service/metrics", headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, "unauthorised")


async def test_turns_are_counted_by_what_became_of_them(bot: Bot, actions: FakeActions) -> None:
    turns = "dragoman_bot_turn_seconds_count"
    answered, failed = await count(bot, turns, outcome="answered"), await count(bot, turns, outcome="failed")
    parsed = await count(bot, "dragoman_bot_parse_seconds_count")
    customer = Customer(bot, language="en")
    await customer.say("how much is delivery")
    actions.fail = lambda name: web.Response(status=500)
    assert (await bot.post(customer.request("where is my order"))).status_code == 503
    assert await count(bot, turns, outcome="answered") - answered == 1
    assert await count(bot, turns, outcome="failed") - failed == 1
    assert await count(bot, "dragoman_bot_parse_seconds_count") - parsed == 2


async def test_failed_turn_is_logged_with_its_ids_and_without_the_text(
    bot: Bot, actions: FakeActions, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(logs.FORMAT_VARIABLE, "json")
    before, level = list(logging.getLogger().handlers), logging.getLogger().level
    logs.configure("bot")
    actions.fail = lambda name: web.Response(status=500, text=f"no such thing as {MARKER}")
    request = Customer(bot, language="en").request(f"where is my order {MARKER}")
    assert (await bot.post(request)).status_code == 503
    logging.getLogger().handlers, logging.getLogger().level = before, level
    written = capfd.readouterr().err
    assert MARKER not in written
    lines = [json.loads(line) for line in written.splitlines() if line.startswith("{")]
    (failure,) = [line for line in lines if line["level"] == "ERROR"]
    assert failure["message_id"] == request["message_id"]
    assert f"{failure['conversation_id']}.1" == request["sender_id"]
    assert "TurnFailedError" in failure["exception"]


async def test_turn_belongs_to_the_trace_of_its_caller(bot: Bot, actions: FakeActions) -> None:
    exporter = InMemorySpanExporter()
    traces.record("bot", SimpleSpanProcessor(exporter))
    try:
        request = Customer(bot, language="en").request(f"where is my order {MARKER}")
        headers = {
            "Authorization": f"Bearer {SECRET}",
            "traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01",
        }
        answer = await bot.client.post("/webhooks/service/turn", json=request, headers=headers)
        assert answer.status_code == 200
    finally:
        traces.shutdown()
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert {span.context.trace_id for span in spans.values()} == {int(TRACE_ID, 16)}
    turn = spans["rasa turn"]
    assert turn.parent is not None
    assert turn.parent.span_id == 0xB7AD6B7169203331
    for name in ("parse", "rasa action track_order_form"):
        assert spans[name].parent.span_id == turn.context.span_id
    assert spans["parse"].attributes["dragoman.label"] == "track_order"
    assert not any(MARKER in span.to_json() for span in spans.values())
