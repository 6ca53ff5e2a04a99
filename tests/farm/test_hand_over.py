"""What must not be lost between a promise and its keeping, whatever the database answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from core.analysis import Content
from core.database import query, single, unit_of_work
from core.errors import BrokerDown, DatabaseBusy
from core.telemetry import Event
from detectors.config import parse_detectors
from tests.conftest import Farm, eventually
from tests.farm.test_telemetry import EVENTS, event, stored
from workers import detection, event_lines, ingestion, pending, submission, waiting
from workers.app import KEY_PREFIX, app
from workers.submission import Submission, submit

pytestmark = pytest.mark.farm


def an_event(application: str) -> Event:
    moment = datetime.now(UTC)
    return Event(
        event_id="one",
        timestamp=moment,
        event_type="llm.response",
        application_id=application,
        status="success",
    )


def change(statement: str) -> None:
    with unit_of_work() as work:
        work.execute(statement)


def test_telemetry_accepted_before_an_outage_is_stored_after_it(farm: Farm, stores: Any) -> None:
    stores.postgres.kill()
    answer = farm.client.post(EVENTS, json=[event("outlived", n) for n in range(10)])
    assert answer.status_code == 202
    eventually(lambda: farm.log("worker-io").count("handed back to the broker") >= 2)
    stores.postgres.start()
    assert len(stored(farm, "outlived", 10)) == 10


def test_connections_that_a_restart_ended_cost_nobody_an_error(stores: Any) -> None:
    for ask in (single, query):
        ask("SELECT 1")
    stores.postgres.kill()
    stores.postgres.start()
    assert [len(ask("SELECT 1")) for ask in (single, query)] == [1, 1]


def a_batch(application: str) -> dict[str, bytes]:
    line = event_lines.of_event(an_event(application), "default", datetime.now(UTC).isoformat())
    return {pending.new_key(1): event_lines.joined([line])}


def test_telemetry_whose_bell_was_lost_is_stored(farm: Farm) -> None:
    pending.keep(a_batch("unheard"), 1)
    assert len(stored(farm, "unheard", 1)) == 1


def test_telemetry_that_a_dead_worker_had_taken_is_stored(farm: Farm) -> None:
    batch = a_batch("died")
    waiting.client().hset(pending.BATCHES, mapping=batch)
    waiting.client().incr(pending.EVENTS)
    waiting.client().zadd(pending.TAKEN, dict.fromkeys(batch, 0))
    assert len(stored(farm, "died", 1)) == 1


def test_no_copy_outlives_the_rows(farm: Farm) -> None:
    farm.client.post(EVENTS, json=[event("kept-once", n) for n in range(3)])
    stored(farm, "kept-once", 3)
    eventually(lambda: waiting.client().hlen(pending.BATCHES) == 0)
    assert (waiting.client().zcard(pending.TAKEN), pending.waiting()) == (0, 0)


def test_telemetry_that_no_worker_was_told_of_is_accepted_and_stored(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_broker(*_: object, **__: object) -> None:
        raise BrokerDown

    monkeypatch.setattr(ingestion, "broker_guarded", no_broker)
    ingestion.accept([an_event("untold")])
    assert len(stored(farm, "untold", 1)) == 1


def test_a_statement_that_takes_too_long_is_an_outage_to_wait_for(farm: Farm) -> None:
    with pytest.raises(DatabaseBusy):
        change("SET LOCAL statement_timeout = '50ms'; SELECT pg_sleep(1)")


@pytest.fixture
def held_key() -> Iterator[str]:
    """An Idempotency-Key whose first request is still running."""
    name = f"{KEY_PREFIX}idempotency:default:held"
    waiting.client().set(name, 1, ex=20)
    yield "held"
    waiting.client().delete(name)


def test_a_key_whose_first_request_still_runs_is_a_conflict(farm: Farm, held_key: str) -> None:
    headers = {"Idempotency-Key": held_key}
    answer = farm.client.post("/api/v1/analyses", json={"text": "a"}, headers=headers)
    assert (answer.status_code, "still running" in answer.json()["detail"]) == (409, True)


def test_with_a_key_a_job_that_was_not_handed_over_runs_later_and_is_found_again(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_broker(*_: object) -> None:
        raise BrokerDown

    wanted = Submission([Content(text="later")], idempotency_key="later", request_hash=b"h")
    with monkeypatch.context() as patch:
        patch.setattr(submission, "publish_runs", no_broker)
        with pytest.raises(BrokerDown):
            submit(wanted)
    again = submit(wanted)
    assert again.replayed
    assert farm.finished(str(again.id))["status"] == "completed"


def test_a_statement_prepared_before_a_migration_works_after_it(stores: Any) -> None:
    change("CREATE TABLE migrated (id int)")
    assert single("SELECT * FROM migrated") == []
    change("ALTER TABLE migrated ADD COLUMN later int")
    assert single("SELECT * FROM migrated") == []
    change("DROP TABLE migrated")


def test_no_inspection_shows_the_arguments_of_a_task(farm: Farm) -> None:
    job_id = farm.submit(items=[{"text": "A long and ordinary sentence. " * 900}] * 300)

    def active() -> list[dict[str, Any]]:
        answers = app.control.inspect(timeout=1).active() or {}
        return [task for tasks in answers.values() for task in tasks if "analy" in task["name"]]

    found = eventually(active)
    farm.client.post(f"/api/v1/analyses/{job_id}/cancel")
    assert {json.dumps([task["args"], task["kwargs"]]) for task in found} == {'["-", "-"]'}


SUMS = """
detectors:
  - {id: sums, type: threshold,
     config: {metric: cost, condition: greater_than, threshold: 1, window: 1m}}
"""


@pytest.fixture
def overflow(farm: Farm) -> Iterator[None]:
    """Two events whose costs PostgreSQL cannot add."""
    for number in ("a", "b"):
        change(
            "INSERT INTO telemetry (ts, application_id, event_id, event_type, status, cost,"
            f" received_at) VALUES (now(), 'huge', '{number}', 'metric', 'success', 1e308, now())"
        )
    yield
    change("DELETE FROM telemetry WHERE application_id = 'huge'")
    change("DELETE FROM detector_ticks WHERE detector_id = 'sums'")


def test_a_sum_that_overflows_is_an_error_of_its_detector_alone(overflow: None) -> None:
    spec, now = parse_detectors(SUMS)[0], datetime.now(UTC)
    assert detection._claimed([spec], now) == [spec]
    assert detection.evaluate_all([spec], now, now) is False
    ticks = query("SELECT error FROM detector_ticks WHERE detector_id = 'sums'")
    assert [row["error"] for row in ticks] == ["default: DataError"]
