from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from telemetry import metrics

TOKEN = "t" * 16


@pytest.mark.parametrize(
    "given",
    [None, "", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"bearer {TOKEN}", "Bearer é\udcff"],
)
def test_wrong_token_is_refused(given: str | None) -> None:
    assert not metrics.has_token(given, TOKEN)


def test_right_token_is_taken() -> None:
    assert metrics.has_token(f"Bearer {TOKEN}", TOKEN)


def test_scrape_has_the_process_itself() -> None:
    names = {family.name for family in text_string_to_metric_families(metrics.render().decode())}
    assert {"process_cpu_seconds", "process_resident_memory_bytes", "process_open_fds"} <= names
    assert not any(name.endswith("_created") for name in names)
