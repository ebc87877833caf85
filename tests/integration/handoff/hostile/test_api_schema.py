"""Every call of the API, with what its description allows and what it forbids, by schemathesis."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from handoff.agents import service as agents
from handoff.agents.models import Role
from handoff.testing import FakeBot
from tests.integration.handoff.conftest import PASSWORD, Running, make_settings, running_service

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 8
NO_LIMITS = {
    "messages_per_minute": 0,
    "conversations_per_minute": 0,
    "sign_ins_per_minute": 0,
    "agent_calls_per_minute": 0,
}


@dataclass
class Target:
    """The running service: a conversation in it, and a token for each role ("" for nobody)."""

    url: str
    schema: dict[str, Any]
    conversation_id: str
    tokens: dict[str, str] = field(default_factory=dict)


async def prepare(running: Running) -> Target:
    customer = await running.open_customer(language="it")
    await customer.say("agent")
    await customer.hear("notice")
    described = (await running.http.get("/openapi.json")).json()
    target = Target(running.base_url, described, customer.conversation_id, {"nobody": ""})
    for role in Role:
        email = f"{role.value}@example.com"
        async with running.services.database.transaction() as session:
            await agents.create_agent(session, email=email, name=role.value, password=PASSWORD, role=role)
        signed_in = await agents.sign_in(running.services.database, email, PASSWORD, session_hours=1)
        target.tokens[role.value] = signed_in.token
    return target


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """The service in a thread of its own: schemathesis asks in this one."""
    started: dict[str, Target] = {}
    is_up, is_over = threading.Event(), threading.Event()

    async def serve() -> None:
        try:
            folder = Path(tmp_path_factory.mktemp("api"))
            async with running_service(make_settings(folder, **NO_LIMITS), FakeBot()) as running:
                started["target"] = await prepare(running)
                is_up.set()
                await asyncio.to_thread(is_over.wait)
        finally:
            is_up.set()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    is_up.wait(60)
    assert started, "the service did not start"
    yield started["target"]
    is_over.set()
    thread.join(20)


turns = itertools.count()


def call(case: Case, target: Target, role: str) -> None:
    """Make the call as somebody and check the answer."""
    headers = {"Authorization": f"Bearer {target.tokens[role]}"} if target.tokens[role] else {}
    # Made-up conversations are all unknown: half of the calls are to reach what is behind.
    if role != "nobody" and "conversation_id" in case.path_parameters and next(turns) % 2:
        case.path_parameters["conversation_id"] = target.conversation_id
    if case.operation.path == "/api/v1/session" and case.method == "DELETE":
        # Would sign the others of this test out.
        headers = {}
    response = case.call(headers=headers)
    case.validate_response(response, checks=CHECKS)
    assert "Traceback" not in response.text
    if role == "nobody" and "/web/" not in case.operation.path and case.operation.path.startswith("/api"):
        assert response.status_code in (401, 405, 422, 400), response.text


ALLOWED, FORBIDDEN = GenerationMode.POSITIVE, GenerationMode.NEGATIVE


@pytest.mark.parametrize(
    ("role", "mode"),
    [
        ("nobody", ALLOWED),
        ("nobody", FORBIDDEN),
        (Role.AGENT.value, ALLOWED),
        (Role.AGENT.value, FORBIDDEN),
        (Role.SUPERVISOR.value, ALLOWED),
    ],
)
def test_every_call_is_answered_as_described(target: Target, role: str, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_dict(target.schema)
    schema.config.update(base_url=target.url)
    called = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if mode is FORBIDDEN and not operation.body and "{conversation_id}" not in operation.path:
            # There is nothing that could be wrong about it.
            continue

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def try_call(case: Case) -> None:
            call(case, target, role)

        try_call()
        called += 1
    assert called >= (13 if mode is ALLOWED else 9)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_methods_that_there_are_not_are_named_as_such(target: Target, method: str) -> None:
    for path, methods in target.schema["paths"].items():
        if method.lower() in methods:
            continue
        url = target.url + path.format(
            conversation_id=target.conversation_id, tag="it", topic="faq/return_policy"
        )
        answer = httpx.request(method, url, trust_env=False)
        assert answer.status_code == 405, (method, path)
        assert answer.headers["allow"]
        assert answer.json()["code"] == "invalid_request"
