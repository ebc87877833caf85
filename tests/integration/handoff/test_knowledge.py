"""The knowledge base's API: who may write, what is refused, what the bots are told, what customers said."""

from __future__ import annotations

from typing import Any

import httpx

from handoff.agents.models import Role
from handoff.agents.service import create_agent
from handoff.bot_client import TurnRequest, TurnResult
from handoff.testing import FakeBot, make_result
from tests.integration.handoff.conftest import PASSWORD, SECRET, Running

ARTICLES = "/api/v1/knowledge/articles"
CHANGES = "/internal/v1/knowledge/changes"
PARKING = {
    "texts": {
        "en": {
            "title": "Parking at our stores",
            "questions": ["Can I park at your store?", "Is there a car park?"],
            "answer": "Yes, two hours are free. Questions: {support_email}",
        }
    }
}


async def sign_in(service: Running, role: Role) -> dict[str, str]:
    email = f"{role.value}@shop.example"
    async with service.services.database.transaction() as session:
        await create_agent(session, email=email, name=role.value, password=PASSWORD, role=role)
    answer = await service.http.post("/api/v1/session", json={"email": email, "password": PASSWORD})
    service.http.cookies.clear()
    return {"Authorization": f"Bearer {answer.json()['token']}"}


async def changes(service: Running, after: int = 0, scores: bool = False) -> dict[str, Any]:
    answer = await service.http.get(
        CHANGES, params={"after": after, "scores": scores}, headers={"Authorization": f"Bearer {SECRET}"}
    )
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def post(service: Running, who: dict[str, str], **body: Any) -> httpx.Response:
    return await service.http.post(ARTICLES, json=body, headers=who)


async def test_supervisor_writes_changes_and_deletes_and_the_bots_are_told(service: Running) -> None:
    who = await sign_in(service, Role.SUPERVISOR)
    written = await post(service, who, **PARKING, related=["faq/store_locations", "request_human"])
    assert written.status_code == 201, written.text
    topic = written.json()["topic"]
    assert topic == "faq/parking_at_our_stores"

    told = await changes(service)
    assert [article["topic"] for article in told["articles"]] == [topic]
    assert told["articles"][0]["texts"]["en"]["questions"] == PARKING["texts"]["en"]["questions"]

    italian = {"title": "Parcheggio", "questions": ["Dove parcheggio?"], "answer": "Davanti al negozio."}
    assert (await post(service, who, topic=topic, texts={"it": italian})).status_code == 201
    later = await changes(service, told["revision"])
    assert set(later["articles"][0]["texts"]) == {"en", "it"}
    assert later["articles"][0]["related"] == ["faq/store_locations", "request_human"]

    gone = await service.http.delete(f"{ARTICLES}/{topic}", headers=who, params={"language": "en"})
    assert gone.status_code == 204
    assert set((await changes(service, later["revision"]))["articles"][0]["texts"]) == {"it"}
    assert (await service.http.delete(f"{ARTICLES}/{topic}", headers=who)).status_code == 204
    last = await changes(service)
    assert last["articles"] == [{"topic": topic, "texts": {}, "related": last["articles"][0]["related"]}]
    assert (await changes(service, last["revision"]))["articles"] == []
    listed = await service.http.get(ARTICLES, headers=who)
    assert listed.json()["articles"] == []
    assert (await service.http.delete(f"{ARTICLES}/{topic}", headers=who)).status_code == 404


async def test_only_supervisors_write_and_only_the_bots_read_the_feed(service: Running) -> None:
    agent = await sign_in(service, Role.AGENT)
    assert (await post(service, agent, **PARKING)).status_code == 403
    assert (await service.http.delete(f"{ARTICLES}/faq/x", headers=agent)).status_code == 403
    assert (await service.http.get(ARTICLES, headers=agent)).status_code == 200
    assert (await service.http.post(ARTICLES, json=PARKING)).status_code == 401
    assert (await service.http.get(CHANGES)).status_code == 401
    assert (await service.http.get(CHANGES, headers=agent)).status_code == 401
    assert (await changes(service))["articles"] == []


async def test_what_is_wrong_is_refused_with_the_reason(service: Running) -> None:
    who = await sign_in(service, Role.ADMIN)
    text = PARKING["texts"]["en"]
    cases: list[tuple[dict[str, Any], str]] = [
        ({"texts": {"en": {**text, "answer": "Costs {parking_fee}."}}}, "{parking_fee}"),
        ({"texts": {"en": {**text, "answer": "Half a {brace"}}}, "expected '}'"),
        ({"texts": {"sv": text}}, "'sv' is no language"),
        ({"texts": {"en": text}, "related": ["faq/nothing"]}, "faq/nothing"),
        ({"texts": {"en": {**text, "questions": ["Same?", "same"]}}}, "'same' stands already"),
    ]
    for body, reason in cases:
        refused = await post(service, who, **body)
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_article"), body
        assert reason in refused.json()["message"], refused.text
    for body in ({"texts": {}}, {"texts": {"en": {**text, "questions": []}}}, {**PARKING, "topic": "greet"}):
        assert (await post(service, who, **body)).status_code == 422, body
    assert (await changes(service))["articles"] == []

    assert (await post(service, who, **PARKING)).status_code == 201
    twice = await post(service, who, texts={"en": {**text, "title": "Parking again"}})
    assert "stands already under faq/parking_at_our_stores" in twice.json()["message"]


async def test_what_customers_say_of_an_article_is_counted(service: Running) -> None:
    def script(request: TurnRequest) -> TurnResult:
        if request.text in ("thanks", "no"):
            return make_result(request, "…", label="thank" if request.text == "thanks" else "deny")
        result = make_result(request, "Thirty days.", label="faq/return_policy")
        result.replies[0].topic = "faq/return_policy"
        return result

    assert isinstance(service.bot, FakeBot)
    service.bot.script = script
    customer = await service.open_customer(language="en")
    for text in ("returns?", "thanks", "thanks", "returns?", "no", "no"):
        await customer.say(text)
        await customer.hear("bot")
    who = await sign_in(service, Role.SUPERVISOR)
    scores = (await service.http.get(ARTICLES, headers=who)).json()["scores"]
    assert scores == [{"topic": "faq/return_policy", "language": "en", "helped": 1, "not_helped": 1}]
    assert (await changes(service, scores=True))["scores"] == scores
    assert (await changes(service))["scores"] is None
