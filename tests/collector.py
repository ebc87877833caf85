"""A collector of traces for tests: takes what OpenTelemetry sends over OTLP/HTTP, on loopback."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class ReceivedSpan:
    """One span as it came over the wire; ids in hexadecimal digits, "" for no parent."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    raw: str
    """All of it, rendered as text."""


class Collector:
    """What has come in so far."""

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self.spans: list[ReceivedSpan] = []
        self.paths: set[str] = set()

    def wait_for(self, count: int, timeout_s: float = 15.0, **attributes: str) -> list[ReceivedSpan]:
        """Return the spans of the one trace that has a span with these attributes, once it has `count` spans.

        Raises:
            AssertionError: It does not have as many in time.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            spans = list(self.spans)
            traces = {span.trace_id for span in spans if attributes.items() <= span.attributes.items()}
            found = [span for span in spans if span.trace_id in traces]
            if len(found) >= count:
                return found
            assert time.monotonic() < deadline, [(span.service, span.name) for span in found]
            time.sleep(0.05)


@contextmanager
def running_collector() -> Iterator[Collector]:
    """Run a collector on a free port until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.paths.add(self.path)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.spans += _read_spans(ExportTraceServiceRequest.FromString(body))
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Not on the tests' output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _read_spans(request: ExportTraceServiceRequest) -> list[ReceivedSpan]:
    spans = []
    for resource_spans in request.resource_spans:
        resource = _read_attributes(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                spans.append(
                    ReceivedSpan(
                        service=str(resource["service.name"]),
                        name=span.name,
                        trace_id=span.trace_id.hex(),
                        span_id=span.span_id.hex(),
                        parent_id=span.parent_span_id.hex(),
                        attributes=_read_attributes(span.attributes),
                        raw=str(span),
                    )
                )
    return spans


def _read_attributes(attributes: Any) -> dict[str, Any]:
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in attributes}
