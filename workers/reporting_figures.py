"""The figures of one report, asked step by step so that its progress can be seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from core.settings import settings
from reports.figures import (
    ACTIONS,
    AlertCount,
    Alerting,
    Bucket,
    Category,
    Count,
    EngineCount,
    Figures,
    Health,
    Lane,
    Oddity,
    Told,
    Verdicts,
)
from reports.period import Period
from workers import presence
from workers.holding import is_held
from workers.reporting_examples import examples
from workers.reporting_queries import Source
from workers.reporting_traffic import (
    TOTAL,
    Traffic,
    compared,
    line,
    oldest_events,
    oldest_sums,
    traffic,
)

WORST = 50
STATES = (
    "completed",
    "completed_with_errors",
    "failed",
    "expired",
    "cancelled",
    "running",
    "queued",
)
Step = Callable[[int, str], None]
"""Told the percent that is done and what comes next."""


def gather(
    source: Source, title: str, period: Period, earlier: Figures | None, now: datetime, step: Step
) -> Figures:
    """Ask for everything. `earlier` is the stored report of the period before, if there is one."""
    known = period.before.start >= oldest_sums(now)
    step(5, "traffic")
    edges = period.edges()
    calls = traffic(source, period, edges, now)
    step(30, f"traffic of the {period.word} before")
    before = _stored(earlier) if earlier else None
    if known:
        before = traffic(source, period.before, [period.before.start], now, part=False)
    step(50, "verdicts")
    verdicts, drawn = _verdicts(source, period, edges, calls.series)
    step(70, "anomalies and alerts")
    alerting = _alerting(source, period, known, earlier)
    step(80, "the farm")
    return Figures(
        title=title,
        period=period,
        applications=source.applications,
        made_at=now,
        total=line(calls, before),
        lines=compared(calls, before, "pair"),
        by_application=compared(calls, before, "application"),
        by_model=compared(calls, before, "model"),
        series=drawn,
        verdicts=verdicts,
        alerting=alerting,
        health=_health(source, period),
        notes=tuple(_notes(period, now, calls, alone=before is None)),
    )


def _notes(period: Period, now: datetime, calls: Traffic, *, alone: bool) -> Iterator[str]:
    """What is missing, and why."""
    chosen = settings()
    sums, events = oldest_sums(now), oldest_events(now)
    if period.start < sums:
        yield (
            f"Calls and alerts before {_clock(period, sums)} have been dropped"
            f" (RETENTION_AGGREGATED is {chosen.retention_aggregated}) and are not counted."
        )
    if alone:
        yield (
            f"Calls and alerts of the {period.word} before are not kept any more and no report of"
            " it is stored, so they are not compared."
        )
    if period.start < events and calls.old(TOTAL).errors:
        yield (
            "Timeouts are told from other errors by single calls, which are kept since"
            f" {_clock(period, events)} (RETENTION_RAW is {chosen.retention_raw}); those before"
            " count as errors alone."
        )


def _clock(period: Period, moment: datetime) -> str:
    return f"{period.local(moment):%Y-%m-%d %H:%M}"


def _stored(earlier: Figures) -> Traffic:
    parts = {
        "application": earlier.by_application,
        "model": earlier.by_model,
        "pair": earlier.lines,
    }
    found = {
        (kind, one.application, one.model): one.now
        for kind, lines in parts.items()
        for one in lines
    }
    return Traffic({TOTAL: earlier.total.now, **found})


def _verdicts(
    source: Source, period: Period, edges: Sequence[datetime], series: Sequence[Bucket]
) -> tuple[Verdicts, tuple[Bucket, ...]]:
    buckets = [dict.fromkeys(ACTIONS, 0) for _ in edges]
    for row in source.actions(period, edges):
        buckets[row.place - 1][row.action] = row.items
    before = dict.fromkeys(ACTIONS, 0)
    for row in source.actions(period.before, [period.before.start]):
        before[row.action] = row.items
    counts = {action: sum(bucket[action] for bucket in buckets) for action in ACTIONS}
    earlier = {row.category: row.found for row in source.categories(period.before)}
    judged = any(counts.values())
    verdicts = Verdicts(
        actions=tuple(Count(action, counts[action], before[action]) for action in ACTIONS),
        degraded=source.degraded(period),
        categories=tuple(
            Category(row.category, row.found, row.blocked, earlier.get(row.category, 0))
            for row in source.categories(period)
        ),
        engines=tuple(_engine(row) for row in source.engines(period)),
        examples=examples(source.examples(period)) if judged else (),
    )
    drawn = [
        replace(one, actions=tuple(bucket.values()))
        for one, bucket in zip(series, buckets, strict=True)
    ]
    return verdicts, tuple(drawn)


def _engine(row: Any) -> EngineCount:
    ran = row.ran or 0
    mean = row.spent_ms / ran if ran else None
    return EngineCount(row.engine, row.flagged or 0, ran, row.failed or 0, mean)


def _alerting(source: Source, period: Period, known: bool, earlier: Figures | None) -> Alerting:
    rows = source.alerts_by_name(period)
    whole = next(row for row in rows if row.any_name)
    fired_before = earlier.alerting.alerts.now if earlier else None
    if known:
        fired_before = source.alerts(period.before)
    return Alerting(
        anomalies=Count("anomalies", source.anomalies(period), source.anomalies(period.before)),
        worst=tuple(_oddity(row) for row in source.worst(period, WORST)),
        alerts=Count("alerts", whole.fired, fired_before),
        by_name=tuple(
            AlertCount(
                name=row.name,
                severity=row.severity,
                fired=row.fired,
                firing=row.firing,
                acknowledged=row.acknowledged,
                to_acknowledge_s=row.to_acknowledge_s,
                to_resolve_s=row.to_resolve_s,
            )
            for row in rows
            if not row.any_name
        ),
        to_acknowledge_s=whole.to_acknowledge_s,
        to_resolve_s=whole.to_resolve_s,
        told=tuple(
            Told(row.receiver, row.delivered, row.failed, row.open) for row in source.told(period)
        ),
    )


def _oddity(row: Any) -> Oddity:
    return Oddity(
        at=row.created_at,
        ended_at=row.ended_at,
        detector=row.detector_id,
        severity=row.severity,
        metric=row.metric,
        labels=", ".join(
            value if name == "application" else f"{name}={value}"
            for name, value in sorted(row.labels.items())
        ),
        value=row.value,
        baseline=row.baseline,
        threshold=row.threshold,
        score=row.score,
        message=row.message,
    )


def _health(source: Source, period: Period) -> Health:
    now = {row.state: row for row in source.jobs(period)}
    before = {row.state: row for row in source.jobs(period.before)}
    named = [state for state in STATES if state in now or state in before]
    return Health(
        jobs=tuple(Count(s, _n(now.get(s)), _n(before.get(s))) for s in named),
        retried=Count(
            "retried",
            sum(row.retried for row in now.values()),
            sum(row.retried for row in before.values()),
        ),
        lanes=tuple(
            Lane(
                queue=row.queue,
                runs=row.runs,
                wait_p50_s=_float(row.p50),
                wait_p95_s=_float(row.p95),
                wait_max_s=_float(row.longest),
                deaths=row.deaths,
                failed=row.failed,
            )
            for row in source.lanes(period)
            if not is_held(row.queue)
        ),
        workers=tuple(Count(name, count) for name, count in sorted(presence.fresh().items())),
    )


def _n(row: Any) -> int:
    return 0 if row is None else int(row.n)


def _float(value: Any) -> float | None:
    return None if value is None else float(value)
