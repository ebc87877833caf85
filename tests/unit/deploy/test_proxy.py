"""The proxy and the balancer, as a real nginx with the configurations of deploy/nginx."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.check_deploy import proxy
from scripts.check_deploy.sources import ROOT
from scripts.processes import free_port
from tests.servers import Nginx, running_nginx
from tests.unit.deploy.backends import running_backend

HOST = "chat.example.test"


@contextlib.contextmanager
def running_proxy(
    folder: Path, servers: str, scheme: str = "plain", https_port: int = 0, **changes: str
) -> Iterator[Nginx]:
    """The public proxy; `changes` replace text of its configuration."""
    port = free_port()
    values = {
        "PUBLIC_HOST": HOST,
        "SCHEME": scheme,
        "HTTP_PORT": f"127.0.0.1:{port}",
        "HTTPS_PORT": f"127.0.0.1:{https_port}",
        "TLS_FOLDER": str(folder),
        "RESOLVER": "127.0.0.1",
        "SERVICE_SERVERS": servers,
        "CONNECTIONS_PER_ADDRESS": "5",
        "REQUESTS_PER_SECOND": "50",
    }
    config = proxy.render(ROOT / "deploy" / "nginx" / "public", values, folder).read_text(encoding="utf-8")
    for old, new in changes.items():
        assert f"{old} " in config
        config = config.replace(f"{old} ", f"{old} {new}; #", 1)
    with running_nginx(folder, config, port) as nginx:
        yield nginx


@contextlib.contextmanager
def running_balancer(folder: Path, bots: str, actions: str) -> Iterator[tuple[int, int]]:
    """The balancer between our processes; yields its ports for bots and action servers."""
    bot_port, actions_port = free_port(), free_port()
    values = {
        "BOT_PORT": f"127.0.0.1:{bot_port}",
        "ACTIONS_PORT": f"127.0.0.1:{actions_port}",
        "RESOLVER": "127.0.0.1",
        "BOT_SERVERS": bots,
        "ACTIONS_SERVERS": actions,
    }
    config = proxy.render(ROOT / "deploy" / "nginx" / "inside", values, folder).read_text(encoding="utf-8")
    with running_nginx(folder, config, bot_port):
        yield bot_port, actions_port


def ask(
    port: int, path: str = "/", method: str = "GET", body: str | None = None, host: str = HOST, **headers: str
) -> tuple[int, Any]:
    """Return status and what the backend was asked (or the proxy's own text)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, body, {"Host": host, **named})
        response = connection.getresponse()
        text = response.read().decode()
        return response.status, json.loads(text) if text.startswith("{") else text
    finally:
        connection.close()


def upgrade(port: int) -> tuple[socket.socket, bytes]:
    """Return a connection that asked for a socket, and the answer's first line."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    head = f"GET /socket HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    connection.sendall(head.encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        received = connection.recv(4096)
        if not received:
            break
        answer += received
    return connection, answer.split(b"\r\n")[0]


def test_what_a_client_claims_about_its_address_is_dropped(tmp_path: Path) -> None:
    with running_backend() as service, running_proxy(tmp_path, service.server_line) as nginx:
        claims = {"X_Forwarded_For": "6.6.6.6", "Forwarded": "for=6.6.6.6", "X_Real_IP": "6.6.6.6"}
        _, asked = ask(nginx.port, **claims, X_Forwarded_Prefix="/evil", X_Forwarded_Host="evil.test")
    heard = asked["headers"]
    assert heard["x-forwarded-for"] == "127.0.0.1"
    assert heard["x-forwarded-proto"] == "http"
    assert heard["host"] == HOST
    assert not {"forwarded", "x-real-ip", "x-forwarded-prefix", "x-forwarded-host"} & heard.keys()


def test_a_socket_passes_both_ways(tmp_path: Path) -> None:
    with running_backend() as service, running_proxy(tmp_path, service.server_line) as nginx:
        connection, status = upgrade(nginx.port)
        with connection:
            connection.sendall(b"hello\n")
            assert (status, connection.recv(100)) == (b"HTTP/1.1 101 Switching Protocols", b"hello\n")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_service_that_is_gone_is_passed_over(tmp_path: Path, method: str) -> None:
    gone = f"server 127.0.0.1:{free_port()};"
    with running_backend() as service, running_proxy(tmp_path, gone + service.server_line) as nginx:
        statuses = {ask(nginx.port, method=method, body="x")[0] for _ in range(6)}
    assert statuses == {200}
    assert len(service.asked) == 6


def test_what_was_sent_to_the_service_is_not_sent_again(tmp_path: Path) -> None:
    with running_backend(breaks_off=True) as one, running_backend(breaks_off=True) as other:
        with running_proxy(tmp_path, one.server_line + other.server_line) as nginx:
            status, _ = ask(nginx.port, "/api/v1/web/conversations", "POST", "{}")
        assert (status, len(one.asked) + len(other.asked)) == (502, 1)


def test_figures_are_not_public_and_other_hosts_are_refused(tmp_path: Path) -> None:
    with running_backend() as service, running_proxy(tmp_path, service.server_line) as nginx:
        assert ask(nginx.port, "/metrics")[0] == 404
        assert ask(nginx.port, "/ready")[0] == 404
        assert ask(nginx.port, host="evil.test")[0] == 421
        assert ask(nginx.port, "/proxy-health", host="127.0.0.1")[0] == 200
        assert service.asked == []


def test_more_sockets_than_allowed_from_one_address_are_refused(tmp_path: Path) -> None:
    with running_backend() as service, running_proxy(tmp_path, service.server_line) as nginx:
        opened = [upgrade(nginx.port) for _ in range(6)]
        for connection, _ in opened:
            connection.close()
    statuses = [status.split()[1] for _, status in opened]
    assert statuses == [b"101"] * 5 + [b"429"]


def test_a_request_that_comes_in_drops_is_cut_off(tmp_path: Path) -> None:
    patience = {"client_header_timeout": "1s"}
    with running_backend() as service, running_proxy(tmp_path, service.server_line, **patience) as nginx:
        started = time.monotonic()
        with socket.create_connection(("127.0.0.1", nginx.port), timeout=10) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(100) == b""
        assert time.monotonic() - started < 8
        assert service.asked == []


def test_with_tls_the_rest_is_sent_there_and_browsers_remember(tmp_path: Path) -> None:
    proxy.make_certificate(tmp_path, HOST)
    trusted = ssl.create_default_context(cafile=str(tmp_path / "fullchain.pem"))
    https_port = free_port()
    with (
        running_backend() as service,
        running_proxy(tmp_path, service.server_line, "tls", https_port) as nginx,
    ):
        assert ask(nginx.port, "/widget.js")[0] == 308
        with _tls(https_port, trusted, HOST) as secure:
            secure.sendall(f"GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: secure.recv(4096), b"")).decode()
        with pytest.raises(ssl.SSLError), _tls(https_port, trusted, "evil.test"):
            pass
    assert answer.startswith("HTTP/1.1 200")
    assert answer.count("Strict-Transport-Security: ") == 1
    assert "Strict-Transport-Security: max-age=31536000" in answer
    assert '"x-forwarded-proto": "https"' in answer


@contextlib.contextmanager
def _tls(port: int, trusted: ssl.SSLContext, host: str) -> Iterator[ssl.SSLSocket]:
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        trusted.wrap_socket(plain, server_hostname=host) as secure,
    ):
        yield secure


def test_a_turn_that_broke_off_is_asked_of_the_other_bot(tmp_path: Path) -> None:
    with running_backend(breaks_off=True) as dying, running_backend() as well, running_backend() as actions:
        bots = dying.server_line + well.server_line
        with running_balancer(tmp_path, bots, actions.server_line) as (bot_port, _):
            answers = [ask(bot_port, "/webhooks/service/turn", "POST", "{}") for _ in range(4)]
        assert [status for status, _ in answers] == [200] * 4
        assert {answer["port"] for _, answer in answers} == {well.server_port}
        assert dying.asked


def test_an_action_that_broke_off_is_not_asked_of_the_other_server(tmp_path: Path) -> None:
    with running_backend(breaks_off=True) as one, running_backend(breaks_off=True) as other:
        actions = one.server_line + other.server_line
        with running_balancer(tmp_path, actions, actions) as (_, actions_port):
            status, _ = ask(actions_port, "/webhook", "POST", "{}")
        assert (status, len(one.asked) + len(other.asked)) == (502, 1)


def test_turns_spread_over_the_bots_on_one_kept_connection(tmp_path: Path) -> None:
    with running_backend() as one, running_backend() as other:
        bots = one.server_line + other.server_line
        with running_balancer(tmp_path, bots, bots) as (bot_port, _):
            connection = http.client.HTTPConnection("127.0.0.1", bot_port, timeout=10)
            for _ in range(8):
                connection.request("POST", "/webhooks/service/turn", "{}")
                connection.getresponse().read()
            connection.close()
        assert (len(one.asked), len(other.asked)) == (4, 4)
