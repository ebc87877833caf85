"""Stand-ins for our processes behind a proxy: they say what reached them, and fail on request."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from scripts.processes import free_port


class Backend(ThreadingHTTPServer):
    """Answers everything with what it was asked, as JSON; keeps it in `asked`, too."""

    # The default of five would turn a burst away.
    request_queue_size = 256

    def __init__(self, breaks_off: bool = False) -> None:
        super().__init__(("127.0.0.1", free_port()), _Handler)
        self.breaks_off = breaks_off
        """Reads the request and hangs up, as a process that is killed in the middle of it."""
        self.asked: list[str] = []

    @property
    def server_line(self) -> str:
        """Its line in an upstream."""
        return f"server 127.0.0.1:{self.server_port} max_fails=0;"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Backend

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.asked.append(f"{self.command} {self.path}")
        if self.server.breaks_off:
            self.close_connection = True
        elif self.headers.get("upgrade") == "websocket":
            self._echo()
        else:
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._answer({"headers": headers, "body": body.decode(), "port": self.server.server_port})

    def do_POST(self) -> None:
        self.do_GET()

    def _answer(self, document: dict[str, object]) -> None:
        encoded = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(encoded)))
        self.send_header("Strict-Transport-Security", "max-age=1")
        self.end_headers()
        self.wfile.write(encoded)

    def _echo(self) -> None:
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.end_headers()
        self.close_connection = True
        while line := self.rfile.readline():
            self.wfile.write(line)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a test's output is its own."""


@contextlib.contextmanager
def running_backend(breaks_off: bool = False) -> Iterator[Backend]:
    """A backend that ends with the block."""
    backend = Backend(breaks_off)
    thread = threading.Thread(target=backend.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield backend
    finally:
        backend.shutdown()
        backend.server_close()
        thread.join()
