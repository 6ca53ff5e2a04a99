"""Rollups are what the events add up to, whatever comes twice, late or from an older version."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.database import query, unit_of_work
from core.sketch import RELATIVE_ERROR
from core.telemetry import Event
from workers import event_lines, storing, telemetry
from workers.rollups import HOUR, floor, windows

pytestmark = pytest.mark.farm

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)

EVENTS = st.builds(
    Event,
    event_id=st.integers(0, 12).map(str),
    timestamp=st.integers(0, 9000).map(lambda s: NOON + timedelta(seconds=s)),
    event_type=st.just("llm.response"),
    application_id=st.sampled_from(("a", "b\tc\\d")),
    status=st.sampled_from(("success", "error", "timeout")),
    model=st.sampled_from((None, "m")),
    latency_ms=st.none() | st.floats(0, 1e6),
    prompt_tokens=st.none() | st.integers(0, 9000),
    completion_tokens=st.none() | st.integers(0, 9000),
    total_tokens=st.none() | st.integers(0, 9000),
    cost=st.none() | st.floats(0, 10),
    environment=st.sampled_from((None, "prod")),
    **dict.fromkeys(("user_id", "session_id", "tags", "prompt", "response"), st.none()),
)
BATCHES = st.lists(st.tuples(st.lists(EVENTS, max_size=12), st.booleans()), min_size=1, max_size=5)
"""Batches, and whether a process of the version before stores them."""


def new_tenant() -> str:
    name = uuid4().hex
    with unit_of_work() as work:
        work.execute("INSERT INTO tenants (id, name) VALUES (:id, 'a test')", id=name)
    return name


def keep(events: Sequence[Event], tenant: str) -> int:
    now = datetime.now(UTC).isoformat()
    return storing.store([event_lines.of_event(event, tenant, now) for event in events])


def keep_as_before(events: Sequence[Event], tenant: str) -> None:
    """As the version before does it, which knows neither keys nor rollups."""
    with unit_of_work() as work:
        for event in events:
            work.execute(
                "INSERT INTO telemetry (ts, tenant, application_id, event_id, event_type, model,"
                " status, latency_ms, prompt_tokens, completion_tokens, total_tokens, cost,"
                " environment, received_at) VALUES (:ts, :tenant, :application, :id, 'metric',"
                " :model, :status, :latency, :prompt, :completion, :total, :cost, :environment,"
                " now()) ON CONFLICT DO NOTHING",
                ts=event.timestamp,
                tenant=tenant,
                application=event.application_id,
                id=event.event_id,
                model=event.model,
                status=event.status,
                latency=event.latency_ms,
                prompt=event.prompt_tokens,
                completion=event.completion_tokens,
                total=event.total_tokens,
                cost=event.cost,
                environment=event.environment,
            )


SUMS = (
    "count(*) AS events, count(*) FILTER (WHERE status <> 'success') AS errors,"
    " count(latency_ms) AS latencies, coalesce(sum(latency_ms), 0) AS latency_ms,"
    " min(latency_ms) AS latency_min, max(latency_ms) AS latency_max,"
    " count(prompt_tokens) AS with_prompt_tokens,"
    " coalesce(sum(prompt_tokens), 0)::float AS prompt_tokens,"
    " count(completion_tokens) AS with_completion_tokens,"
    " coalesce(sum(completion_tokens), 0)::float AS completion_tokens,"
    " count(total_tokens) AS with_total_tokens,"
    " coalesce(sum(total_tokens), 0)::float AS total_tokens,"
    " count(cost) AS with_cost, coalesce(sum(cost), 0) AS cost"
)
KEY = "application_id, model, environment"


def added_up(tenant: str, level: str) -> list[dict[str, Any]]:
    """The rollups that the stored events make."""
    return query(
        f"SELECT date_trunc('{level}', ts, 'UTC') AS ts, application_id,"
        f" coalesce(model, '') AS model, coalesce(environment, '') AS environment, {SUMS}"
        " FROM telemetry WHERE tenant = :tenant GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
        tenant=tenant,
    )


def rolled_up(tenant: str, level: str) -> list[dict[str, Any]]:
    rows = query(
        f"SELECT * FROM telemetry_{level}s WHERE tenant = :tenant ORDER BY ts, {KEY}",
        tenant=tenant,
    )
    assert all(sum(row["latency_counts"]) == row["latencies"] for row in rows)
    skipped = ("tenant", "latency_low", "latency_counts", "updated_at")
    return [{name: row[name] for name in row if name not in skipped} for row in rows]


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(batches=BATCHES)
def test_rollups_are_what_the_stored_events_add_up_to(
    stores: Any, batches: list[tuple[list[Event], bool]]
) -> None:
    tenant = new_tenant()
    for events, before in batches:
        (keep_as_before if before else keep)(events, tenant)
    sent = {(event.application_id, event.event_id) for events, _ in batches for event in events}
    for level in ("minute", "hour"):
        made, stored = rolled_up(tenant, level), added_up(tenant, level)
        assert sum(row["events"] for row in made) == len(sent)
        assert [row.pop("ts") for row in made] == [row.pop("ts") for row in stored]
        assert made == [pytest.approx(row) for row in stored]


def one(number: int = 0, **more: Any) -> Event:
    return Event(
        event_id=f"event-{number}",
        timestamp=NOON + timedelta(seconds=number),
        event_type="llm.response",
        application_id="app",
        status="success",
        **more,
    )


def events_of(tenant: str) -> int:
    return int(query("SELECT count(*) AS n FROM telemetry WHERE tenant = :t", t=tenant)[0]["n"])


@pytest.mark.parametrize("later", [timedelta(0), timedelta(minutes=3), timedelta(days=-3)])
def test_an_event_that_comes_again_at_another_time_counts_once(
    stores: Any, later: timedelta
) -> None:
    tenant, event = new_tenant(), one()
    again = event._replace(timestamp=event.timestamp + later)
    assert (keep([event], tenant), keep([again], tenant), events_of(tenant)) == (1, 0, 1)


def test_an_event_that_was_first_seen_days_ago_counts_once(stores: Any) -> None:
    tenant = new_tenant()
    key = event_lines.key(tenant, "app", "event-0")
    with unit_of_work() as work:
        work.execute(
            "INSERT INTO telemetry_ids (id, ts) VALUES"
            " (CAST(:key AS uuid), date_trunc('day', now(), 'UTC') - interval '3 days')",
            key=key,
        )
    assert keep([one(), one(1)], tenant) == 1


def test_the_key_of_an_event_is_the_same_in_python_and_sql(stores: Any) -> None:
    names = ("tenant", "an äpp\t\\", "\u20ac\n7")
    rows = query(
        "SELECT CAST(sentinel_event_key(:a, :b, :c) AS text) AS key",
        **dict(zip("abc", names, strict=True)),
    )
    assert rows[0]["key"].replace("-", "") == event_lines.key(*names)


def test_a_bad_line_becomes_a_reject_and_costs_no_neighbour(stores: Any) -> None:
    tenant, now = new_tenant(), datetime.now(UTC).isoformat()
    lines = [event_lines.of_event(one(n), tenant, now) for n in range(9)]
    lines[4] = (
        lines[4].replace("\tsuccess\t", "\tsuccess\tno number").replace("number\\N", "number")
    )
    assert (storing.store_or_reject(lines), events_of(tenant)) == (8, 8)
    found = telemetry.rejects(tenant, source=None, before=None, limit=10)
    assert [(row["source"], "could not be stored" in row["reason"]) for row in found] == [
        ("store", True)
    ]


def test_percentiles_are_within_the_stated_error(stores: Any) -> None:
    tenant = new_tenant()
    latencies = [(n * 7919 % 1000) ** 1.7 + 3 for n in range(600)]
    keep([one(n, latency_ms=value) for n, value in enumerate(latencies)], tenant)
    wanted = query(
        "SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY latency_ms) AS p"
        " FROM telemetry WHERE tenant = :tenant",
        tenant=tenant,
    )[0]["p"]
    (row,) = stats(tenant, HOUR)
    found = [row["p50"], row["p95"], row["p99"]]
    assert found == [pytest.approx(value, rel=RELATIVE_ERROR) for value in wanted]


def stats(tenant: str, bucket: float, **more: Any) -> list[dict[str, Any]]:
    asked: dict[str, Any] = {"application": None, "model": None, "limit": 1000, **more}
    span = {"since": NOON - timedelta(minutes=90), "until": NOON + timedelta(minutes=90)}
    return telemetry.stats(tenant, bucket_s=bucket, **span, **asked)


@pytest.mark.parametrize("bucket", [60, 300, HOUR, 24 * HOUR])
def test_stats_of_any_bucket_count_every_event_once(stores: Any, bucket: float) -> None:
    tenant = new_tenant()
    keep([one(60 * n) for n in range(-100, 100)], tenant)
    assert sum(row["count"] for row in stats(tenant, bucket)) == 180


def test_stats_name_the_newest_buckets_where_there_are_too_many(stores: Any) -> None:
    tenant = new_tenant()
    keep([one(60 * n) for n in range(50)], tenant)
    found = stats(tenant, 60, limit=3)
    assert [row["bucket"] for row in found] == [NOON + timedelta(minutes=n) for n in (49, 48, 47)]


@pytest.mark.parametrize("limit", [1, 7, 31, 32, 33, 64, 100])
@pytest.mark.parametrize("apart", [1, 3, 11], ids="every {}".format)
def test_stats_find_the_newest_however_far_back_they_lie(
    stores: Any, apart: int, limit: int
) -> None:
    """Buckets of one minute with gaps; the last of the newest 100 may lie 1,089 minutes back."""
    tenant, until = new_tenant(), NOON + timedelta(minutes=100)
    keep([one(-60 * apart * n) for n in range(110)], tenant)
    found = telemetry.stats(
        tenant,
        since=until - timedelta(minutes=1300),
        until=until,
        application=None,
        model=None,
        bucket_s=60,
        limit=limit,
    )
    wanted = [NOON - timedelta(minutes=apart * n) for n in range(limit)]
    assert [row["bucket"] for row in found] == wanted


def test_stats_since_the_beginning_of_time(stores: Any) -> None:
    tenant = new_tenant()
    keep([one(1), one(2)], tenant)
    span = {"since": datetime.min.replace(tzinfo=UTC), "until": NOON + timedelta(days=1)}
    more: Any = {"application": None, "model": None, "bucket_s": 300, "limit": 5}
    assert [row["count"] for row in telemetry.stats(tenant, **span, **more)] == [2]


def test_stats_at_the_end_of_time_are_empty(stores: Any) -> None:
    end = datetime.max.replace(tzinfo=UTC, second=0, microsecond=0)
    span = {"since": end - timedelta(minutes=5), "until": end, "bucket_s": HOUR, "limit": 5}
    assert telemetry.stats(new_tenant(), application=None, model=None, **span) == []


def test_stats_of_one_environment(stores: Any) -> None:
    tenant = new_tenant()
    keep([one(1, environment="prod"), one(2, environment="test"), one(3)], tenant)
    assert [row["count"] for row in stats(tenant, HOUR, environment="prod")] == [1]


ASKED = [
    ("latency_ms", "mean"),
    ("latency_ms", "p95"),
    ("latency_ms", "max"),
    ("latency_ms", "min"),
    ("cost", "sum"),
    ("total_tokens", "mean"),
    ("error_rate", "ratio"),
    ("request_rate", "rate"),
]


@pytest.mark.parametrize(("metric", "statistic"), ASKED)
@pytest.mark.parametrize("window", [300, HOUR])
def test_windows_from_rollups_say_what_the_events_say(
    stores: Any, metric: str, statistic: str, window: int
) -> None:
    tenant = new_tenant()
    keep(
        [
            one(n * 11, model=f"m{n % 2}", latency_ms=float(n * n + 5), cost=n / 8, total_tokens=n)
            for n in range(600)
        ],
        tenant,
    )
    since, until = floor(NOON, HOUR), NOON + timedelta(hours=2)
    with unit_of_work() as work:
        asked = (work, tenant, metric, statistic, window, since, until)
        rolled = windows(*asked, group_by=("model",))
        events = windows(*asked, group_by=("model", "user"))
    assert [(w.labels["model"], w.start, w.count) for w in rolled] == [
        (w.labels["model"], w.start, w.count) for w in events
    ]
    assert [w.value for w in rolled] == [pytest.approx(w.value, rel=RELATIVE_ERROR) for w in events]
