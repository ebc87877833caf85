from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import jsonschema

from actions.proof import Proof
from actions.snapshot import render_snapshot
from tests.unit.actions.shop import NOW, make_order

CONTRACTS = Path(__file__).parents[2] / "contracts"


def test_snapshot_is_json_with_moments_in_utc_and_no_address():
    order = make_order(placed_at=datetime(2026, 11, 18, 19, 42, tzinfo=timezone(timedelta(hours=1))))
    snapshot = render_snapshot(order, Proof.EMAIL, NOW)
    assert json.loads(json.dumps(snapshot)) == snapshot
    assert snapshot["placed_at"] == "2026-11-18T18:42:00+00:00"
    assert snapshot["as_of"] == "2026-11-21T12:00:00+00:00"
    assert snapshot["expected_on"] == "2026-11-23"
    assert (snapshot["total"], snapshot["currency"]) == (24500, "EUR")
    assert snapshot["parcels"][0]["delivered_at"] is None
    assert order.email not in json.dumps(snapshot)


def test_snapshot_fits_the_handoff_packet():
    schema = json.loads((CONTRACTS / "handoff_packet.schema.json").read_text(encoding="utf-8"))
    snapshot = render_snapshot(make_order(), Proof.SIGNED_IN, NOW)
    jsonschema.validate([snapshot], schema["properties"]["orders"])
