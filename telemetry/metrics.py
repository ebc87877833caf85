"""What the three processes' metrics have in common: buckets, the text that is scraped, who may scrape it."""

from __future__ import annotations

import hmac

from prometheus_client import CONTENT_TYPE_LATEST, disable_created_metrics, generate_latest

# Half of a scrape would be moments at which counters began.
disable_created_metrics()

CONTENT_TYPE = CONTENT_TYPE_LATEST
"""Of what `render` returns."""

FAST_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Seconds; for what happens inside a turn."""
REPLY_BUCKETS_S = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Seconds; for what a customer waits for."""


def render() -> bytes:
    """Return this process's metrics, its memory and CPU time included, as Prometheus reads them."""
    return generate_latest()


def has_token(authorization: str | None, token: str) -> bool:
    """Whether an Authorization header carries this bearer token; takes equally long for any wrong one."""
    # Bytes, because compare_digest takes no other text than ASCII.
    given = (authorization or "").encode("utf-8", "surrogateescape")
    return hmac.compare_digest(given, f"Bearer {token}".encode())
