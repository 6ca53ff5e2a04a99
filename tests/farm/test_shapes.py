"""Events of every JSON shape in one request, and what becomes of the bad ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conftest import Farm, eventually
from tests.core.test_json_shapes import SHAPES
from tests.farm.test_telemetry import EVENTS, stored

pytestmark = pytest.mark.farm

NDJSON = {"Content-Type": "application/x-ndjson"}


def mixed(service: str) -> list[dict[str, Any]]:
    """One event of each shape, of this application and of now."""
    ours = {
        "timestamp": datetime.now(UTC).isoformat(),
        "service_name": service,
        "application_id": service,
    }
    ids = {"guide": "event_id", "sdk": "event_id", "flat": "request_id"}
    return [{**raw, **ours, ids[shape]: shape} for shape, raw in SHAPES.items()]


def test_an_array_of_all_shapes(farm: Farm) -> None:
    answer = farm.client.post(EVENTS, json=mixed("mixed-array"))
    assert (answer.status_code, answer.json()["accepted"]) == (202, 3)
    found = stored(farm, "mixed-array", 3)
    assert {one["event_id"] for one in found} == set(SHAPES)
    assert {(one["model"], one["total_tokens"], one["cost"]) for one in found} == {
        ("gpt-4o", 120, 0.045)
    }


def test_lines_of_all_shapes_and_what_was_refused_is_kept(farm: Farm) -> None:
    from core.database import query

    bad = {**mixed("mixed-lines")[1], "latency_ms": -1, "mark": "\u0000 kept"}
    lines = [*map(json.dumps, mixed("mixed-lines")), json.dumps(bad), '{"mixed-lines": broken']
    receipt = farm.client.post(EVENTS, content="\n".join(lines), headers=NDJSON).json()
    assert receipt["accepted"] == 3
    assert [(one["index"], one["field"]) for one in receipt["rejected"]] == [
        (3, "latency_ms"),
        (4, None),
    ]
    stored(farm, "mixed-lines", 3)

    def kept() -> Any:
        rows = query("SELECT * FROM telemetry_rejects WHERE source = 'http' ORDER BY place")
        rows = [row for row in rows if "mixed-lines" in row["body"]]
        return rows if len(rows) == 2 else None

    first, second = eventually(kept)
    assert (first["place"], first["field"]) == (3, "latency_ms")
    assert "kept" in first["body"]
    assert second["body"] == '{"mixed-lines": broken'
