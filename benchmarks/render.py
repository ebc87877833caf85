"""The figures as tables: printed, and written into docs/performance.md between its markers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scripts.environment import ROOT

PAGE = ROOT / "docs" / "performance.md"
FIGURES = ROOT / "var" / "bench.json"
BEGIN, END = "<!-- figures of `make bench` -->", "<!-- end of figures -->"

Figures = dict[str, Any]


class NoMarkersError(ValueError):
    """The page has no place for the figures."""


def render_figures(figures: Figures) -> str:
    """Return all tables as Markdown."""
    lines = [_describe(figures["machine"])]
    aims = [
        [aim["name"], aim["aim"], aim["value"], "yes" if aim["met"] else "**no**"] for aim in figures["aims"]
    ]
    lines += _table("Aims", ["aim", "wanted", "measured", "met"], aims)
    lines += _table(
        "Dragoman: from the widget's socket and back",
        [
            "customers", "replies/s", "accepted → reply p50 / p95 / p99 (ms)", "sent → reply p50 / p95 (ms)",
            "CPU a reply (ms): service / Rasa / actions / driver", "handed off", "refused",
        ],
        [_service_row(row) for row in figures["service"].values()],
    )  # fmt: skip
    rasa = [_rasa_row("ours, alone", row) for row in figures["bot"].values()]
    rasa += [_rasa_row("stock", row) for row in figures.get("stock_rasa", {}).get("levels", {}).values()]
    headings = [
        "Rasa",
        "customers",
        "replies/s",
        "sent → reply p50 / p95 / p99 (ms)",
        "CPU a reply (ms)",
        "MB",
    ]
    lines += _table("Rasa over HTTP, without the service", headings, rasa)
    if "replicas" in figures:
        rows = [_replica_row(row) for row in figures["replicas"]["runs"]]
        headings = ["replicas of each", "customers", "replies/s", "sent → reply p50 / p95 (ms)", "cores used"]
        lines += _table("Many machines, played on this one", headings, rows)
    lines += _table("Memory and start-up", ["what", "figure"], _other_rows(figures))
    return "\n".join(lines) + "\n"


def _describe(machine: Figures) -> str:
    changed = ", with uncommitted changes" if machine["has_changes"] else ""
    date = machine["date"].replace("T", " ").replace("+00:00", " UTC")
    return (
        f"Measured {date}, commit {machine['commit']}{changed}: {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_gb']:g} GB, Python {machine['python']}, load {machine['load_before'][0]:g} before "
        f"the run, calibration loop {machine['calibration_s']:g} s."
    )


def _service_row(row: Figures) -> list[str]:
    accepted, sent, cpu = row["accepted_to_reply"], row["sent_to_reply"], row["cpu_ms_per_reply"]
    thinks = f" (think {row['think_s']:g} s)" if row["think_s"] else ""
    return [
        f"{row['customers']}{thinks}",
        f"{row['replies_per_s']:g}",
        f"{accepted['p50_ms']:g} / {accepted['p95_ms']:g} / {accepted['p99_ms']:g}",
        f"{sent['p50_ms']:g} / {sent['p95_ms']:g}",
        " / ".join(f"{cpu[name]:g}" for name in ("service", "bot", "actions", "driver")),
        f"{row['handed_off']} of {row['conversations']}",
        str(row["refused"]),
    ]


def _rasa_row(name: str, row: Figures) -> list[str]:
    sent, process = row["sent_to_reply"], row["processes"]["bot"]
    return [
        name,
        str(row["customers"]),
        f"{row['replies_per_s']:g}",
        f"{sent['p50_ms']:g} / {sent['p95_ms']:g} / {sent['p99_ms']:g}",
        f"{row['cpu_ms_per_reply']['bot']:g}",
        f"{process['rss_mb']:g}",
    ]


def _replica_row(row: Figures) -> list[str]:
    sent = row["sent_to_reply"]
    cores = sum(process["cores"] for process in row["processes"].values())
    return [
        str(row["replicas"]),
        str(row["customers"]),
        f"{row['replies_per_s']:g}",
        f"{sent['p50_ms']:g} / {sent['p95_ms']:g}",
        f"{cores:.2f}",
    ]


def _other_rows(figures: Figures) -> list[list[str]]:
    start, memory = figures["start_up"], figures["memory_mb"]
    rows = [
        [f"start-up, {kind} (from launch until all three answer)", f"{start[key]:g} s"]
        for key, kind in (("first_s", "first in this run"), ("warm_s", "warm"))
        if key in start
    ]
    rows.append(["first reply after that", f"{start['first_reply_ms']:g} ms"])
    rows += [[f"memory of {name} after the loads", f"{value:g} MB"] for name, value in memory.items()]
    if "idle_sockets" in figures:
        idle = figures["idle_sockets"]
        text = f"{idle['added_mb']:g} MB ({idle['before_mb']:g} → {idle['open_mb']:g})"
        rows.append([f"{idle['sockets']:,} idle sockets add", text])
        active = idle["active_customer"]["accepted_to_reply"]
        text = f"{active['p50_ms']:g} / {active['p95_ms']:g} ms"
        rows.append(["accepted → reply p50 / p95 of one customer meanwhile", text])
    if "ratios" in figures:
        ratios = figures["ratios"]
        rows.append(["throughput against stock Rasa (32 customers)", f"{ratios['throughput']:g} ×"])
        rows.append(
            ["latency against stock Rasa (one customer, p50, sent → reply)", f"{ratios['latency']:g} ×"]
        )
        rows.append(["CPU a reply against stock Rasa (all of ours together)", f"{ratios['cpu']:g} × less"])
        rows.append(["start-up of stock Rasa", f"{figures['stock_rasa']['start_s']:g} s"])
    if "replicas" in figures:
        rows.append(
            ["two replicas against one: throughput", f"{figures['replicas']['throughput_ratio']:g} ×"]
        )
    return rows


def _table(title: str, headings: list[str], rows: list[list[str]]) -> list[str]:
    lines = [headings, ["---"] * len(headings), *rows]
    return ["", f"### {title}", "", *(f"| {' | '.join(cells)} |" for cells in lines)]


def write_page(figures: Figures, page: Path = PAGE) -> None:
    """Put the figures between the page's markers.

    Raises:
        NoMarkersError: It has none.
    """
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise NoMarkersError(f"{page.name} needs {BEGIN} and {END}")
    page.write_text(f"{before}{begin}\n\n{render_figures(figures)}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    write_page(json.loads(FIGURES.read_text(encoding="utf-8")))
