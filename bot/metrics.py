"""What Rasa's process counts; scraped from `GET /webhooks/service/metrics` with the internal secret."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from telemetry.metrics import FAST_BUCKETS_S

TURN_SECONDS = Histogram(
    "dragoman_bot_turn_seconds",
    "Turns, by outcome: answered, failed (an action, the database, time), fault (ours), cancelled.",
    ["outcome"],
    buckets=FAST_BUCKETS_S,
)
PARSE_SECONDS = Histogram(
    "dragoman_bot_parse_seconds",
    "Understanding one message: language, label, details.",
    buckets=FAST_BUCKETS_S,
)
ARTICLES = Gauge("dragoman_bot_articles", "Articles that the bot answers with, of all languages.")
KNOWLEDGE_REFUSED = Counter(
    "dragoman_bot_knowledge_refused_total",
    "Changes of the knowledge base that were wrong and not taken over.",
)
