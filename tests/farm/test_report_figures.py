"""What a report says of calls comes from rollups, and is what the events say."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.database import query, unit_of_work
from core.sketch import RELATIVE_ERROR
from core.telemetry import Event
from reports.figures import Bucket, Figures, Usage
from reports.period import Period, between, last_complete
from tests.farm.test_rollups import keep, new_tenant
from workers.reporting_figures import gather
from workers.reporting_queries import Source

pytestmark = pytest.mark.farm

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
START = NOW.replace(hour=0, minute=0, second=0, microsecond=0) - 4 * DAY

_SUMS = (
    "count(*) AS calls, count(*) FILTER (WHERE status <> 'success') AS errors,"
    " count(*) FILTER (WHERE status = 'timeout') AS timeouts,"
    " percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_ms) AS p50_ms,"
    " percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms) AS p95_ms,"
    " percentile_cont(0.99) WITHIN GROUP (ORDER BY latency_ms) AS p99_ms,"
    " coalesce(sum(prompt_tokens), 0)::bigint AS prompt_tokens,"
    " coalesce(sum(completion_tokens), 0)::bigint AS completion_tokens,"
    " coalesce(sum(total_tokens), 0)::bigint AS total_tokens, coalesce(sum(cost), 0) AS cost"
)
_OWN = " FROM telemetry WHERE tenant = :tenant AND ts >= :start AND ts < :end"


def call(number: int, chance: random.Random, at: datetime) -> Event:
    prompt, completion = chance.randrange(900), chance.randrange(300)
    return Event(
        event_id=f"call-{number}",
        timestamp=at,
        event_type="llm.response",
        application_id=chance.choice(("shop", "till", "desk")),
        status=chance.choices(("success", "error", "timeout"), (90, 6, 4))[0],
        model=chance.choice((None, "large", "small")),
        latency_ms=None if chance.random() < 0.1 else chance.lognormvariate(6, 1),
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        cost=chance.choice((None, chance.random())),
        environment=chance.choice((None, "production")),
    )


@pytest.fixture(scope="module")
def busy(stores: Any) -> str:
    """A tenant with 3,000 calls over three days."""
    tenant, chance = new_tenant(), random.Random(5)
    seconds = 3 * DAY.total_seconds()
    keep(
        [
            call(n, chance, START + timedelta(seconds=chance.uniform(0, seconds)))
            for n in range(3000)
        ],
        tenant,
    )
    return tenant


def figures(tenant: str, period: Period, *applications: str) -> Figures:
    return gather(Source(tenant, applications), "T", period, None, NOW, lambda percent, step: None)


def raw(tenant: str, period: Period, *names: str) -> list[dict[str, Any]]:
    """The same sums from the events, grouped by these columns."""
    columns = [f"coalesce({name}, '') AS {name}" for name in names]
    return query(
        f"SELECT {', '.join((*columns, _SUMS))}{_OWN}"
        + (f" GROUP BY {', '.join(names)}" if names else ""),
        tenant=tenant,
        start=period.start,
        end=period.end,
    )


def alike(found: Usage, row: dict[str, Any]) -> bool:
    told = asdict(found)
    near = {
        name: pytest.approx(row[name], rel=RELATIVE_ERROR)
        for name in ("p50_ms", "p95_ms", "p99_ms")
        if row[name] is not None
    }
    return bool(
        told == {**{name: row[name] for name in told}, **near, "cost": pytest.approx(row["cost"])}
    )


def at(days: float) -> datetime:
    return START + days * DAY


PERIODS = [
    between(at(0), at(3)),
    last_complete("day", at(2.3), "Asia/Kolkata"),
    last_complete("day", at(2.3), "Europe/Berlin"),
    last_complete("6h", at(1.51), "UTC"),
    last_complete("47m", at(1.5), "UTC"),
    between(at(0.51), at(2.77), "Asia/Kathmandu"),
    last_complete("1m", at(1.5), "UTC"),
]


@pytest.mark.parametrize("period", PERIODS, ids=str)
def test_every_sum_is_that_of_the_events(busy: str, period: Period) -> None:
    found = figures(busy, period)
    assert alike(found.total.now, raw(busy, period)[0])
    for lines, names in (
        (found.by_application, ("application_id",)),
        (found.by_model, ("model",)),
        (found.lines, ("application_id", "model")),
    ):
        wanted = {
            (row.get("application_id", ""), row.get("model", "")): row
            for row in raw(busy, period, *names)
        }
        assert {(line.application, line.model) for line in lines} == wanted.keys()
        assert all(alike(line.now, wanted[line.application, line.model]) for line in lines)


@pytest.mark.parametrize("period", PERIODS, ids=str)
def test_every_bucket_is_that_of_the_events(busy: str, period: Period) -> None:
    series = figures(busy, period).series
    assert [one.start for one in series] == list(period.edges())
    ends = [*(one.start for one in series[1:]), period.end]
    for bucket, end in zip(series, ends, strict=True):
        assert_bucket(bucket, raw(busy, Period(bucket.start, end, "span"))[0])


def assert_bucket(bucket: Bucket, row: dict[str, Any]) -> None:
    assert (bucket.calls, bucket.errors) == (row["calls"], row["errors"])
    assert bucket.cost == pytest.approx(row["cost"])
    for name in ("p50_ms", "p95_ms", "p99_ms"):
        assert getattr(bucket, name) == (row[name] and pytest.approx(row[name], rel=RELATIVE_ERROR))


def test_the_calls_of_one_application_alone_are_counted(busy: str) -> None:
    period = PERIODS[0]
    wanted = {row["application_id"]: row for row in raw(busy, period, "application_id")}
    assert alike(figures(busy, period, "till").total.now, wanted["till"])


def test_the_period_before_is_compared_when_its_events_are_long_gone(stores: Any) -> None:
    tenant, chance = new_tenant(), random.Random(6)
    week = between(START - 3 * DAY, START + 4 * DAY)
    calls = [call(n, chance, week.before.start + n * timedelta(hours=1)) for n in range(300)]
    keep(calls, tenant)
    with unit_of_work() as work:
        work.execute(
            "DELETE FROM telemetry WHERE tenant = :t AND ts < :kept", t=tenant, kept=week.start
        )
    found = figures(tenant, week)
    assert found.total.before is not None
    assert (found.total.before.calls, found.total.before.timeouts) == (168, None)
    assert found.total.now.calls == 132
    assert not [note for note in found.notes if "compared" in note]


def notes(tenant: str, period: Period) -> Sequence[str]:
    return figures(tenant, period).notes


def test_a_period_that_reaches_behind_the_events_says_what_it_does_not_know(stores: Any) -> None:
    tenant, old = new_tenant(), between(START - 10 * DAY, START)
    keep([call(1, random.Random(1), old.start)], tenant)
    assert notes(tenant, old) == ()
    failed = Event("late", START, "llm.response", "shop", "timeout")
    keep([Event("old", old.start, "llm.response", "shop", "timeout")], tenant)
    (note,) = notes(tenant, old)
    assert "Timeouts are told from other errors" in note
    assert "RETENTION_RAW is 7d" in note
    keep([failed], tenant)
    assert figures(tenant, between(START, START + DAY)).total.now.timeouts == 1
