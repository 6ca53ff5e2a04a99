"""What the API reads of telemetry: events, aggregates by application, model and time, rejects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from core.database import UnitOfWork, query, unit_of_work
from workers import rollups

_FILTER = (
    " WHERE t.tenant = :tenant AND t.ts >= :since AND t.ts < :until"
    " AND (CAST(:application AS text) IS NULL OR t.application_id = :application)"
    " AND (CAST(:model AS text) IS NULL OR t.model = :model)"
)


def events(
    tenant: str,
    *,
    since: datetime,
    until: datetime,
    application: str | None,
    model: str | None,
    status: str | None,
    before: tuple[datetime, str, str] | None,
    limit: int,
) -> Sequence[Mapping[str, Any]]:
    """Events, newest first; `before` is time, application and id of the last row seen."""
    place = before or (None, None, None)
    return query(
        "SELECT t.* FROM telemetry t"
        + _FILTER
        + " AND (CAST(:status AS text) IS NULL OR t.status = :status)"
        " AND (CAST(:before_ts AS timestamptz) IS NULL OR (t.ts, t.application_id, t.event_id)"
        "  < (:before_ts, :before_application, :before_id))"
        " ORDER BY t.ts DESC, t.application_id DESC, t.event_id DESC LIMIT :limit",
        tenant=tenant,
        since=since,
        until=until,
        application=application,
        model=model,
        status=status,
        before_ts=place[0],
        before_application=place[1],
        before_id=place[2],
        limit=limit,
    )


def stats(
    tenant: str,
    *,
    since: datetime,
    until: datetime,
    application: str | None,
    model: str | None,
    environment: str | None = None,
    bucket_s: float,
    limit: int,
) -> list[dict[str, Any]]:
    """Aggregates per time bucket, application and model, from rollups; newest bucket first.

    `since` and `until` are whole minutes. Latencies are milliseconds, within 2 % of the true
    percentile, costs US dollars.
    """
    hours = bucket_s % rollups.HOUR == 0
    first, last = rollups.bounds(since, until)
    asked: dict[str, Any] = {
        "tenant": tenant,
        "since": since,
        "until": until,
        "application": application,
        "model": model,
        "environment": environment,
        "bucket": bucket_s,
    }
    if hours and first < last:
        asked |= {"first": first, "last": last}
    rows = rollups.source(since, until, hours=hours)
    with unit_of_work() as work:
        if not hours:
            asked["since"] = _enough(work, rows, asked, limit)
        found = work.execute(
            f"SELECT {', '.join((_BUCKET, *_NAMES, *_SUMS, *rollups.SKETCH))} FROM {rows} AS r"
            + _ROLLED_UP,
            **asked,
        ).all()
    totals: dict[tuple[Any, ...], rollups.Total] = {}
    for row in found:
        key, sums, sketched = row[:_KEY], row[_KEY:_REST], row[_REST:]
        totals.setdefault(tuple(key), rollups.Total()).add(sums, sketched)
    ordered = sorted(totals, key=lambda key: (-key[0].timestamp(), *key[1:]))
    return [_stat(key, totals[key]) for key in ordered[:limit]]


def _enough(work: UnitOfWork, rows: str, asked: dict[str, Any], limit: int) -> datetime:
    """The start of the oldest bucket that the answer has room for.

    It is looked for from the newest row back, each time twice as far, since a long time asked for
    holds many more rows than an answer.
    """
    since: datetime = asked["since"]
    newest = work.execute(
        f"SELECT r.ts FROM {rows} AS r{_ROLLED_UP} ORDER BY r.ts DESC LIMIT 1", **asked
    ).scalar()
    if newest is None:
        return since
    newest = rollups.floor(newest, asked["bucket"])
    back = _FIRST_LOOK * timedelta(seconds=asked["bucket"])
    while True:
        start = since if back >= newest - since else newest - back
        row = work.execute(
            "SELECT count(*) AS found, min(bucket) AS oldest FROM"
            f" (SELECT {_BUCKET} AS bucket FROM {rows} AS r{_ROLLED_UP}"
            " GROUP BY 1, r.application_id, r.model ORDER BY 1 DESC LIMIT :limit) AS newest",
            **{**asked, "since": start},
            limit=limit,
        ).one()
        if row.found == limit or start == since:
            return max(cast(datetime, row.oldest or since), since)
        back *= 2


def _stat(key: tuple[Any, ...], total: rollups.Total) -> dict[str, Any]:
    bucket, application, model = key
    p50, p95, p99 = total.percentiles(0.5, 0.95, 0.99)
    return {
        "bucket": bucket,
        "application_id": application,
        "model": model or None,
        "p50": p50,
        "p95": p95,
        "p99": p99,
        "count": int(total.sums[0]),
        **dict(zip(_SUMS[1:], total.sums[1:], strict=True)),
    }


def rejects(
    tenant: str, *, source: str | None, before: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """Events that were refused, newest first; `before` is the id of the last row seen."""
    return query(
        "SELECT id, ts, source, place, field, reason, body FROM telemetry_rejects"
        " WHERE tenant = :tenant AND (CAST(:before AS uuid) IS NULL OR id < :before)"
        " AND (CAST(:source AS text) IS NULL OR source = :source)"
        " ORDER BY id DESC LIMIT :limit",
        tenant=tenant,
        before=before,
        source=source,
        limit=limit,
    )


_FIRST_LOOK = 32
"""Buckets."""
_BUCKET = "date_bin(make_interval(secs => :bucket), r.ts, 'epoch')"
_ROLLED_UP = (
    " WHERE r.tenant = :tenant"
    " AND (CAST(:application AS text) IS NULL OR r.application_id = :application)"
    " AND (CAST(:model AS text) IS NULL OR r.model = :model)"
    " AND (CAST(:environment AS text) IS NULL OR r.environment = :environment)"
)
_NAMES = ("application_id", "model")
_KEY = 1 + len(_NAMES)
_SUMS = ("events", "errors", "prompt_tokens", "completion_tokens", "total_tokens", "cost")
_REST = _KEY + len(_SUMS)
