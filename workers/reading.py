"""What the API and the CLI read of jobs: rows as plain dictionaries, always within one tenant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from core.database import query, single
from core.errors import NotFound

OPEN_STATES = ("queued", "running")


def job(job_id: UUID, tenant: str) -> Mapping[str, Any]:
    """One job. Raises NotFound."""
    rows = single(
        "SELECT * FROM analyses WHERE id = :id AND tenant = :tenant", id=job_id, tenant=tenant
    )
    if not rows:
        raise NotFound(f"there is no analysis {job_id}; list GET /api/v1/analyses")
    return dict(rows[0]._asdict())


def judged(job_id: UUID) -> Mapping[str, Any]:
    """A job's state and its first item's verdict, null while there is none."""
    rows = single(
        "SELECT a.state, a.error, a.created_at, a.finished_at, i.risk_score, i.verdict, i.action,"
        " i.degraded, i.judgement FROM analyses a"
        " LEFT JOIN items i ON i.analysis_id = a.id AND i.item_index = 0 WHERE a.id = :id",
        id=job_id,
    )
    return dict(rows[0]._asdict())


def ended(job_id: UUID) -> bool:
    """True once the job is in a terminal state or gone."""
    return not single(
        "SELECT 1 FROM analyses WHERE id = :id AND state IN ('queued', 'running')", id=job_id
    )


def jobs(
    tenant: str,
    *,
    state: str | None = None,
    application: str | None = None,
    verdict: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> Sequence[Mapping[str, Any]]:
    """Jobs, newest first, older than the job `before`."""
    return query(
        "SELECT * FROM analyses WHERE tenant = :tenant"
        " AND (CAST(:state AS text) IS NULL OR state = :state)"
        " AND (CAST(:application AS text) IS NULL OR application_id = :application)"
        " AND (CAST(:verdict AS text) IS NULL OR verdict = :verdict)"
        " AND (CAST(:since AS timestamptz) IS NULL OR created_at >= :since)"
        " AND (CAST(:until AS timestamptz) IS NULL OR created_at < :until)"
        " AND (CAST(:before AS uuid) IS NULL OR id < :before)"
        " ORDER BY id DESC LIMIT :limit",
        tenant=tenant,
        state=state,
        application=application,
        verdict=verdict,
        since=since,
        until=until,
        before=before,
        limit=limit,
    )


def items(job_id: UUID, *, after: int = -1, limit: int = 100) -> Sequence[Mapping[str, Any]]:
    """Judged items of a job in order, with each engine's outcome under `engines`."""
    return query(
        "SELECT i.*, coalesce((SELECT jsonb_agg(e) FROM results r,"
        "   jsonb_array_elements(r.engines) AS e WHERE r.analysis_id = i.analysis_id"
        "   AND r.item_index = i.item_index), '[]') AS engines"
        " FROM items i WHERE i.analysis_id = :id AND i.item_index > :after"
        " ORDER BY i.item_index LIMIT :limit",
        id=job_id,
        after=after,
        limit=limit,
    )


def every_item(job_id: UUID, *, page: int = 500) -> Iterator[Mapping[str, Any]]:
    """All judged items of a job, read page by page."""
    after = -1
    while rows := items(job_id, after=after, limit=page):
        yield from rows
        after = rows[-1]["item_index"]


def engine_summary(job_id: UUID) -> Sequence[Mapping[str, Any]]:
    """Outcomes of each engine over the job's items, with the time it took in milliseconds."""
    return query(
        "SELECT e ->> 'engine' AS engine, e ->> 'version' AS version,"
        " e ->> 'outcome' AS outcome, count(*) AS items,"
        " sum(CAST(e ->> 'duration_ms' AS float)) AS duration_ms, min(e ->> 'reason') AS reason"
        " FROM results r, jsonb_array_elements(r.engines) AS e"
        " WHERE r.analysis_id = :id GROUP BY 1, 2, 3 ORDER BY 1, 3",
        id=job_id,
    )
