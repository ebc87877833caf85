"""Signing in to the console and out of it: forms, cookies, lock-out, and nobody lured anywhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from handoff.agents.service import FREE_ATTEMPTS
from handoff.testing import FakeBot
from tests.integration.handoff.conftest import PASSWORD, Running, make_settings, running_service
from tests.integration.handoff.console_client import (
    FORM_TOKEN,
    SIGN_IN,
    browser,
    open_account,
    post_form,
    signed_in,
    waiting_customer,
)


async def test_pages_lead_to_the_sign_in_page_and_back(service: Running) -> None:
    conversation_id = await waiting_customer(service)
    path = f"/console/conversations/{conversation_id}"
    email = await open_account(service, "Anna")
    async with browser(service) as client:
        redirected = await client.get(path)
        assert redirected.status_code == 303
        assert redirected.headers["location"] == f"{SIGN_IN}?next={path}"
        form = await client.get(redirected.headers["location"])
        assert f'value="{path}"' in form.text
        landed = await post_form(client, email, next=path)
        assert landed.headers["location"] == path
        assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/console/../evil",
        "/console/\nLocation: x",
        "javascript:alert(1)",
    ],
)
async def test_signing_in_leads_nowhere_else(service: Running, target: str) -> None:
    email = await open_account(service, "Anna")
    async with browser(service) as client:
        assert (await post_form(client, email, next=target)).headers["location"] == "/console/"


async def test_session_cookie_is_out_of_scripts_reach(tmp_path: Path, bot: FakeBot) -> None:
    settings = make_settings(tmp_path, public_origin="https://help.example")
    async with running_service(settings, bot) as service:
        email = await open_account(service, "Anna")
        async with browser(service) as client:
            page = await client.get(SIGN_IN)
            # The client would not send a Secure cookie back over plain HTTP by itself.
            cookie = page.headers["set-cookie"].split(";")[0]
            token = FORM_TOKEN.search(page.text)
            assert token is not None
            form = {"form_token": token[1], "email": email, "password": PASSWORD}
            response = await client.post(SIGN_IN, data=form, headers={"Cookie": cookie})
        [session] = [c for c in response.headers.get_list("set-cookie") if c.startswith("dragoman_session=")]
        attributes = {part.strip().lower() for part in session.split(";")[1:]}
        assert {"httponly", "samesite=strict", "secure", "path=/"} <= attributes


async def test_form_of_another_browser_is_refused(service: Running) -> None:
    email = await open_account(service, "Anna")
    async with browser(service) as attacker, browser(service) as victim:
        token = FORM_TOKEN.search((await attacker.get(SIGN_IN)).text)
        assert token is not None
        await victim.get(SIGN_IN)
        for form_token in (token[1], "", "0" * 64):
            form = {"email": email, "password": PASSWORD, "form_token": form_token}
            answer = await victim.post(SIGN_IN, data=form)
            assert answer.status_code == 403
            assert "dragoman_session" not in answer.headers.get("set-cookie", "")


async def test_wrong_passwords_are_told_and_lock_the_account(service: Running) -> None:
    email = await open_account(service, "Anna")
    async with browser(service) as client:
        for _ in range(FREE_ATTEMPTS):
            wrong = await post_form(client, email, "not the password")
            assert wrong.status_code == 401
            assert "E-mail address or password is wrong." in wrong.text
            assert f'value="{email}"' in wrong.text
            assert "not the password" not in wrong.text
        locked = await post_form(client, email)
        assert locked.status_code == 429
        wait_s = int(locked.headers["retry-after"])
        assert 0 < wait_s <= 31
        assert f"try again in {wait_s} seconds" in locked.text


async def test_unknown_address_reads_like_a_wrong_password(service: Running) -> None:
    async with browser(service) as client:
        for email in ("nobody@example.com", "x" * 400, "<script>alert(1)</script>"):
            answer = await post_form(client, email, "wrong password")
            assert answer.status_code == 401
            assert "E-mail address or password is wrong." in answer.text
            assert "<script>alert" not in answer.text


async def test_session_that_was_there_before_is_not_taken_over(service: Running) -> None:
    email = await open_account(service, "Anna")
    async with browser(service) as client, browser(service) as other:
        assert (await post_form(other, email)).status_code == 303
        planted = other.cookies["dragoman_session"]
        page = await client.get(SIGN_IN)
        token = FORM_TOKEN.search(page.text)
        assert token is not None
        client.cookies.set("dragoman_session", planted)
        form = {"form_token": token[1], "email": email, "password": PASSWORD}
        answer = await client.post(SIGN_IN, data=form)
        [cookie] = [c for c in answer.headers.get_list("set-cookie") if c.startswith("dragoman_session=")]
        assert planted not in cookie
        assert (await other.get("/console/")).status_code == 303, "the session from before has ended"


async def test_sign_out_needs_the_pages_token_and_ends_the_session(service: Running) -> None:
    async with signed_in(service) as client:
        page = await client.get("/console/")
        csrf_token = re.search(r'"name":"csrf_token","value":"([^"]+)"', page.text)
        assert csrf_token is not None
        assert (await client.post("/console/sign-out", data={"csrf_token": "guess"})).status_code == 403
        assert (await client.get("/console/")).status_code == 200
        token = client.cookies["dragoman_session"]
        answer = await client.post("/console/sign-out", data={"csrf_token": csrf_token[1]})
        assert (answer.status_code, answer.headers["location"]) == (303, SIGN_IN)
        client.cookies.set("dragoman_session", token)
        assert (await client.get("/console/")).status_code == 303


async def test_sign_in_page_speaks_the_browsers_language(service: Running) -> None:
    async with browser(service, **{"Accept-Language": "tlh, he-IL;q=0.9, en;q=0.8"}) as client:
        page = await client.get(SIGN_IN)
        assert '<html lang="he" dir="rtl">' in page.text
    async with browser(service, **{"Accept-Language": "tlh"}) as client:
        assert '<html lang="en" dir="ltr">' in (await client.get(SIGN_IN)).text
