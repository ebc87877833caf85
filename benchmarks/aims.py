"""What the measurements should come to, and whether they do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Figures = dict[str, Any]


@dataclass(frozen=True)
class Aim:
    """`read` finds the figure (KeyError where this run did not measure it)."""

    name: str
    unit: str
    read: Callable[[Figures], float]
    limit: float
    is_at_least: bool = False

    def render(self, figures: Figures) -> dict[str, Any] | None:
        """Return {"name", "aim", "value", "met"}; None when it was not measured in this run."""
        try:
            value = self.read(figures)
        except KeyError:
            return None
        sign = "≥" if self.is_at_least else "≤"
        is_met = value >= self.limit if self.is_at_least else value <= self.limit
        return {
            "name": self.name,
            "aim": f"{sign} {self.limit:g} {self.unit}".strip(),
            "value": f"{value:g} {self.unit}".strip(),
            "met": is_met,
        }


AIMS = (
    Aim("accepted → reply, p50, one customer", "ms", lambda f: float(_one(f)["p50_ms"]), 10),
    Aim("accepted → reply, p95, one customer", "ms", lambda f: float(_one(f)["p95_ms"]), 30),
    Aim(
        "replies a second, 32 customers",
        "/s",
        lambda f: float(f["service"]["32"]["replies_per_s"]),
        150,
        True,
    ),
    Aim("throughput against stock Rasa", "×", lambda f: float(f["ratios"]["throughput"]), 5, True),
    Aim("memory of 1,000 idle sockets", "MB", lambda f: float(f["idle_sockets"]["added_mb"]), 150),
    Aim("start-up, warm", "s", lambda f: float(f["start_up"]["warm_s"]), 25),
)


def _one(figures: Figures) -> Figures:
    found: Figures = figures["service"]["1"]["accepted_to_reply"]
    return found


def list_aims(figures: Figures) -> list[dict[str, Any]]:
    """Return what was measured of the aims."""
    return [rendered for aim in AIMS if (rendered := aim.render(figures)) is not None]
