"""Detection over PostgreSQL: what is stored between ticks, and what becomes of anomalies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from core.database import query, unit_of_work
from core.telemetry import Event
from detectors.base import DetectorSpec
from detectors.config import parse_detectors
from tests.farm.test_rollups import keep, new_tenant
from workers import detection
from workers.detection_past import past
from workers.detection_rounds import Round
from workers.rollups import floor

pytestmark = pytest.mark.farm

MINUTES = timedelta(minutes=5)
NOW = floor(datetime.now(UTC), 300)
"""End of the newest window that is judged."""


def specs(**config: Any) -> list[DetectorSpec]:
    name = config.pop("id", f"watch-{uuid4().hex[:8]}")
    kind = config.pop("type", "statistical")
    lines = "".join(f"      {key.rstrip('_')}: {value}\n" for key, value in config.items())
    return list(
        parse_detectors(
            f"detectors:\n  - id: {name}\n    type: {kind}\n    config:\n{lines}"
            "    actions: [{alert: it-is-odd, severity: critical}]\n"
        )
    )


def spike(**config: Any) -> list[DetectorSpec]:
    usual = {"metric": "latency_ms", "statistic": "p50", "strategy": "zscore", "threshold": 4}
    return specs(**{**usual, "window": "5m", "group_by": "[application]", **config})


def event(place: int, number: int, **values: Any) -> Event:
    """An event of the window `place` windows before NOW."""
    given = {
        "event_id": f"{place}-{number}",
        "timestamp": NOW - MINUTES * (place + 1) + timedelta(seconds=20 + number),
        "event_type": "llm.response",
        "application_id": "shop",
        "status": "success",
        "model": "m",
        "latency_ms": 900.0 + (place * 7 + number * 13) % 90,
        "prompt_tokens": 10,
        "completion_tokens": 10,
        "total_tokens": 20,
        "cost": 0.01,
        "environment": "prod",
    }
    return Event(**{**given, **values})


def traffic(windows: range, count: int = 6, odd: Sequence[int] = (), **values: Any) -> list[Event]:
    strange = {"latency_ms": 9000.0, **values}
    return [
        event(place, number, **({**strange, "latency_ms": 9000.0 + number} if place in odd else {}))
        for place in windows
        for number in range(count)
    ]


def run(specs: Sequence[DetectorSpec], tenant: str, until: datetime = NOW) -> Round:
    with unit_of_work() as work:
        made = Round(work, tenant, specs, until, until)
        made.run()
    return made


def anomalies(tenant: str) -> list[dict[str, Any]]:
    return query("SELECT * FROM anomalies WHERE tenant = :tenant ORDER BY id", tenant=tenant)


def states(tenant: str) -> dict[str, Any]:
    rows = query("SELECT labels, state FROM detector_states WHERE tenant = :t", t=tenant)
    return {str(row["labels"]): row["state"] for row in rows}


@pytest.fixture
def tenant(own_database: None) -> str:
    return new_tenant()


def test_a_detector_is_warm_from_its_first_tick(tenant: str) -> None:
    keep(traffic(range(0, 40), odd=[0]), tenant)
    run(spike(), tenant)
    (found,) = anomalies(tenant)
    assert (found["labels"], found["value"] > 8900, 850 < found["baseline"] < 1000) == (
        {"application": "shop"},
        True,
        True,
    )


def test_an_anomaly_names_its_worst_events_and_its_size(tenant: str) -> None:
    keep(traffic(range(0, 40), odd=[0]), tenant)
    run(spike(), tenant)
    (found,) = anomalies(tenant)
    assert found["event_ids"] == ["0-5", "0-4", "0-3", "0-2", "0-1"]
    assert (found["severity"], found["peak_score"]) == ("critical", found["score"])


def test_an_anomaly_begins_and_ends_and_so_does_its_alert(tenant: str) -> None:
    keep(traffic(range(0, 40), odd=[1, 2]), tenant)
    entries = spike()
    run(entries, tenant, NOW - 2 * MINUTES)
    run(entries, tenant, NOW - MINUTES)
    assert [one["ended_at"] for one in anomalies(tenant)] == [None]
    run(entries, tenant)
    (found,) = anomalies(tenant)
    assert (found["window_start"], found["window_end"]) == (NOW - 3 * MINUTES, NOW - MINUTES)
    alerts = query("SELECT status FROM alerts WHERE tenant = :t", t=tenant)
    assert (found["ended_at"], [one["status"] for one in alerts]) == (NOW, ["resolved"])


def test_what_flaps_is_told_once(tenant: str) -> None:
    keep(traffic(range(0, 40), odd=[1, 3, 5]), tenant)
    entries = spike()
    for place in range(6, -1, -1):
        run(entries, tenant, NOW - place * MINUTES)
    assert [one["told"] for one in anomalies(tenant)] == [True, False, False]
    assert len(query("SELECT id FROM alerts WHERE tenant = :t", t=tenant)) == 1


def test_two_workers_never_step_one_state_twice(tenant: str) -> None:
    keep(traffic(range(0, 40), odd=[0]), tenant)
    entries = spike()
    with unit_of_work() as work:
        first = Round(work, tenant, entries, NOW, NOW)
        first.run()
        second = run(entries, tenant)
    assert (len(first.tally), len(second.tally)) == (1, 0)
    assert len(anomalies(tenant)) == 1


def test_what_fails_to_be_stored_leaves_the_state_as_it_was(
    tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(traffic(range(0, 40), odd=[0]), tenant)
    entries = spike()
    run(entries, tenant, NOW - MINUTES)
    before = states(tenant)
    monkeypatch.setattr("workers.detection_record.alerting.fire", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(entries, tenant)
    assert (states(tenant), anomalies(tenant)) == (before, [])


def test_a_changed_entry_begins_anew_from_history(tenant: str) -> None:
    keep(traffic(range(0, 40), odd=[0]), tenant)
    run(spike(id="it", threshold=1000), tenant)
    assert anomalies(tenant) == []
    run(spike(id="it", threshold=4), tenant)
    assert [one["ended_at"] for one in anomalies(tenant)] == [None]


def test_an_entry_with_another_alert_goes_on(tenant: str) -> None:
    keep(traffic(range(0, 40)), tenant)
    entries = spike()
    run(entries, tenant)
    renamed = [replace(one, name="another", actions=()) for one in entries]
    assert run(renamed, tenant).tally == {}


def test_an_anomaly_of_a_group_without_data_ends(tenant: str) -> None:
    keep(traffic(range(5, 40), odd=[5]), tenant)
    entries = spike()
    run(entries, tenant, NOW - 5 * MINUTES)
    run(entries, tenant, NOW - 3 * MINUTES)
    assert [one["ended_at"] for one in anomalies(tenant)] == [None]
    run(entries, tenant, NOW - 2 * MINUTES)
    assert [one["ended_at"] is None for one in anomalies(tenant)] == [False]


@pytest.mark.parametrize(
    "config",
    [
        {"strategy": "zscore", "threshold": 3},
        {"strategy": "ewma", "statistic": "mean", "threshold": 3},
        {"strategy": "cusum", "metric": "cost", "statistic": "sum", "threshold": 5},
        {"strategy": "ensemble", "threshold": 0.36},
        {"type": "no_data", "metric": "request_rate"},
        {"type": "budget", "metric": "cost", "statistic": "sum", "threshold": 0.5, "period": "1h"},
        {"type": "drift", "metric": "latency_ms", "min_samples": 5},
    ],
    ids=lambda config: config.get("strategy") or config["type"],
)
@pytest.mark.parametrize("step", [1, 3, 7])
def test_going_tick_by_tick_is_as_one_replay(
    tenant: str, config: dict[str, Any], step: int
) -> None:
    holes = {9, 10, 11, 12, 20}
    keep(traffic(range(0, 40), odd=[2, 5, 30]), tenant)
    keep(
        [event(p, n, application_id="two") for p in range(40) if p not in holes for n in range(6)],
        tenant,
    )
    entry = {"metric": "latency_ms", "window": "5m", "group_by": "[application]", **config}
    once, many = specs(id="it", **entry), specs(id="it", **entry)
    for place in range(38, 0, -step):
        run(many, tenant, NOW - place * MINUTES)
    run(many, tenant)
    stepped = states(tenant)
    with unit_of_work() as work:
        work.execute("UPDATE detector_progress SET until = NULL WHERE tenant = :t", t=tenant)
    run(once, tenant)
    assert stepped == states(tenant) != {}


def test_the_anomalies_of_ticks_are_those_of_a_replay(tenant: str) -> None:
    keep(traffic(range(0, 60), odd=[3, 4, 8, 45]), tenant)
    (entry,) = spike()
    for place in range(59, -1, -1):
        run([entry], tenant, NOW - place * MINUTES)
    expected = past(entry, tenant, NOW - 60 * MINUTES, NOW).spells()
    assert len(expected) == 3
    assert [
        (one["window_start"], one["window_end"], one["peak_score"], one["told"], one["severity"])
        for one in anomalies(tenant)
    ] == [(one.since, one.until, one.peak, one.told, one.grade) for one in expected]


def test_a_tick_is_noted_and_nobody_does_it_again(
    tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [
        *spike(),
        *specs(type="threshold", metric="cost", condition="less_than", threshold=1, window="7s"),
    ]
    monkeypatch.setattr(detection, "specs", lambda: tuple(entries))
    slow = detection.settings().model_copy(update={"detector_interval": 3600.0})
    monkeypatch.setattr(detection, "settings", lambda: slow)
    detection.tick()
    noted = [tuple(row.values()) for row in query(TICKS, ids=[one.id for one in entries])]
    assert noted == [(1, True), (1, True)]
    monkeypatch.setattr(detection, "evaluate_all", lambda *_: pytest.fail("again"))
    detection.tick()


TICKS = (
    "SELECT count(*), bool_and(finished_at IS NOT NULL AND error IS NULL) FROM detector_ticks"
    " WHERE detector_id = ANY(CAST(:ids AS text[])) GROUP BY detector_id"
)


def test_a_bound_is_judged_on_the_window_that_ends_now(tenant: str) -> None:
    keep(
        [event(-1, n, latency_ms=7000.0, timestamp=NOW + timedelta(seconds=n)) for n in range(3)],
        tenant,
    )
    entry = {"metric": "latency_ms", "condition": "greater_than", "threshold": 5000}
    bound = specs(type="threshold", window="5m", **entry)
    run(bound, tenant, NOW + timedelta(seconds=3))
    (found,) = anomalies(tenant)
    assert (found["value"], found["ended_at"], found["told"]) == (7000.0, None, True)
    run(bound, tenant, NOW + timedelta(minutes=6))
    assert [one["ended_at"] is None for one in anomalies(tenant)] == [False]
