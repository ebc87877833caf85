"""Who is not who they say: forged, stolen and old tokens, guessed passwords, pages of other sites."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import statistics
import time
import uuid
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
import websockets

from handoff.agents import service as agents
from handoff.agents.errors import SignInLockedError, WrongCredentialsError
from handoff.agents.models import Agent, AgentSession
from handoff.clock import utc_now
from tests.integration.handoff.conftest import PASSWORD, SECRET, Running
from tests.integration.handoff.console_client import SIGN_IN, browser, open_account, post_form

IDENTITY = {"id": "42", "name": "Anna", "email": "anna@example.com"}


def sign(contact_id: str, email: str, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), f"{contact_id}\n{email}".encode(), hashlib.sha256).hexdigest()


RIGHT = sign("42", "anna@example.com")


@pytest.mark.parametrize(
    "changes",
    [
        {"signature": sign("42", "anna@example.com", "t" * 40)},
        {"signature": hashlib.sha256(b"42\nanna@example.com").hexdigest()},
        {"signature": RIGHT, "id": "43"},
        {"signature": RIGHT, "email": "eve@example.com"},
        {"signature": RIGHT, "email": None},
        # The same bytes with the border elsewhere.
        {"signature": RIGHT, "id": "42\nanna@example.com", "email": None},
        {"signature": RIGHT.upper()},
        {"signature": RIGHT[:-1]},
        {"signature": RIGHT + "0"},
        {"signature": base64.b64encode(bytes.fromhex(RIGHT)).decode()},
        {"signature": "\u0660" * 64},
    ],
)
async def test_tampered_identity_is_refused(service: Running, changes: dict[str, Any]) -> None:
    response = await service.http.post(
        "/api/v1/web/conversations", json={"identity": {**IDENTITY, **changes}}
    )
    assert response.status_code in (400, 401), response.text
    assert response.json()["code"] in ("wrong_signature", "invalid_request")


async def test_signed_id_that_would_be_kept_as_anothers_is_refused(service: Running) -> None:
    for odd in ("42\u200b", " 42", "42\x00"):
        identity = {"id": odd, "email": "anna@example.com", "signature": sign(odd, "anna@example.com")}
        response = await service.http.post("/api/v1/web/conversations", json={"identity": identity})
        assert (response.status_code, response.json()["code"]) == (400, "invalid_request")


async def test_two_pages_of_a_new_customer_at_once_are_one_contact(service: Running) -> None:
    identity = {**IDENTITY, "signature": RIGHT}
    answers = await asyncio.gather(
        *(service.http.post("/api/v1/web/conversations", json={"identity": identity}) for _ in range(8))
    )
    assert [answer.status_code for answer in answers] == [201] * 8


async def test_anothers_token_opens_nothing_over_any_way(service: Running) -> None:
    mine, other = await service.open_customer(), await service.open_customer()
    await other.say("my secret")
    await other.hear("bot")
    for token in (
        mine.token,
        other.token[:-1],
        other.token + "A",
        "",
        "null",
        hashlib.sha256(b"").hexdigest(),
    ):
        stranger = await service.open_customer(connect=False)
        stranger.conversation_id, stranger.token = other.conversation_id, token
        assert (await stranger.connect())["code"] == "unauthorized"
    # A conversation's token is nobody's session, and no frame names a conversation but the first.
    path = f"/api/v1/conversations/{other.conversation_id}"
    for headers in (
        {"Authorization": f"Bearer {other.token}"},
        {"Cookie": f"dragoman_session={other.token}"},
        {"Authorization": f"Basic {base64.b64encode(b'a:b').decode()}"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer " + "A" * 5000},
    ):
        assert (await service.http.get(path, headers=headers)).status_code == 401
    for extra in ({"conversation_id": other.conversation_id}, {"contact_id": str(uuid.uuid4())}):
        await mine.send(type="message", id="x", text="hi", **extra)
        assert (await mine.wait_for(lambda frame: frame["type"] == "error"))["code"] == "invalid_frame"
    await mine.send(type="hello", conversation_id=other.conversation_id, token=other.token)
    assert (await mine.wait_for(lambda frame: frame["type"] == "error"))["code"] == "invalid_frame"
    assert all("my secret" not in str(frame) for frame in mine.frames)


async def test_known_conversations_and_unknown_ones_are_refused_alike(service: Running) -> None:
    other = await service.open_customer()
    answers = []
    for conversation_id in (other.conversation_id, str(uuid.uuid4())):
        stranger = await service.open_customer(connect=False)
        stranger.conversation_id = conversation_id
        answers.append(await stranger.connect())
    assert answers[0] == answers[1]


async def test_replayed_message_changes_nothing(service: Running) -> None:
    customer = await service.open_customer()
    for _ in range(3):
        await customer.say("once", "same-id")
        await customer.wait_for(lambda frame: frame["type"] == "accepted")
    await customer.say("last")
    while await customer.hear("bot") != "echo: last":
        continue
    assert customer.texts("customer") == ["once", "last"]
    assert customer.texts("bot") == ["echo: once", "echo: last"]


async def read_queue(service: Running, token: str) -> int:
    response = await service.http.get("/api/v1/queue", headers={"Authorization": f"Bearer {token}"})
    return response.status_code


async def test_session_ends_with_sign_out_time_or_account(service: Running) -> None:
    anna = await service.sign_in("Anna")
    token = anna.headers["authorization"].removeprefix("Bearer ")
    assert await read_queue(service, token) == 200
    assert (await anna.delete("/api/v1/session")).status_code == 204
    assert await read_queue(service, token) == 401

    tokens = []
    for _ in range(2):
        signed = await agents.sign_in(
            service.services.database, "anna@example.com", PASSWORD, session_hours=1
        )
        tokens.append(signed.token)
    async with service.services.database.transaction() as session:
        stored = await session.get_one(AgentSession, agents.hash_token(tokens[0]))
        stored.expires_at = utc_now() - timedelta(seconds=1)
    assert await read_queue(service, tokens[0]) == 401
    assert await read_queue(service, tokens[1]) == 200
    async with service.services.database.transaction() as session:
        (await session.get_one(Agent, signed.agent.id)).is_active = False
    assert await read_queue(service, tokens[1]) == 401


async def test_every_changing_call_needs_the_sessions_own_csrf_token(service: Running) -> None:
    """Cookie alone, with another agent's token, with an empty one: on each call that the API describes."""
    customer = await service.open_customer()
    anna, other = await service.sign_in("Anna"), await service.sign_in("Bruno")
    cookie = "dragoman_session=" + anna.headers["authorization"].removeprefix("Bearer ")
    signed = await service.http.post(
        "/api/v1/session", json={"email": "bruno@example.com", "password": PASSWORD}
    )
    service.http.cookies.clear()
    paths = (await service.http.get("/openapi.json")).json()["paths"]
    open_to_all = {"/api/v1/web/conversations", "/api/v1/session"}
    checked = 0
    for path, methods in paths.items():
        for method in set(methods) - {"get"}:
            if path in open_to_all and method == "post":
                continue
            checked += 1
            url = path.replace("{conversation_id}", customer.conversation_id)
            for token in (None, "", "null", signed.json()["csrf_token"]):
                headers = {"Cookie": cookie} | ({} if token is None else {"X-CSRF-Token": token})
                response = await service.http.request(method, url, headers=headers, json={})
                assert (response.status_code, response.json()["code"]) == (403, "csrf"), (method, url)
    assert checked >= 6
    await other.aclose()
    assert (await anna.get("/api/v1/session")).status_code == 200


