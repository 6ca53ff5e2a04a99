"""What the API and the CLI read of jobs: rows as plain dictionaries, always within one tenant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from core.database import query, single
from core.errors import DatabaseDown, NotFound
from workers import verdicts

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
    """A job's state and its first item's verdict, null while there is none.

    Raises DatabaseDown when the job is gone: a guard call is durable with its verdict, not before.
    """
    rows = single(
        "SELECT a.state, a.error, a.created_at, a.finished_at, a.cached,"
        " CAST(v.body AS text) AS body FROM analyses a"
        " LEFT JOIN verdicts v ON v.analysis_id = a.id AND v.first_item = 0 WHERE a.id = :id",
        id=job_id,
    )
    if not rows:
        raise DatabaseDown(
            "PostgreSQL lost the analysis in a crash; nothing was checked, try again"
        )
    row = dict(rows[0]._asdict())
    body = row.pop("body")
    first = next(verdicts.items_of(0, verdicts.parse(body))) if body else _NO_VERDICT
    return {**row, **first}


_NO_VERDICT: Mapping[str, Any] = dict.fromkeys(
    ("risk_score", "verdict", "action", "degraded", "judgement")
)


def ended(job_id: UUID) -> bool:
    """True once the job is in a terminal state or gone."""
    return not single(
        "SELECT 1 FROM analyses WHERE id = :id AND state || '' IN ('queued', 'running')", id=job_id
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


def items(job_id: UUID, *, after: int = -1, limit: int = 100) -> list[dict[str, Any]]:
    """Judged items of a job in order, with each engine's outcome under `engines`."""
    found: list[dict[str, Any]] = []
    while len(found) < limit:
        rows = single(
            "SELECT first_item, last_item, CAST(body AS text) AS body FROM verdicts"
            " WHERE analysis_id = :id AND last_item > :after ORDER BY first_item LIMIT 4",
            id=job_id,
            after=after,
        )
        if not rows:
            break
        for row in rows:
            judged = verdicts.items_of(row.first_item, verdicts.parse(row.body))
            found += [item for item in judged if item["item_index"] > after]
        after = rows[-1].last_item
    return found[:limit]


def every_item(job_id: UUID, *, page: int = 1000) -> Iterator[dict[str, Any]]:
    """All judged items of a job, read page by page."""
    after = -1
    while rows := items(job_id, after=after, limit=page):
        yield from rows
        after = rows[-1]["item_index"]


def engine_summary(job_id: UUID) -> Sequence[Mapping[str, Any]]:
    """Outcomes of each engine over the job's items, with the time it took in milliseconds."""
    rows = single(
        "SELECT e.engine, e.version, e.outcome, sum(e.items)::int AS items,"
        " sum(e.duration_ms) AS duration_ms, min(e.reason) AS reason FROM verdicts v,"
        " jsonb_to_recordset(v.engines) AS e (engine text, version text, outcome text, items int,"
        " duration_ms float, reason text)"
        " WHERE v.analysis_id = :id GROUP BY 1, 2, 3 ORDER BY 1, 3",
        id=job_id,
    )
    return [row._asdict() for row in rows]
