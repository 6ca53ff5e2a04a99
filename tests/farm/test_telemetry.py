"""Telemetry: what is sent is stored once, and the bad is named."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import Farm, eventually

pytestmark = pytest.mark.farm

EVENTS = "/api/v1/telemetry/events"


def event(application: str, number: int = 0, **data: Any) -> dict[str, Any]:
    moment = datetime.now(UTC) - timedelta(seconds=number)
    return {
        "event_id": f"event-{number}",
        "timestamp": moment.isoformat(),
        "event_type": "llm.response",
        "application_id": application,
        "data": {"status": "success", "latency_ms": 800, "total_tokens": 50, "cost": 0.01} | data,
    }


def stored(farm: Farm, application: str, count: int, **where: str) -> list[dict[str, Any]]:
    """The application's events once there are `count`."""

    def there() -> list[dict[str, Any]] | None:
        params = {"application": application, "limit": "1000", **where}
        items = farm.client.get("/api/v1/telemetry", params=params).json()["items"]
        return items if len(items) >= count else None

    return list(eventually(there))


def test_one_event_as_the_guide_prints_it(farm: Farm) -> None:
    body = {
        "event_id": "test-001",
        "timestamp": "2025-11-06T12:00:00Z",
        "event_type": "llm.response",
        "application_id": "test-app",
        "data": {"status": "success", "latency_ms": 1250, "total_tokens": 225, "cost": 0.045},
    }
    answer = farm.client.post(EVENTS, json=body)
    receipt = {"accepted": 1, "rejected": [], "rejected_total": 0}
    assert (answer.status_code, answer.json()) == (202, receipt)
    found = stored(farm, "test-app", 1, since="2025-11-06", until="2025-11-07")
    assert (found[0]["event_id"], found[0]["latency_ms"], found[0]["cost"]) == (
        "test-001",
        1250.0,
        0.045,
    )


def test_an_array_compressed_with_gzip(farm: Farm) -> None:
    body = gzip.compress(json.dumps([event("gz", n) for n in range(1200)]).encode())
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = farm.client.post(EVENTS, content=body, headers=headers)
    assert answer.json()["accepted"] == 1200
    assert len(stored(farm, "gz", 1000)) == 1000


def test_lines_of_ndjson_with_a_broken_one(farm: Farm) -> None:
    lines = [json.dumps(event("lines", 0)), "{broken", json.dumps(event("lines", 1))]
    headers = {"Content-Type": "application/x-ndjson"}
    answer = farm.client.post(EVENTS, content="\n".join(lines), headers=headers)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 2)
    assert [one["index"] for one in answer.json()["rejected"]] == [1]
    assert len(stored(farm, "lines", 2)) == 2


def test_a_bad_neighbour_costs_no_good_event(farm: Farm) -> None:
    future = event("mixed", 1) | {"timestamp": "2999-01-01T00:00:00Z"}
    batch = [event("mixed", 0), event("mixed", 2, latency_ms=-1), future, event("mixed", 3)]
    answer = farm.client.post(EVENTS, json=batch).json()
    assert [(one["index"], one["field"]) for one in answer["rejected"]] == [
        (1, "data.latency_ms"),
        (2, "timestamp"),
    ]
    assert {one["event_id"] for one in stored(farm, "mixed", 2)} == {"event-0", "event-3"}


def test_only_bad_events_are_422(farm: Farm) -> None:
    answer = farm.client.post(EVENTS, json=[{"no": "timestamp"}])
    assert (answer.status_code, answer.json()["accepted"]) == (422, 0)


def test_a_latency_of_twenty_minutes_is_kept(farm: Farm) -> None:
    farm.client.post(EVENTS, json=event("slow", latency_ms=1_200_000))
    assert stored(farm, "slow", 1)[0]["latency_ms"] == 1_200_000


