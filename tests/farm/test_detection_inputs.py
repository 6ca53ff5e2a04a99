"""What detectors are given beside values: bins, categories, who was blocked, spend, silence."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from core.database import unit_of_work
from core.ids import new_id
from tests.farm.test_detection import MINUTES, NOW, anomalies, event, run, specs, tenant, traffic
from tests.farm.test_rollups import keep
from workers.detection_latest import over_events

pytestmark = pytest.mark.farm

__all__ = ["tenant"]

KIND = {"window": "5m", "group_by": "[application]"}


def verdict(
    tenant: str,
    place: int,
    category: str,
    action: str = "block",
    session: str | None = None,
    user: str | None = None,
    risk: float = 0.9,
) -> None:
    """An analysis judged in the window `place` windows before NOW."""
    at = NOW - MINUTES * (place + 1) + timedelta(seconds=30)
    job = new_id()
    shape = {
        "action": action,
        "risk_score": risk,
        "judgement": {"findings": [{"category": category}]},
    }
    with unit_of_work() as work:
        work.execute(
            "INSERT INTO analyses (id, tenant, application_id, session_id, user_id, kind, state,"
            " mode, item_count, runs_left, created_at, finished_at, deadline_at) VALUES (:id,"
            " :tenant, 'shop', :session, :user, 'single', 'completed', 'fast', 1, 0, :at, :at,"
            " :at)",
            id=job,
            tenant=tenant,
            session=session,
            user=user,
            at=at,
        )
        work.execute(
            "INSERT INTO verdicts (analysis_id, first_item, last_item, tenant, application_id,"
            " risk_score, verdict, action, degraded, examined, risks, actions, engines, body,"
            " created_at) VALUES (:id, 0, 0, :tenant, 'shop', :risk, 'malicious', :action, false,"
            " true, ARRAY[CAST(:risk AS float)], ARRAY[:action], CAST(:engines AS jsonb),"
            " CAST(:body AS json), :at)",
            id=job,
            tenant=tenant,
            action=action,
            risk=risk,
            engines=json.dumps([{"engine": "e", "outcome": "flagged", "items": 1}]),
            body=json.dumps({"shapes": [shape], "items": [[0, 1]]}),
            at=at,
        )


def messages(tenant: str) -> list[str]:
    return [one["message"] for one in anomalies(tenant)]


def test_drift_sees_the_shape_of_single_values(tenant: str) -> None:
    keep(traffic(range(1, 30), count=20), tenant)
    keep([event(0, n, latency_ms=300.0 if n % 2 else 2400.0) for n in range(20)], tenant)
    run(specs(type="drift", metric="latency_ms", min_samples=20, **KIND), tenant)
    assert "stability index" in messages(tenant)[0]


def test_novelty_names_a_category_that_was_never_found(tenant: str) -> None:
    for place in range(1, 20):
        verdict(tenant, place, "prompt_injection")
    for _ in range(4):
        verdict(tenant, 0, "data_exfiltration")
    run(specs(type="novelty", metric="block_rate", min_samples=1, learn=5, **KIND), tenant)
    (found,) = anomalies(tenant)
    assert "not seen before: data_exfiltration" in found["message"]
    assert len(found["event_ids"]) == 4


def test_probing_names_the_session_that_is_refused_again_and_again(tenant: str) -> None:
    for number in range(8):
        verdict(tenant, 0, "jailbreak", session="mallory" if number < 6 else f"other-{number}")
        verdict(tenant, 0, "jailbreak")
    run(specs(type="probing", metric="block_rate", **KIND), tenant)
    assert "user mallory was blocked 6 times" in messages(tenant)[0]


@pytest.mark.parametrize(
    ("label", "whose"),
    [("user", {"user_id": "eve"}), ("key", {"tags": {"key": "eve", "team": "x"}})],
)
def test_a_budget_adds_up_over_ticks_and_foresees_its_end(
    tenant: str, label: str, whose: dict[str, Any]
) -> None:
    keep([event(place, 0, cost=1.0, **whose) for place in range(8)], tenant)
    keep([event(place, 1, cost=0.05, tags=["eve"]) for place in range(8)], tenant)
    entry: dict[str, Any] = {"metric": "cost", "statistic": "sum", "threshold": 10, "window": "5m"}
    budget = specs(type="budget", period="1d", horizon="30m", group_by=f"[{label}]", **entry)
    for place in range(7, -1, -1):
        run(budget, tenant, NOW - place * MINUTES)
    (found,) = anomalies(tenant)
    assert found["labels"] == {label: "eve"}
    assert found["event_ids"] == ["4-0"]
    assert "of 10 used, which will be all by" in found["message"]


def test_a_dry_run_over_events_groups_by_key() -> None:
    entry = {"metric": "cost", "condition": "greater_than", "threshold": 1, "window": "5m"}
    (spec,) = specs(type="threshold", statistic="sum", group_by="[key]", **entry)
    tags: list[Any] = [{"key": "a"}, {"key": "a"}, {"key": "b"}, ["a"], None]
    found = over_events(spec, [event(0, n, cost=0.6, tags=one) for n, one in enumerate(tags)], NOW)
    assert [(one.labels["key"], one.observed) for one in found] == [("", 1.2), ("a", 1.2)]


def test_an_application_that_falls_silent_is_missed_and_its_return_ends_that(tenant: str) -> None:
    keep(traffic(range(3, 20)), tenant)
    keep([event(0, 1)], tenant)
    silent = specs(type="no_data", metric="request_rate", **KIND)
    run(silent, tenant, NOW - 3 * MINUTES)
    assert anomalies(tenant) == []
    run(silent, tenant, NOW - MINUTES)
    assert [one["ended_at"] for one in anomalies(tenant)] == [None]
    run(silent, tenant)
    assert [one["ended_at"] for one in anomalies(tenant)] == [NOW]
