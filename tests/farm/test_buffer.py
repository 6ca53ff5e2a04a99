"""What waits between acceptance and PostgreSQL: bounded, and in nobody's memory alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from core import valkey
from core.errors import BufferFull
from core.telemetry import Event, Reject
from tests.conftest import Farm, eventually
from tests.farm.test_telemetry import EVENTS, event, stored
from workers import event_lines, ingestion, pending

pytestmark = pytest.mark.farm


def lines(*names: str) -> bytes:
    now = datetime.now(UTC)
    made = [Event(name, now, "metric", "buffer", "success") for name in names]
    return event_lines.joined(
        event_lines.of_event(each, "default", now.isoformat()) for each in made
    )


@pytest.fixture
def buffer(stores: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty buffer of its own that takes 10 events, which no worker sees."""
    for name in ("BATCHES", "READY", "TAKEN", "EVENTS", "AWAKE"):
        monkeypatch.setattr(pending, name, f"test:{name}")
    bound = pending.settings().model_copy(update={"event_buffer_size": 10})
    monkeypatch.setattr(pending, "settings", lambda: bound)
    yield
    valkey.client().delete(*(f"test:{n}" for n in ("BATCHES", "READY", "TAKEN", "EVENTS", "AWAKE")))


def test_past_the_bound_nothing_is_kept(buffer: None) -> None:
    pending.keep({pending.new_key(8): lines(*"abcdefgh")}, 8)
    with pytest.raises(BufferFull):
        pending.keep({pending.new_key(3): lines(*"ijk")}, 3)
    pending.keep({pending.new_key(2): lines(*"ij")}, 2)
    assert pending.waiting() == 10


def test_an_empty_buffer_takes_a_post_of_any_size(buffer: None) -> None:
    pending.keep({pending.new_key(12): lines(*"abcdefghijkl")}, 12)
    assert pending.waiting() == 12


def test_a_bell_is_needed_for_the_first_batch_alone(buffer: None) -> None:
    rung = [pending.keep({pending.new_key(1): lines("a")}, 1) for _ in range(3)]
    assert rung == [True, False, False]


def test_no_bell_while_a_worker_looks_and_one_after_its_last_look(buffer: None) -> None:
    pending.take(5)
    assert not pending.keep({pending.new_key(1): lines("a")}, 1)
    pending.take(5, last=True)
    assert pending.keep({pending.new_key(1): lines("b")}, 1)


def test_what_is_stored_makes_room_once(buffer: None) -> None:
    pending.keep({pending.new_key(2): lines("a", "b")}, 2)
    (batch,), left = pending.take(5)
    assert (len(batch.lines), left, pending.waiting()) == (2, 0, 2)
    pending.forget([batch.key])
    pending.forget([batch.key])
    assert pending.waiting() == 0


def test_what_is_given_back_is_taken_again_in_its_order(buffer: None) -> None:
    for name in "abc":
        pending.keep({pending.new_key(1): lines(name)}, 1)
    taken, _ = pending.take(2)
    pending.give_back([batch.key for batch in taken])
    again, _ = pending.take(3)
    assert [batch.key for batch in again[:2]] == [batch.key for batch in taken]


def test_what_a_dead_worker_had_taken_is_ready_again(
    buffer: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending.keep({pending.new_key(1): lines("a")}, 1)
    (taken,), _ = pending.take(1)
    assert pending.recover() == (0, False)
    monkeypatch.setattr(pending, "LEASE_SECONDS", -1.0)
    assert pending.recover()[0] == 1
    assert pending.take(1)[0] == [taken]


def test_events_of_an_outage_wait_are_counted_and_are_stored_after_it(
    farm: Farm, stores: Any
) -> None:
    stores.postgres.kill()
    for number in range(20):
        one = event("waited", number)
        assert farm.client.post(EVENTS, json=[one, one]).status_code == 202
    assert pending.waiting() >= 20
    stores.postgres.start()
    assert len(stored(farm, "waited", 20)) == 20
    eventually(lambda: pending.waiting() == 0)


def test_a_batch_that_the_version_before_kept_is_stored(farm: Farm) -> None:
    now = datetime.now(UTC)
    row = [now.isoformat(), "default", "older", "one", "metric", None, "success"]
    row += [None] * 9 + [now.isoformat(), None, None]
    client = valkey.client()
    client.hset(pending.OLDER_BATCHES, "a-copy", json.dumps([row]))
    client.zadd(pending.OLDER_SINCE, {"a-copy": 0})
    assert len(stored(farm, "older", 1)) == 1
    eventually(lambda: client.zcard(pending.OLDER_SINCE) == 0)


def test_a_message_of_the_version_before_is_stored(farm: Farm) -> None:
    now = datetime.now(UTC)
    row = [now.isoformat(), "default", "message", "one", "metric", None, "success"]
    row += [None] * 9 + [now.isoformat(), None, None]
    ingestion.store_events.apply_async(([row], "no-copy"), queue="io")
    assert len(stored(farm, "message", 1)) == 1


def test_rejects_are_kept_with_their_reason_and_paged(farm: Farm) -> None:
    bad = [
        Reject(n, "must be a number", "latency_ms", "x\0y\ud800" * 3000, "kafka") for n in range(3)
    ]
    ingestion.reject(bad)
    params = {"source": "kafka", "limit": "2"}

    def there() -> Any:
        page = farm.client.get("/api/v1/telemetry/rejects", params=params).json()
        return page if len(page["items"]) == 2 else None

    page = eventually(there)
    rest = farm.client.get(
        "/api/v1/telemetry/rejects", params={**params, "cursor": page["next_cursor"]}
    ).json()
    found = [*page["items"], *rest["items"]]
    assert {one["index"] for one in found} == {0, 1, 2}
    assert {(one["error"], one["field"], len(one["body"])) for one in found} == {
        ("must be a number", "latency_ms", 4000)
    }
