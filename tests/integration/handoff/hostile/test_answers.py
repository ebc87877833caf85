"""What answers carry: strict headers, nothing of what the caller put into theirs, no file but those meant."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from nicegui import Client

from handoff.console.assets import ASSETS_PATH
from handoff.testing import FakeBot
from tests.integration.handoff.conftest import PASSWORD, Running, make_settings, running_service
from tests.integration.handoff.console_client import SIGN_IN, open_account, post_form
from tests.integration.handoff.hostile.raw import Raw

ORIGIN = "https://chat.example.com"
EVERYWHERE = (
    "/health",
    "/ready",
    "/widget.js",
    "/openapi.json",
    "/api/docs",
    "/api/docs.css",
    "/api/v1/queue",
    "/api/v1/web/words/it",
    "/api/v1/agents/present",
    "/console/",
    "/console/sign-in",
    f"{ASSETS_PATH}/console.css",
    "/demo/en",
    "/demo/static/shop.css",
    "/nothing-here",
    "/metrics",
)
# Any of these in an answer tells how the service is made.
INTERNALS = re.compile(
    r"Traceback|sqlalchemy|sqlite|asyncpg|\.py\b|/site-packages|SELECT |INSERT ", re.IGNORECASE
)


@pytest.fixture
async def service(tmp_path: Path, bot: FakeBot) -> AsyncIterator[Running]:
    settings = make_settings(tmp_path, public_origin=ORIGIN, demo=True)
    async with running_service(settings, bot) as running:
        yield running


async def test_every_answer_carries_the_security_headers(service: Running) -> None:
    for path in EVERYWHERE:
        for method in ("GET", "HEAD", "POST"):
            headers = (await service.http.request(method, path)).headers
            assert headers["strict-transport-security"] == "max-age=31536000", (method, path)
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
            assert headers["referrer-policy"] == "same-origin"
            assert "camera=()" in headers["permissions-policy"]
            assert headers["cross-origin-opener-policy"] == "same-origin"
            allowed = "cross-origin" if path == "/widget.js" and method == "GET" else "same-origin"
            assert headers["cross-origin-resource-policy"] == allowed, (method, path)
            assert "server" not in headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "http:" not in policy
            assert not re.search(r"(script|default)-src[^;]*'unsafe-inline'", policy)


async def test_what_is_about_somebody_is_kept_by_no_cache(service: Running) -> None:
    anna = await service.sign_in()
    token = anna.headers["authorization"].removeprefix("Bearer ")
    customer = await service.open_customer(connect=False)
    answers = [
        await service.http.post("/api/v1/web/conversations", json={}),
        await anna.get("/api/v1/queue"),
        await anna.get("/api/v1/session"),
        await anna.get(f"/api/v1/conversations/{customer.conversation_id}"),
        await service.http.post("/api/v1/session", json={"email": "anna@example.com", "password": PASSWORD}),
        await service.http.get(SIGN_IN),
        await service.http.get("/demo/en?signed_in=1"),
        await service.http.get("/console/", headers={"Cookie": f"dragoman_session={token}"}),
    ]
    for answer in answers:
        assert answer.headers.get("cache-control") == "no-store", answer.url


async def test_cookies_are_secure_strict_and_out_of_scripts_reach(service: Running) -> None:
    email = await open_account(service, "Anna")
    async with httpx.AsyncClient(base_url=service.base_url, trust_env=False) as client:
        form = await client.get(SIGN_IN)
        # httpx sends no Secure cookie back over plain HTTP.
        cookie = form.headers["set-cookie"].split(";")[0]
        client.headers["Cookie"] = cookie
        signed_in = await post_form(client, email)
    api = await service.http.post("/api/v1/session", json={"email": email, "password": PASSWORD})
    for answer in (form, signed_in, api):
        for set_cookie in answer.headers.get_list("set-cookie"):
            if "Max-Age=0" not in set_cookie:
                words = set_cookie.lower()
                assert "; httponly" in words
                assert "; samesite=strict" in words
                assert "; secure" in words
    assert "set-cookie" in api.headers


async def test_plain_http_announces_no_tls(tmp_path: Path) -> None:
    async with running_service(make_settings(tmp_path), FakeBot()) as service:
        headers = (await service.http.get("/health")).headers
        assert "strict-transport-security" not in headers


async def test_pages_load_nothing_from_elsewhere(service: Running) -> None:
    for path in ("/api/docs", "/console/sign-in", "/demo/en", "/demo/he?signed_in=1"):
        page = await service.http.get(path)
        assert page.status_code == 200
        sources = re.findall(r"(?:src|href|action)=\"([^\"]*)\"", page.text)
        assert sources
        assert all(source.startswith(("/", "#", "mailto:")) for source in sources), sources
        assert "<script>" not in page.text
        assert not re.search(r"<[^>]+ on\w+=", page.text), "no inline handlers"


BREAKS = "a\r\nSet-Cookie: planted=1\r\n\r\n<script>"


async def test_line_breaks_in_values_make_no_header(service: Running) -> None:
    quoted = "a%0d%0aSet-Cookie:%20planted=1"
    requests: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", f"/demo?market={quoted}", {}),
        ("GET", f"/demo/en?market={quoted}&category={quoted}", {}),
        ("GET", f"/console/sign-in?next={quoted}", {}),
        ("GET", f"/console/sign-in?next=//evil.example/{quoted}", {}),
        ("GET", f"/api/v1/web/words/{quoted}", {}),
        ("GET", f"/console/conversations/{quoted}", {}),
        ("POST", "/api/v1/web/conversations", {"json": {"page": BREAKS, "language": "it\r\nX-a: b"}}),
        ("POST", "/api/v1/session", {"json": {"email": BREAKS, "password": BREAKS}}),
        ("GET", "/demo", {"headers": {"Accept-Language": "it;q=nan, he;q=inf, \x01, *;q=-1"}}),
        ("GET", "/health", {"headers": {"X-Forwarded-For": "a, b, " + "c" * 5000}}),
        ("GET", "/health", {"headers": {"X-Request-ID": "a b\x02c", "traceparent": "00-zz"}}),
    ]
    for method, path, options in requests:
        answer = await service.http.request(method, path, **options)
        assert answer.status_code < 500, path
        assert "planted=1" not in answer.headers.get("set-cookie", "")
        assert "x-a" not in answer.headers
        assert "evil.example" not in answer.headers.get("location", "")


async def test_host_header_appears_in_no_address(service: Running) -> None:
    for path in (
        "/console",
        "/console/",
        "/demo",
        "/demo/",
        "/api/v1/queue/",
        "/widget.js/",
        "/console/sign-in/",
    ):
        for headers in (
            {"Host": "evil.example"},
            {"X-Forwarded-Host": "evil.example"},
            {"X-Forwarded-Prefix": "//evil.example", "X-Forwarded-Proto": "gopher"},
        ):
            answer = await service.http.get(path, headers=headers)
            assert answer.status_code < 500
            assert "evil.example" not in f"{answer.headers} {answer.text}"


TRAVERSALS = (
    "../settings.py",
    "..%2fsettings.py",
    "%2e%2e/%2e%2e/settings.py",
    "..%5c..%5csettings.py",
    "....//settings.py",
    "%2fetc%2fpasswd",
    "//etc/passwd",
    "/etc/passwd",
    "..%252f..%252fetc/passwd",
    "%00",
    "shop.css%00.txt",
    "a" * 3000,
    ".",
    "%ff%fe",
    "\u2025/etc",
)
STATIC = (
    "/demo/static/",
    f"{ASSETS_PATH}/",
    "/console/_nicegui/3.18.0/static/",
    "/console/_nicegui/3.18.0/libraries/",
    "/console/_nicegui/3.18.0/components/",
    "/console/_nicegui/3.18.0/esm/",
    "/api/v1/web/words/",
    "/widget.js/",
    "/api/docs/",
    "/",
)


async def test_strangers_make_no_pages_by_asking_for_files_that_are_not_there(service: Running) -> None:
    before = len(Client.instances)
    for folder in STATIC:
        for number in range(5):
            answer = await service.http.get(f"{folder}nothing-{number}")
            assert answer.status_code == 404, folder
            assert len(answer.content) < 500
    assert len(Client.instances) == before


async def test_no_path_leaves_the_static_folders(service: Running) -> None:
    for folder in STATIC:
        for path in TRAVERSALS:
            # As it is, where a client would tidy it up first.
            connection = await Raw.open(service.base_url)
            target = (folder + path).encode("utf-8", "replace")
            await connection.send(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = await connection.read_to_end(30)
            assert re.match(rb"HTTP/1.1 (4\d\d|303) ", answer), (folder, path, answer[:200])
            assert b"root:" not in answer
            assert b"import " not in answer
            assert not INTERNALS.search(answer.decode("latin-1").replace("settings.py", "")), answer


async def test_failure_of_ours_says_nothing_of_us(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ValueError("SELECT secret FROM /work/secrets.py")

    monkeypatch.setattr("handoff.channels.web.endpoints.find_language", fail)
    answer = await service.http.get("/api/v1/web/words/it", headers={"Accept-Language": "nl"})
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert not INTERNALS.search(answer.text)


async def test_logs_hold_no_token_password_or_message(
    service: Running, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("aiosqlite", "sqlalchemy", "websockets.client", "httpcore", "httpx", "hpack"):
        logging.getLogger(name).setLevel(logging.WARNING)
    anna = await service.sign_in("Anna")
    customer = await service.open_customer()
    await customer.say("my card is 4111 1111 1111 1111")
    await customer.hear("bot")
    await service.http.post("/api/v1/session", json={"email": "anna@example.com", "password": "wr0ng-pass"})
    await customer.send_raw(json.dumps({"type": "message", "id": "4111-bad", "text": 5}))
    await customer.wait_for(lambda frame: frame["type"] == "error")
    logged = "\n".join(
        record.getMessage() + str(record.exc_text or "")
        for record in caplog.records
        if not record.name.startswith(("websockets.client", "asyncio"))
    )
    token = anna.headers["authorization"].removeprefix("Bearer ")
    for secret in (token, customer.token, PASSWORD, "wr0ng-pass", "4111", "s" * 40):
        assert secret not in logged
