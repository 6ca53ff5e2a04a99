"""What the API reads of telemetry: events, and aggregates by application, model and time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from core.database import query

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
    bucket_s: float,
    limit: int,
) -> Sequence[Mapping[str, Any]]:
    """Aggregates per time bucket, application and model; newest bucket first.

    Latencies are milliseconds, costs US dollars.
    """
    return query(
        "SELECT date_bin(make_interval(secs => :bucket), t.ts, 'epoch') AS bucket,"
        " t.application_id, t.model, count(*) AS count,"
        " count(*) FILTER (WHERE t.status <> 'success') AS errors,"
        " percentile_cont(0.5) WITHIN GROUP (ORDER BY t.latency_ms) AS p50,"
        " percentile_cont(0.95) WITHIN GROUP (ORDER BY t.latency_ms) AS p95,"
        " percentile_cont(0.99) WITHIN GROUP (ORDER BY t.latency_ms) AS p99,"
        " coalesce(sum(t.prompt_tokens), 0) AS prompt_tokens,"
        " coalesce(sum(t.completion_tokens), 0) AS completion_tokens,"
        " coalesce(sum(t.total_tokens), 0) AS total_tokens,"
        " coalesce(sum(t.cost), 0) AS cost"
        " FROM telemetry t" + _FILTER + " GROUP BY 1, 2, 3 ORDER BY 1 DESC, 2, 3 LIMIT :limit",
        tenant=tenant,
        since=since,
        until=until,
        application=application,
        model=model,
        bucket=bucket_s,
        limit=limit,
    )
