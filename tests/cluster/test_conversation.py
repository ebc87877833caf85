"""One conversation, many replicas: whoever is where, everybody sees the same."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from handoff.bus import RESYNC, RedisBus
from handoff.conversations.service import conversation_topic
from locales import catalogue
from scripts.cluster import Cluster
from scripts.processes import run_step
from tests.acceptance import test_conversation as acceptance
from tests.cluster.nginx_log import list_upstreams
from tests.customer import Customer
from tests.shop import open_customer, sign_in


class Apart:
    """A shop whose customers are on the first replica and whose agents are on the second."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def open_customer(self, **body: object) -> Customer:
        return await open_customer(self._cluster.replicas[0].installation.origin, **body)

    async def sign_in(self) -> httpx.AsyncClient:
        return await sign_in(self._cluster.replicas[1].installation.origin, self._cluster.account)


def _script(language: str) -> acceptance.Script:
    return next(script for script in acceptance.SCRIPTS if script.language == language)


async def test_whole_conversation_with_customer_and_agent_on_different_replicas(cluster: Cluster) -> None:
    await acceptance.test_from_greeting_to_a_person_and_back(Apart(cluster), _script("it"))


async def test_sockets_may_land_on_any_replica(cluster: Cluster) -> None:
    customer = await open_customer(cluster.origin, language="nl", market="NL")
    script = _script("nl")
    for text in (script.shipping_cost, script.return_policy, script.shipping_cost, script.again):
        await acceptance.ask(customer, text)
        await customer.disconnect()
        assert (await customer.connect())["type"] == "ready"
    heard = customer.events
    await customer.disconnect()
    again = Customer(cluster.origin, {"conversation_id": customer.conversation_id, "token": customer.token})
    ready = await again.connect()
    while again.seq < ready["seq"]:
        await again.receive()
    await again.disconnect()
    # (A message's language is known only after it was answered.)
    assert [(event["seq"], event["at"]) for event in again.events] == [
        (event["seq"], event["at"]) for event in heard
    ], "the same log from every replica, without gaps and repeats"
    assert len(again.texts("bot")) == 4
    addresses = {f"127.0.0.1:{replica.installation.ports.service}" for replica in cluster.replicas}
    await list_upstreams(cluster, "/api/v1/web/socket", at_least=addresses)


async def test_typing_is_seen_across_replicas(cluster: Cluster) -> None:
    customer = await open_customer(cluster.replicas[0].installation.origin)
    # What the console on another replica subscribes to, and publishes when an agent types.
    elsewhere = RedisBus(cluster.redis.url(0))
    await elsewhere.start()
    try:
        topic = conversation_topic(customer.conversation_id)
        async with elsewhere.subscribe(topic) as subscription:
            assert await subscription.get_within(5) == RESYNC
            await customer.send(type="typing")
            heard = await subscription.get_within(5)
            assert heard == {"type": "typing", "who": "customer", "name": None}
        await elsewhere.publish(topic, {"type": "typing", "who": "agent", "name": "Anna"})
        frame = await customer.wait_for(lambda frame: frame["type"] == "typing")
        assert frame["name"] == "Anna"
    finally:
        await elsewhere.close()


async def test_queue_position_take_and_words_are_seen_across_replicas(cluster: Cluster) -> None:
    here, there = (replica.installation.origin for replica in cluster.replicas)
    first = await open_customer(here, language="en")
    second = await open_customer(there, language="en")
    for customer in (first, second):
        await customer.say(_script("en").person)
        told = await customer.hear("notice", timeout_s=30)
        assert told == catalogue.text("service", "notice.handoff.requested", "en")
    place = await second.wait_for(lambda frame: frame["type"] == "queue" and frame["position"] is not None)
    agent = await sign_in(there, cluster.account)
    path = f"/api/v1/conversations/{first.conversation_id}"
    assert (await agent.post(f"{path}/take")).status_code == 204
    assert await first.hear("notice") == catalogue.text("service", "notice.agent_joined", "en", agent="Anna")
    moved = await second.wait_for(lambda frame: frame["type"] == "queue", timeout_s=10)
    assert moved["position"] == place["position"] - 1
    assert (await agent.post(f"{path}/messages", json={"id": "1", "text": "Hello."})).status_code == 201
    assert await first.hear("agent") == "Hello."
    assert (await agent.post(f"{path}/resolve", json={"reason": "solved"})).status_code == 204
    assert await first.hear("notice") == catalogue.text("service", "notice.resolved", "en", agent="Anna")


@pytest.fixture(scope="module")
def second_account(cluster: Cluster) -> dict[str, object]:
    environment = cluster.replicas[0].installation.environment()
    printed = run_step(".venv", ["-m", "handoff.agents", "add", "ben@example.com", "Ben"], environment)
    account: dict[str, object] = json.loads(printed.strip().splitlines()[-1])
    return account


async def test_of_two_agents_on_two_replicas_one_wins(
    cluster: Cluster, second_account: dict[str, object]
) -> None:
    here, there = (replica.installation.origin for replica in cluster.replicas)
    anna, ben = await sign_in(here, cluster.account), await sign_in(there, second_account)
    for _ in range(20):
        customer = await open_customer(cluster.origin)
        path = f"/api/v1/conversations/{customer.conversation_id}"
        answers = await asyncio.gather(anna.post(f"{path}/take"), ben.post(f"{path}/take"))
        assert sorted(answer.status_code for answer in answers) == [204, 409]
        winner = "Anna" if answers[0].status_code == 204 else "Ben"
        joined = catalogue.text("service", "notice.agent_joined", "en", agent=winner)
        assert await customer.hear("notice") == joined
        view = (await (anna if winner == "Ben" else ben).get(path)).json()
        assert view["agent"] == winner
        assert [event["kind"] for event in view["events"]].count("owner") == 1
        await customer.disconnect()
