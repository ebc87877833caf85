"""What the three real processes tell their operator of one conversation: logs, metrics and traces."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.test_conversation import ask
from tests.collector import Collector, ReceivedSpan, running_collector
from tests.customer import Customer
from tests.shop import Shop

TOKEN = "a-token-for-the-tests"
PROCESSES = ("service", "bot", "actions")
MARKER = "Qwyjibo"
EMAIL = "hannah.whitlock@mail.example"


@dataclass
class Told:
    """A conversation that was had, and all that was told of it."""

    shop: Shop
    collector: Collector
    conversation_id: str
    message_ids: list[str]

    def lines(self, process: str) -> list[dict[str, Any]]:
        log = self.shop.processes.logs / f"{process}.log"
        lines = log.read_text(encoding="utf-8").splitlines()
        if process == "bot":
            # Before Rasa makes our channel it warns of what it is made of, in its own way.
            lines = [line for line in lines if line.startswith("{")]
        return [json.loads(line) for line in lines]

    def text(self, process: str) -> str:
        return (self.shop.processes.logs / f"{process}.log").read_text(encoding="utf-8").lower()

    def scrape(self, process: str, token: str | None) -> httpx.Response:
        ports = self.shop.installation.ports
        url = {
            "service": f"http://127.0.0.1:{ports.service}/metrics",
            "bot": f"http://127.0.0.1:{ports.bot}/webhooks/service/metrics",
            "actions": f"http://127.0.0.1:{ports.actions}/metrics",
        }[process]
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.get(url, headers=headers, trust_env=False, timeout=10)

    def secret_of(self, process: str) -> str:
        environment = self.shop.installation.environment()
        return environment["DRAGOMAN_METRICS_TOKEN" if process == "service" else "DRAGOMAN_INTERNAL_SECRET"]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with running_collector() as collector:
        shop = Shop(tmp_path_factory.mktemp("told"))
        shop.installation.settings |= {
            "DRAGOMAN_LOG_FORMAT": "json",
            "DRAGOMAN_METRICS_TOKEN": TOKEN,
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }
        try:
            shop.start()
            customer = asyncio.run(talk(shop))
            accepted = [frame["message_id"] for frame in customer.frames if frame["type"] == "accepted"]
            yield Told(shop, collector, customer.conversation_id, accepted)
        finally:
            shop.stop()


async def talk(shop: Shop) -> Customer:
    """Ask for an order with words that no log may have; the last message is odd, what follows is none."""
    customer = await shop.open_customer(language="en", market="GB")
    await ask(customer, f"where is my order? {MARKER}")
    await ask(customer, f"48190 {MARKER}")
    await ask(customer, EMAIL)
    await ask(customer, f"/{MARKER} {{{MARKER}}} %s %(x)s")
    await customer.send_raw(f"{MARKER} is no frame")
    assert (await customer.wait_for(lambda frame: frame["type"] == "error"))["code"]
    await customer.disconnect()
    return customer


def test_log_lines_have_the_ids_and_nothing_that_a_customer_wrote(told: Told) -> None:
    for process in PROCESSES:
        lines = told.lines(process)
        assert all({"time", "level", "logger", "message", "process"} <= set(line) for line in lines)
        assert {line["process"] for line in lines} == {process}
        about = [line for line in lines if line.get("conversation_id") == told.conversation_id]
        about_messages = {line["message_id"] for line in about if "message_id" in line}
        # The last message is for no action of the action server.
        assert about_messages >= set(told.message_ids[: 3 if process == "actions" else None]), process
        for secret in (MARKER, EMAIL, "whitlock", "48190", TOKEN, told.secret_of("bot")):
            assert secret.lower() not in told.text(process), (process, secret)


@pytest.mark.parametrize("process", PROCESSES)
def test_metrics_are_told_to_who_has_the_secret(told: Told, process: str) -> None:
    secret = told.secret_of(process)
    for wrong in (None, "", "wrong", secret + "x", secret[:-1]):
        assert told.scrape(process, wrong).status_code == 401
    scraped = told.scrape(process, secret)
    assert scraped.status_code == 200
    assert scraped.headers["content-type"].startswith("text/plain")
    counted = {
        sample.name: sample.value
        for family in text_string_to_metric_families(scraped.text)
        for sample in family.samples
        if not sample.labels or sample.labels.get("outcome") in ("answered", "done")
    }
    least = {
        "service": {"dragoman_turns_total": 4, "dragoman_reply_seconds_count": 4, "dragoman_sockets_open": 0},
        "bot": {"dragoman_bot_turn_seconds_count": 4, "dragoman_bot_parse_seconds_count": 4},
        "actions": {"dragoman_action_seconds_count": 1},
    }[process]
    assert all(counted[name] >= value for name, value in least.items()), counted
    assert counted["process_resident_memory_bytes"] > 0
    for text in (MARKER, EMAIL, told.conversation_id, *told.message_ids):
        assert text not in scraped.text


def test_one_trace_holds_a_message_from_the_socket_to_the_shop(told: Told) -> None:
    spans = told.collector.wait_for(9, **{"dragoman.message_id": told.message_ids[2]})
    assert told.collector.paths == {"/v1/traces"}
    by_id = {span.span_id: span for span in spans}

    def way(span: ReceivedSpan) -> list[str]:
        """From the first span of the trace to this one."""
        parent = by_id.get(span.parent_id)
        assert parent or not span.parent_id, f"{span.name} has a parent of another trace"
        return [*(way(parent) if parent else []), f"{span.service.removeprefix('dragoman-')}: {span.name}"]

    ways = [way(span) for span in spans]
    to_rasa = ["service: receive", "service: turn", "service: bot call", "bot: rasa turn"]
    assert [*to_rasa, "bot: parse"] in ways
    form = [*to_rasa, "bot: rasa action track_order_form"]
    assert [*form, "actions: action validate_track_order_form", "actions: commerce"] in ways
    assert [*to_rasa, "bot: rasa action action_track_order", "actions: action action_track_order"] in ways
    turn = next(span for span in spans if span.name == "turn")
    assert turn.attributes["dragoman.conversation_id"] == told.conversation_id
    assert turn.attributes["dragoman.label"] == "inform"


def test_messages_have_traces_of_their_own_and_no_span_has_a_text(told: Told) -> None:
    of_message = {
        message_id: told.collector.wait_for(5, **{"dragoman.message_id": message_id})[0].trace_id
        for message_id in told.message_ids
    }
    assert len(set(of_message.values())) == len(told.message_ids)
    for span in told.collector.spans:
        assert not any(text in span.raw for text in (MARKER, EMAIL, "48190"))