async def test_sign_in_form_works_for_nobody_elses_page(service: Running) -> None:
    email = await open_account(service, "Anna")
    form = {"email": email, "password": PASSWORD}
    async with browser(service) as victim, browser(service) as attacker:
        page = await attacker.get(SIGN_IN)
        await victim.get(SIGN_IN)
        stolen = page.text.split('name="form_token" value="')[1].split('"')[0]
        for token in ("", "0" * 64, stolen):
            response = await victim.post(SIGN_IN, data={**form, "form_token": token})
            assert response.status_code == 403
            assert "dragoman_session" not in victim.cookies
    simple = await service.http.post(
        "/api/v1/session",
        content='{"email": "a", "password": "b"}',
        headers={"Content-Type": "text/plain", "Origin": "https://evil.example"},
    )
    assert simple.status_code in (415, 422)


async def test_session_planted_before_sign_in_stays_nobodys(service: Running) -> None:
    email = await open_account(service, "Anna")
    planted = "attackers-choice-" + "x" * 30
    async with browser(service) as client:
        client.cookies.set("dragoman_session", planted, domain="127.0.0.1")
        response = await post_form(client, email)
        assert response.status_code == 303
        values = {cookie.value for cookie in client.cookies.jar if cookie.name == "dragoman_session"}
        fresh = values - {planted}
        assert len(fresh) == 1
    assert await read_queue(service, planted) == 401
    assert await read_queue(service, fresh.pop()) == 200