def test_an_event_sent_twice_counts_once(farm: Farm) -> None:
    one = event("twice", 5)
    farm.client.post(EVENTS, json=[one, one])
    farm.client.post(EVENTS, json=[one, event("twice", 6)])
    stored(farm, "twice", 2)
    stats = farm.client.get("/api/v1/telemetry/stats", params={"application": "twice"}).json()
    assert sum(bucket["count"] for bucket in stats["items"]) == 2


def test_a_body_sent_again_gives_events_without_id_the_same_ids(farm: Farm) -> None:
    batch = [event("again", 1) | {"event_id": None} for _ in range(3)]
    body = json.dumps(batch)
    for _ in range(2):
        farm.client.post(EVENTS, content=body, headers={"Content-Type": "application/json"})
    farm.client.post(EVENTS, json=[*batch, event("again", 9)])
    found = stored(farm, "again", 7)
    assert len({one["event_id"] for one in found}) == 7
    assert {len(one["event_id"]) for one in found} == {32, len("event-9")}


def test_a_duplicate_key_costs_the_array_or_its_line(farm: Farm) -> None:
    good, bad = json.dumps(event("keys", 1)), '{"timestamp": "2025-11-06", "timestamp": "1"}'
    json_type, lines = (
        {"Content-Type": "application/json"},
        {"Content-Type": "application/x-ndjson"},
    )
    array = farm.client.post(EVENTS, content=f"[{good},{bad}]", headers=json_type)
    assert (array.status_code, "'timestamp'" in array.json()["detail"]) == (400, True)
    receipt = farm.client.post(EVENTS, content=f"{good}\n{bad}", headers=lines).json()
    assert (receipt["accepted"], receipt["rejected"][0]["index"]) == (1, 1)
    assert "'timestamp' stands twice" in receipt["rejected"][0]["error"]


@pytest.mark.parametrize(
    "place",
    [
        ["2025-11-06T12:00:00Z", ["a"], ["b"]],
        ["2025-11-06T12:00:00Z", "a", "\ud800"],
        ["2025-11-06T12:00:00Z", "a\x00", "b"],
        ["2025-11-06T12:00:00Z", "a"],
        [5, "a", "b"],
        {"a": 1},
        5,
    ],
)
def test_a_forged_cursor_is_422(farm: Farm, place: Any) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(place).encode()).decode()
    answer = farm.client.get("/api/v1/telemetry", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["field"]) == (422, "cursor")


def test_prompt_and_response_live_apart_from_the_event(farm: Farm, stores: Any) -> None:
    from core.database import unit_of_work

    farm.client.post(
        EVENTS, json=event("texts", prompt="a tab\tand a \\ and\na line", response="r")
    )
    found = stored(farm, "texts", 1)
    with unit_of_work() as work:
        row = work.execute("SELECT * FROM telemetry_contents WHERE application_id = 'texts'").one()
    assert row.prompt == "a tab\tand a \\ and\na line"
    assert "prompt" not in found[0]


def test_stats_by_model_and_bucket(farm: Farm) -> None:
    batch = [event("stats", n, model="m1", latency_ms=100 * (n + 1)) for n in range(9)]
    batch += [event("stats", 10 + n, model="m2", status="error") for n in range(3)]
    farm.client.post(EVENTS, json=batch)
    stored(farm, "stats", 12)
    params = {"application": "stats", "bucket": "1d"}
    items = farm.client.get("/api/v1/telemetry/stats", params=params).json()["items"]
    models = {name: [one for one in items if one["model"] == name] for name in ("m1", "m2")}
    assert sum(one["count"] for one in models["m1"]) == 9
    assert sum(one["errors"] for one in models["m2"]) == 3
    assert max(one["latency_ms"]["p99"] for one in models["m1"]) <= 900


def test_events_are_paged_without_loss_or_doubling(farm: Farm) -> None:
    farm.client.post(EVENTS, json=[event("pages", n) for n in range(25)])
    stored(farm, "pages", 25)
    seen: list[str] = []
    params = {"application": "pages", "limit": "10"}
    while True:
        page = farm.client.get("/api/v1/telemetry", params=params).json()
        seen += [one["event_id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert seen == [f"event-{n}" for n in range(25)]
