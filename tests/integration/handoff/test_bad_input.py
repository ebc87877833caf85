"""Whatever comes in: a clear error or harmless text, never a 500, nothing lost, nothing leaked."""

from __future__ import annotations

import json
import uuid

import pytest
import websockets

from tests.integration.handoff.conftest import Running

NASTY = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "'; DROP TABLE messages; --",
    "😀" * 500,
    "a\u0000b",
    "\u202eevil\u202c",
    "{{7*7}} ${7*7} %s {agent}",
    '/restart /inform{"order_number": "1"}',
    "z" + "\u0301" * 500,
]


@pytest.mark.parametrize("text", NASTY)
async def test_nasty_text_is_kept_and_answered(service: Running, text: str) -> None:
    customer = await service.open_customer()
    await customer.say(text)
    answer = await customer.hear("bot")
    assert answer.startswith("echo: ")


async def test_lone_surrogates_in_json_do_no_harm(service: Running) -> None:
    customer = await service.open_customer()
    await customer.send_raw('{"type":"message","id":"s1","text":"a\\ud800b"}')
    frame = await customer.wait_for(lambda frame: frame["type"] in ("accepted", "error"))
    assert frame["type"] in ("accepted", "error")
    await customer.say("fine")
    await customer.wait_for(
        lambda frame: frame.get("kind") == "message" and frame["message"]["text"] == "echo: fine"
    )


@pytest.mark.parametrize(
    "raw",
    [
        "not json",
        "[]",
        "{}",
        '{"type":"message"}',
        '{"type":"message","id":5,"text":[]}',
        '{"type":"hack"}',
        '{"type":"read","seq":-1}',
        '{"type":"message","id":"x","text":"y","admin":true}',
        b"\x00\x01\x02",
        "[" * 5000,
    ],
)
async def test_bad_frame_is_named_and_the_socket_lives_on(service: Running, raw: str | bytes) -> None:
    customer = await service.open_customer()
    await customer.send_raw(raw)
    error = await customer.wait_for(lambda frame: frame["type"] == "error")
    assert error["code"] == "invalid_frame"
    assert error["message"]
    await customer.say("still here")
    assert await customer.hear("bot") == "echo: still here"


async def test_too_long_and_empty_messages_are_refused_by_id(service: Running) -> None:
    customer = await service.open_customer(language="en")
    await customer.say("x" * 4001, "long")
    error = await customer.wait_for(lambda frame: frame["type"] == "error")
    assert (error["id"], error["code"]) == ("long", "message_too_long")
    assert "4000" in error["message"]
    await customer.say("\u200b", "empty")
    error = await customer.wait_for(lambda frame: frame["type"] == "error")
    assert (error["id"], error["code"]) == ("empty", "empty_message")


async def test_huge_frame_ends_the_socket_only(service: Running) -> None:
    customer = await service.open_customer()

    async def send_and_wait() -> None:
        await customer.send_raw(json.dumps({"type": "message", "id": "1", "text": "x" * 10_000_000}))
        await customer.wait_for(lambda frame: frame["type"] == "accepted")

    # It may be closed before the last byte has been sent.
    with pytest.raises(websockets.ConnectionClosed):
        await send_and_wait()
    await customer.connect()
    await customer.say("back")
    assert await customer.hear("bot") == "echo: back"


async def test_invalid_utf8_on_the_socket_does_no_harm(service: Running) -> None:
    customer = await service.open_customer()
    await customer.send_raw(b'{"type":"message","id":"u","text":"\xff\xfe"}')
    error = await customer.wait_for(lambda frame: frame["type"] == "error")
    assert error["code"] == "invalid_frame"