async def test_wrong_passwords_lock_what_exists_and_what_does_not_alike(service: Running) -> None:
    database = service.services.database
    await open_account(service, "Anna")
    codes: dict[str, list[type[Exception]]] = {}
    for email in ("anna@example.com", "nobody@example.com"):
        codes[email] = []
        for _ in range(agents.FREE_ATTEMPTS + 2):
            with pytest.raises((WrongCredentialsError, SignInLockedError)) as refused:
                await agents.sign_in(database, email, "guess", session_hours=1)
            codes[email].append(refused.type)
    assert codes["anna@example.com"] == codes["nobody@example.com"]
    assert codes["anna@example.com"][-1] is SignInLockedError
    # Not even the right one opens it now.
    with pytest.raises(SignInLockedError):
        await agents.sign_in(database, "anna@example.com", PASSWORD, session_hours=1)


async def test_unknown_account_takes_as_long_as_a_known_one(service: Running) -> None:
    database = service.services.database
    await open_account(service, "Anna")

    async def measure_s(email: str) -> float:
        began = time.perf_counter()
        with pytest.raises(WrongCredentialsError):
            await agents.sign_in(database, email, "guess", session_hours=1)
        return time.perf_counter() - began

    # In turns, so that whatever else the machine does slows both.
    pairs = [
        (await measure_s("anna@example.com"), await measure_s(f"{number}@example.com")) for number in range(4)
    ]
    known, unknown = (statistics.median(times) for times in zip(*pairs, strict=True))
    assert 0.3 < unknown / known < 3


async def test_pages_that_are_not_on_the_list_get_no_conversation_no_socket_and_no_cors(
    service: Running,
) -> None:
    settings = service.services.settings
    object.__setattr__(settings, "widget_origins", ["https://shop.example"])
    customer = await service.open_customer(connect=False)
    for origin, is_allowed in (
        ("https://shop.example", True),
        (settings.public_origin, True),
        ("https://evil.example", False),
        ("https://shop.example.evil.example", False),
        ("http://shop.example", False),
        ("https://shop.example:8443", False),
        ("null", False),
    ):
        response = await service.http.post("/api/v1/web/conversations", json={}, headers={"Origin": origin})
        assert response.status_code == (201 if is_allowed else 403), origin
        url = service.base_url.replace("http", "ws", 1) + "/api/v1/web/socket"
        async with websockets.connect(url, proxy=None, origin=websockets.Origin(origin)) as socket:
            hello = {"type": "hello", "conversation_id": customer.conversation_id, "token": customer.token}
            with suppress(websockets.ConnectionClosed):
                # It may have been closed already.
                await socket.send(json.dumps(hello))
            answer = await asyncio.wait_for(socket.recv(), 10)
        assert ('"ready"' in str(answer)) is is_allowed, origin


async def test_consoles_socket_is_closed_to_other_pages_and_to_strangers(service: Running) -> None:
    anna = await service.sign_in("Anna")
    token = anna.headers["authorization"].removeprefix("Bearer ")
    url = (
        service.base_url.replace("http", "ws", 1)
        + "/console/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    )
    for origin, cookie in (
        ("https://evil.example", f"dragoman_session={token}"),
        ("null", f"dragoman_session={token}"),
        (service.base_url, "dragoman_session=guess"),
        (service.base_url, ""),
    ):
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(
                url, proxy=None, origin=websockets.Origin(origin), additional_headers={"Cookie": cookie}
            )
        assert refused.value.response.status_code == 403
