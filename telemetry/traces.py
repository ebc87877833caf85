"""One trace for each customer message, across the three processes (OpenTelemetry, W3C Trace Context).

Off unless OTEL_EXPORTER_OTLP_ENDPOINT (or …_TRACES_ENDPOINT) names a collector: while off, nothing of
OpenTelemetry is imported, and a span costs one comparison. Spans carry ids, labels and decisions, never text;
an exception is told by its type. Which share is sampled, and everything else, is set by OpenTelemetry's own
variables:
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

ENDPOINT_VARIABLES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

# Messages whose receiving span is remembered for their turn; one that comes later begins a trace of its own.
MOST_REMEMBERED = 1000
SHUTDOWN_WITHIN_S = 3.0

_provider: TracerProvider | None = None
_remembered: OrderedDict[str, Context] = OrderedDict()


class Span(Protocol):
    """What code may do with a span, whether there is one or not."""

    def set(self, **attributes: object) -> None:
        """Add attributes: ids, labels, decisions, figures. Those that are None are left out."""


class _NoSpan:
    def set(self, **attributes: object) -> None:
        """Nothing is traced."""


_NO_SPAN: AbstractContextManager[Span] = nullcontext(_NoSpan())


def is_on() -> bool:
    """Whether spans are recorded."""
    return _provider is not None


def configure(process: str) -> None:
    """Send spans to the collector that the environment names; without one, nothing is traced.

    Args:
        process: "service", "bot" or "actions"; the service's name is `dragoman-<process>` unless
            OTEL_SERVICE_NAME says otherwise.
    """
    if not any(os.environ.get(name) for name in ENDPOINT_VARIABLES):
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    record(process, BatchSpanProcessor(OTLPSpanExporter()))


def record(process: str, processor: SpanProcessor) -> None:
    """Give spans to a processor; tests pass one that keeps them."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    global _provider
    shutdown()
    name = os.environ.get("OTEL_SERVICE_NAME") or f"dragoman-{process}"
    _provider = TracerProvider(resource=Resource.create({"service.name": name}), shutdown_on_exit=False)
    _provider.add_span_processor(processor)


def shutdown() -> None:
    """Send what has not been sent yet, for a few seconds at most, and record no more."""
    global _provider
    if _provider is not None:
        sending = threading.Thread(target=_provider.shutdown, daemon=True)
        sending.start()
        # A collector that is away holds up no rolling update.
        sending.join(SHUTDOWN_WITHIN_S)
    _provider = None
    _remembered.clear()


def span(
    name: str,
    *,
    kind: str = "internal",
    headers: Mapping[str, str] | None = None,
    follows: object = None,
    **attributes: object,
) -> AbstractContextManager[Span]:
    """Open a span for as long as the block lasts; its parent is the one around it unless said otherwise.

    Args:
        name: What is done, few different ones: "turn", "commerce find_order".
        kind: "internal", "server" (answers another process) or "client" (waits for one).
        headers: Of the request that is answered, names in lower case: they name the parent.
        follows: What the parent was remembered under (see `remember`). When that was in another process, or
            long ago, the span begins a trace of its own.
        attributes: See `Span.set`.
    """
    if _provider is None:
        return _NO_SPAN
    return _open(name, kind, headers, follows, attributes)


def remember(message_id: object) -> None:
    """Make the span around this the parent of spans that follow the message in this process."""
    if _provider is None:
        return
    from opentelemetry import context

    _remembered[str(message_id)] = context.get_current()
    if len(_remembered) > MOST_REMEMBERED:
        _remembered.popitem(last=False)


def headers() -> dict[str, str]:
    """Return the headers that tell another process which span its work belongs to; none when off."""
    carrier: dict[str, str] = {}
    if _provider is not None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        TraceContextTextMapPropagator().inject(carrier)
    return carrier


def current_trace_id() -> str | None:
    """Return the id of the trace around this, 32 hexadecimal digits, or None."""
    if _provider is None:
        return None
    from opentelemetry import trace

    found = trace.get_current_span().get_span_context()
    return trace.format_trace_id(found.trace_id) if found.is_valid else None


class _RecordedSpan:
    def __init__(self, span: object) -> None:
        self._span = span

    def set(self, **attributes: object) -> None:
        for name, value in attributes.items():
            if value is not None:
                plain = value if isinstance(value, bool | int | float) else str(value)
                self._span.set_attribute(f"dragoman.{name}", plain)  # type: ignore[attr-defined]


@contextmanager
def _open(
    name: str,
    kind: str,
    incoming: Mapping[str, str] | None,
    follows: object,
    attributes: Mapping[str, object],
) -> Iterator[Span]:
    from opentelemetry import trace

    assert _provider is not None
    parent = _find_parent(incoming, follows)
    tracer = _provider.get_tracer("dragoman")
    with tracer.start_as_current_span(
        name,
        context=parent,
        kind=trace.SpanKind[kind.upper()],
        # An exception's text may quote what a customer wrote.
        record_exception=False,
        set_status_on_exception=False,
    ) as opened:
        recorded = _RecordedSpan(opened)
        recorded.set(**attributes)
        try:
            yield recorded
        except BaseException as error:
            opened.set_status(trace.Status(trace.StatusCode.ERROR, type(error).__name__))
            raise


def _find_parent(incoming: Mapping[str, str] | None, follows: object) -> Context | None:
    if incoming is not None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        return TraceContextTextMapPropagator().extract(incoming)
    if follows is None:
        return None
    from opentelemetry.context import Context

    return _remembered.get(str(follows), Context())
