"""What a client may cost: threads that wait, metric labels, bodies."""

from __future__ import annotations

import gzip
import json
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from core.database import unit_of_work
from core.ids import new_id
from tests.conftest import Farm, eventually

pytestmark = pytest.mark.farm

EVENTS = "/api/v1/telemetry/events"
PACKED = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
LINES = {"Content-Type": "application/x-ndjson"}


def endless_job() -> UUID:
    """A job without runs, so that nobody ends it."""
    made, now = new_id(), datetime.now(UTC)
    with unit_of_work() as work:
        work.execute(
            "INSERT INTO analyses (id, tenant, application_id, kind, state, mode, item_count,"
            " runs_left, created_at, deadline_at) VALUES (:id, 'default', 'streams', 'single',"
            " 'queued', 'fast', 1, 1, :now, :later)",
            id=made,
            now=now,
            later=now + timedelta(hours=1),
        )
    return made


def test_sixteen_streams_leave_threads_for_others_and_end_with_their_clients(farm: Farm) -> None:
    path = f"/api/v1/analyses/{endless_job()}/events"
    with ExitStack() as streams:
        opened = [streams.enter_context(farm.client.stream("GET", path)) for _ in range(16)]
        assert [one.status_code for one in opened] == [200] * 8 + [503] * 8
        assert int(opened[-1].headers["Retry-After"]) >= 1
        assert farm.client.post("/v1/analyze", json={"text": "hello"}).status_code == 200

    def free() -> bool:
        with farm.client.stream("GET", path) as answer:
            return answer.status_code == 200

    eventually(free, every=0.5)


def test_invented_methods_are_refused_and_become_no_label(farm: Farm) -> None:
    answers = [
        farm.client.request(f"FOO{number}", path)
        for number, path in enumerate(("/health", "/nowhere", "/api/v1/analyses", EVENTS))
    ]
    assert [answer.status_code for answer in answers] == [405, 404, 405, 405]
    page = farm.client.get("/metrics").text
    assert 'method="GET"' in page
    assert "FOO" not in page


@pytest.mark.parametrize("route", ["/api/v1/analyses", "/api/v1/analyze", EVENTS])
def test_a_small_body_that_unpacks_to_millions_of_values_is_413(farm: Farm, route: str) -> None:
    body = gzip.compress(b"[" + b"1," * 5_000_000 + b"1]")
    answer = farm.client.post(route, content=body, headers=PACKED)
    assert (answer.status_code, "split it" in answer.json()["detail"]) == (413, True)


def test_more_events_than_allowed_are_413_as_array_and_as_lines(farm: Farm) -> None:
    array = farm.client.post(EVENTS, json=[1] * 50_001)
    lines = farm.client.post(EVENTS, content="1\n" * 50_001, headers=LINES)
    for answer in (array, lines):
        said = answer.json()["detail"]
        assert (answer.status_code, said) == (
            413,
            "50001 events in one request; send at most 50000",
        )


def test_all_rejected_events_are_counted_and_the_first_thousand_named(farm: Farm) -> None:
    for answer in (
        farm.client.post(EVENTS, json=[1] * 50_000),
        farm.client.post(EVENTS, content="1\n" * 50_000, headers=LINES),
    ):
        receipt: dict[str, Any] = answer.json()
        assert (answer.status_code, receipt["rejected_total"]) == (422, 50_000)
        assert [one["index"] for one in receipt["rejected"]] == list(range(1000))


def test_a_batch_of_ten_thousand_items_is_accepted(farm: Farm) -> None:
    item = {"text": "hello", "response": "hi", "context": {"documents": ["d"]}}
    body = json.dumps({"items": [item] * 10_000, "engines": ["jailbreak"]})
    headers = {"Content-Type": "application/json"}
    answer = farm.client.post("/api/v1/analyses", content=body, headers=headers)
    assert answer.status_code == 202
    assert farm.client.post(answer.json()["links"]["cancel"]).status_code == 200


def test_a_replay_of_a_finished_job_does_not_wait(farm: Farm) -> None:
    headers = {"Idempotency-Key": "replayed-and-finished"}
    first = farm.client.post("/api/v1/analyses", json={"text": "a"}, headers=headers)
    farm.finished(first.json()["id"])
    again = headers | {"Prefer": "wait=30"}
    answer = farm.client.post("/api/v1/analyses", json={"text": "a"}, headers=again)
    assert (answer.status_code, answer.json()["status"]) == (200, "completed")
    assert answer.elapsed < timedelta(seconds=1.5)


def test_results_go_on_from_the_cursor_as_from_after(farm: Farm) -> None:
    job = farm.submit(items=[{"text": str(number)} for number in range(3)])
    farm.finished(job)
    path = f"/api/v1/analyses/{job}/results"
    cursor = farm.client.get(path, params={"limit": 1}).json()["next_cursor"]
    for name in ("cursor", "after"):
        page = farm.client.get(path, params={name: cursor}).json()
        assert [item["index"] for item in page["items"]] == [1, 2]
    assert farm.client.get(path, params={"cursor": "x"}).json()["field"] == "cursor"
