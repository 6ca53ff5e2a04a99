"""The calls of a report: added up from rollups, but for timeouts, which single events tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

from core.configfile import parse_duration
from core.settings import settings
from reports.figures import Bucket, Line, Usage
from reports.period import Period
from workers.reporting_queries import SUMS, Source
from workers.rollups import Total

Key = tuple[str, str, str]
"""What was added up (total, application, model or pair), and the names."""
TOTAL: Key = ("total", "", "")


@dataclass(frozen=True, slots=True)
class Traffic:
    """Calls added up: in all, by application, by model, by both; and by bucket."""

    sums: Mapping[Key, Usage]
    series: Sequence[Bucket] = ()

    def old(self, key: Key) -> Usage:
        """The sums of a key; nothing where there were no calls."""
        return self.sums.get(key, Usage())


def oldest(retention: str, now: datetime) -> datetime:
    """The beginning of the oldest day that a retention such as `7d` has left alone."""
    day = now.astimezone(UTC).date() - timedelta(seconds=parse_duration(retention))
    return datetime.combine(day, time(), UTC)


def oldest_events(now: datetime) -> datetime:
    """Since when single events are kept."""
    return oldest(settings().retention_raw, now)


def oldest_sums(now: datetime) -> datetime:
    """Since when rollups, and alerts that are over, are kept."""
    return oldest(settings().retention_aggregated, now)


def traffic(
    source: Source, period: Period, edges: Sequence[datetime], now: datetime, *, part: bool = True
) -> Traffic:
    """The calls of a period, and by bucket.

    Where not all its events are left, `timeouts` count what is, with `part`, and are None else.
    """
    pairs: dict[Key, Total] = defaultdict(Total)
    buckets = [Total() for _ in edges]
    for place, application, model, *rest in source.calls(period, edges):
        sums, sketched = rest[: len(SUMS)], rest[len(SUMS) :]
        pairs["pair", application, model].add(sums, sketched)
        buckets[place - 1].add(sums, sketched)
    usage = {key: _usage(total) for key, total in _wholes(pairs).items()}
    series = [_bucket(*one) for one in zip(edges, buckets, strict=True)]
    since = oldest_events(now)
    if since >= period.end or (since > period.start and not part):
        return Traffic({key: replace(one, timeouts=None) for key, one in usage.items()}, series)
    counts = _timeouts(source.timeouts(period, max(since, period.start)))
    timed = {key: replace(one, timeouts=counts.get(key, 0)) for key, one in usage.items()}
    return Traffic(timed, series)


def _wholes(pairs: Mapping[Key, Total]) -> dict[Key, Total]:
    """The pairs, and what they add up to."""
    found: dict[Key, Total] = defaultdict(Total, pairs)
    for (_, application, model), total in pairs.items():
        for key in _above(application, model):
            found[key].merge(total)
    return found


def _above(application: str, model: str) -> tuple[Key, ...]:
    return (TOTAL, ("application", application, ""), ("model", "", model))


def _usage(total: Total) -> Usage:
    sums = dict(zip(SUMS, total.sums, strict=True))
    p50, p95, p99 = total.percentiles(0.5, 0.95, 0.99)
    return Usage(
        calls=int(sums["events"]),
        errors=int(sums["errors"]),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        prompt_tokens=int(sums["prompt_tokens"]),
        completion_tokens=int(sums["completion_tokens"]),
        total_tokens=int(sums["total_tokens"]),
        cost=float(sums["cost"]),
    )


def _bucket(start: datetime, total: Total) -> Bucket:
    if not total.sums:
        return Bucket(start)
    one = _usage(total)
    return Bucket(start, one.calls, one.errors, one.p50_ms, one.p95_ms, one.p99_ms, one.cost)


def _timeouts(rows: Iterable[Any]) -> dict[Key, int]:
    found: dict[Key, int] = defaultdict(int)
    for row in rows:
        application, model = row.application_id, row.model or ""
        for key in (("pair", application, model), *_above(application, model)):
            found[key] += row.n
    return found


def compared(now: Traffic, before: Traffic | None, kind: str) -> tuple[Line, ...]:
    """The lines of one kind, those that cost most first, then those with most calls."""
    lines = [line(now, before, key) for key in now.sums if key[0] == kind]
    order = sorted(lines, key=lambda one: (one.application, one.model))
    return tuple(sorted(order, key=lambda one: (one.now.cost, one.now.calls), reverse=True))


def line(now: Traffic, before: Traffic | None, key: Key = TOTAL) -> Line:
    """One key, now and before; None where nothing is known of the period before."""
    return Line(key[1], key[2], now.old(key), None if before is None else before.old(key))
