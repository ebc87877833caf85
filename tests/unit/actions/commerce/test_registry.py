from __future__ import annotations

import pytest

from actions.commerce.base import UnknownBackendError
from actions.commerce.demo.backend import DemoCommerce
from actions.commerce.registry import create_commerce


async def test_demo_is_the_demo_shop(monkeypatch, tmp_path):
    monkeypatch.setenv("DRAGOMAN_SHOP_DATABASE", f"sqlite+aiosqlite:///{tmp_path / 'shop.db'}")
    commerce = create_commerce("demo")
    assert isinstance(commerce, DemoCommerce)
    await commerce.close()


def test_unknown_backend_is_named_with_those_there_are():
    with pytest.raises(UnknownBackendError, match=r"'shoppify'.*demo"):
        create_commerce("shoppify")
