"""Everything stops in the middle of a conversation and of a handoff, starts again, and goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from locales import catalogue
from tests.acceptance.test_conversation import ask
from tests.shop import Shop


@pytest.fixture
def own_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    shop = Shop(tmp_path_factory.mktemp("restarted"))
    try:
        shop.start()
        yield shop
    finally:
        shop.stop()


async def test_stopping_everything_loses_nothing(own_shop: Shop) -> None:
    asking = await own_shop.open_customer(language="it", market="IT")
    await ask(asking, "dov'è il mio ordine?")
    waiting = await own_shop.open_customer(language="nl", market="NL")
    await waiting.say("ik wil graag een medewerker spreken")
    await waiting.hear("notice", timeout_s=15)
    agent = await own_shop.sign_in()

    own_shop.processes.stop(kill=True)
    own_shop.processes.start()
    own_shop.processes.wait_until_ready()

    # The customer is in the middle of being asked for an order number: the bot still knows.
    await asking.connect()
    await ask(asking, "48213")
    assert "TM-48213" in await ask(asking, "giulia.ferraro@posta.example")
    # The queue still has who waits, and the agent is still signed in.
    ready = await waiting.connect()
    assert ready["conversation"]["owner"] == "waiting"
    line = (await agent.get("/api/v1/queue")).json()["waiting"][0]
    assert line["conversation_id"] == waiting.conversation_id
    path = f"/api/v1/conversations/{waiting.conversation_id}"
    assert (await agent.post(f"{path}/take")).status_code == 204
    joined = await waiting.hear("notice")
    assert joined == catalogue.text("service", "notice.agent_joined", "nl", agent="Anna")
