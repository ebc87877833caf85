"""What the service counts. docs/operations.md explains each; `handoff/operation.py` serves them.

Labels have few values: never an id, never a text. What is in the database is counted once it is committed
(`database.when_committed`), and read from there at scrape time where it is a state.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from telemetry.metrics import FAST_BUCKETS_S, REPLY_BUCKETS_S

MESSAGES = Counter(
    "dragoman_messages_total",
    "Messages kept, by channel and author: customer, bot, agent, notice.",
    ["channel", "author"],
)
TURNS = Counter(
    "dragoman_turns_total",
    "Turns ended: answered, handed_off, or void (the lease was lost, or people had taken over).",
    ["outcome"],
)
REPLY_SECONDS = Histogram(
    "dragoman_reply_seconds",
    "From a customer's message being kept to the bot's answer to it being kept.",
    buckets=REPLY_BUCKETS_S,
)
BOT_CALL_SECONDS = Histogram(
    "dragoman_bot_call_seconds",
    "Calls of Rasa: answered, failed (it says so, or talks rubbish), unreachable (or too slow), cancelled.",
    ["outcome"],
    buckets=FAST_BUCKETS_S,
)
BREAKER_OPEN = Gauge(
    "dragoman_breaker_open", "1 while calls of Rasa are held back because it could not be reached, else 0."
)
TURNS_PENDING = Gauge(
    "dragoman_turns_pending",
    "Customers' messages that the bot has not answered yet; the same in every replica.",
)
TURN_OLDEST_SECONDS = Gauge(
    "dragoman_turn_oldest_seconds", "How long the oldest of them has waited; 0 when there is none."
)
QUEUE_LENGTH = Gauge(
    "dragoman_queue_length",
    "Conversations that wait for a person, by priority; the same in every replica.",
    ["priority"],
)
QUEUE_OLDEST_SECONDS = Gauge(
    "dragoman_queue_oldest_seconds", "How long the longest waiting of them has waited; 0 when there is none."
)
HANDOFFS = Counter("dragoman_handoffs_total", "Conversations put into the queue, by reason.", ["reason"])
DELIVERIES = Counter(
    "dragoman_deliveries_total",
    "What became of messages on channels that push: sent, failed, retried.",
    ["channel", "state"],
)
SOCKETS_OPEN = Gauge("dragoman_sockets_open", "Widgets' sockets that have said hello and are open.")
REFUSALS = Counter(
    "dragoman_refusals_total",
    "Errors told to customers, agents and other callers, by code: rate_limited, unauthorized …",
    ["code"],
)
BUS_FAILURES = Counter(
    "dragoman_bus_failures_total", "Attempts to tell other replicas that failed because Redis was away."
)

PRIORITIES = {1: "urgent", 2: "high", 3: "normal"}
"""Values of the label `priority`, by the number in the database."""
