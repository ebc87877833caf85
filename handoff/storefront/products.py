"""What the demo shop sells and who its customers are, from data/demo/."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from handoff.settings import ROOT

DEMO_FOLDER = ROOT / "data" / "demo"


@dataclass(frozen=True)
class Product:
    """One thing on sale. `prices` are minor units by currency, `names` texts by language tag."""

    id: str
    category: str
    prices: dict[str, int]
    names: dict[str, str]


@dataclass(frozen=True)
class DemoCustomer:
    """Someone whom the storefront can show as signed in; `id` is the shop's own."""

    id: str
    name: str
    email: str
    market: str


@lru_cache(maxsize=2)
def _read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return content


def list_categories() -> list[str]:
    return list(_read(DEMO_FOLDER / "products.yml")["categories"])


def list_products() -> list[Product]:
    return [
        Product(id=entry["id"], category=entry["category"], prices=entry["price"], names=entry["name"])
        for entry in _read(DEMO_FOLDER / "products.yml")["products"]
    ]


def get_customer(market: str) -> DemoCustomer:
    """Return the demo customer of a market: the first one there, or the first of all."""
    customers = _read(DEMO_FOLDER / "customers.yml")["customers"]
    entry = next((customer for customer in customers if customer["market"] == market), customers[0])
    return DemoCustomer(id=entry["id"], name=entry["name"], email=entry["email"], market=entry["market"])