@pytest.mark.parametrize("path", ["/api/v1/web/conversations", "/api/v1/session"])
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"x" * 10_000_000, 413),
        (b"\xff\xfe\xfd", 422),
        (b"not json", 422),
        (b"[]", 422),
        (b'{"identity": {"id": "\\ud800"}, "email": "\\ud800"}', 422),
        (b"[" * 50_000, 422),
    ],
)
async def test_bad_bodies_get_a_clear_error(service: Running, path: str, body: bytes, status: int) -> None:
    response = await service.http.post(path, content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in (status, 400), response.text
    assert response.json()["message"]


async def test_unannounced_long_body_is_refused_too(service: Running) -> None:
    async def stream():  # type: ignore[no-untyped-def]
        for _ in range(200):
            yield b"x" * 50_000

    response = await service.http.post("/api/v1/web/conversations", content=stream())
    assert response.status_code == 413


async def test_other_peoples_conversations_stay_closed(service: Running) -> None:
    mine, other = await service.open_customer(), await service.open_customer(connect=False)
    for conversation_id, token in (
        (other.conversation_id, mine.token),
        (str(uuid.uuid4()), mine.token),
        (other.conversation_id, ""),
    ):
        stranger = await service.open_customer(connect=False)
        stranger.conversation_id, stranger.token = conversation_id, token
        refused = await stranger.connect()
        assert (refused["type"], refused["code"]) == ("error", "unauthorized")
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await stranger.receive()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401


async def test_forged_identity_is_refused_and_a_signed_one_known_again(service: Running) -> None:
    identity = {"id": "42", "name": "Anna", "email": "anna@example.com", "signature": "0" * 64}
    response = await service.http.post("/api/v1/web/conversations", json={"identity": identity})
    assert (response.status_code, response.json()["code"]) == (401, "wrong_signature")
    identity["signature"] = service.app.state.sign_identity("42", "anna@example.com")
    customer = await service.open_customer(identity=identity)
    await customer.say("hi")
    await customer.hear("bot")
    contact = service.bot.calls[-1].metadata["contact"]
    assert contact == {"name": "Anna", "vendor_contact_id": "42", "verified_email": "anna@example.com"}


async def test_agents_api_is_closed_to_strangers(service: Running) -> None:
    customer = await service.open_customer()
    path = f"/api/v1/conversations/{customer.conversation_id}"
    for method, url in [
        ("GET", "/api/v1/queue"),
        ("GET", path),
        ("GET", f"{path}/packet"),
        ("POST", f"{path}/take"),
        ("POST", f"{path}/hand-back"),
    ]:
        for headers in ({}, {"Authorization": f"Bearer {customer.token}"}, {"Authorization": "Bearer wrong"}):
            response = await service.http.request(method, url, headers=headers, json={})
            assert response.status_code == 401, (method, url, response.text)


async def test_cookie_without_csrf_token_changes_nothing(service: Running) -> None:
    customer = await service.open_customer()
    anna = await service.sign_in()
    token = anna.headers["authorization"].removeprefix("Bearer ")
    headers = {"Cookie": f"dragoman_session={token}"}
    assert (await service.http.get("/api/v1/queue", headers=headers)).status_code == 200
    refused = await service.http.post(
        f"/api/v1/conversations/{customer.conversation_id}/take", headers=headers
    )
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf")


async def test_account_locks_after_wrong_passwords(service: Running) -> None:
    await service.sign_in("Anna")
    wrong = {"email": "anna@example.com", "password": "guess"}
    codes = [(await service.http.post("/api/v1/session", json=wrong)).json()["code"] for _ in range(7)]
    assert codes[:5] == ["wrong_credentials"] * 5
    assert codes[-1] == "sign_in_locked"
    nobody = await service.http.post("/api/v1/session", json={"email": "no@example.com", "password": "guess"})
    assert nobody.json()["code"] == "wrong_credentials"


async def test_flood_is_told_to_wait(service: Running) -> None:
    service.services.limits.messages._burst = 3
    service.services.limits.messages._rate = 0.01
    customer = await service.open_customer()
    for number in range(5):
        await customer.say(str(number), f"m{number}")
    error = await customer.wait_for(lambda frame: frame["type"] == "error")
    assert error["code"] == "rate_limited"
    assert error["retry_after_s"] > 0
    assert error["id"] == "m3"
