"""What the action server counts; scraped from `GET /metrics` with the internal secret."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from telemetry.metrics import FAST_BUCKETS_S

ACTION_SECONDS = Histogram(
    "dragoman_action_seconds",
    "How long actions took, by name and outcome: done, rejected, failed.",
    ["action", "outcome"],
    buckets=FAST_BUCKETS_S,
)
"""Only names of actions that exist become labels."""

COMMERCE_FAILURES = Counter(
    "dragoman_commerce_failures_total", "Calls of the shop that failed or took too long, each attempt."
)
