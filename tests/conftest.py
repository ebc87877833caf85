"""What every test may use. Nothing here leaves the machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.shop import Shop


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One running installation for all acceptance tests of a session."""
    # The tests of the bot run on Rasa's Python, which has none of this.
    from tests.shop import Shop

    shop = Shop(tmp_path_factory.mktemp("shop"))
    try:
        shop.start()
        yield shop
    finally:
        shop.stop()
