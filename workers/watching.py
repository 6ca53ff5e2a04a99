"""What the API and the CLI read of detection and alerting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from core.database import query, single
from core.errors import NotFound


def anomalies(
    tenant: str, *, detector: str | None, before: UUID | None, limit: int
) -> Sequence[Mapping[str, Any]]:
    """Anomalies, newest first."""
    return query(
        "SELECT * FROM anomalies WHERE tenant = :tenant"
        " AND (CAST(:detector AS text) IS NULL OR detector_id = :detector)"
        " AND (CAST(:before AS uuid) IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit",
        tenant=tenant,
        detector=detector,
        before=before,
        limit=limit,
    )


def alerts(
    tenant: str, *, status: str | None, before: UUID | None, limit: int
) -> Sequence[Mapping[str, Any]]:
    """Alerts, newest first."""
    return query(
        "SELECT * FROM alerts WHERE tenant = :tenant"
        " AND (CAST(:status AS text) IS NULL OR status = :status)"
        " AND (CAST(:before AS uuid) IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit",
        tenant=tenant,
        status=status,
        before=before,
        limit=limit,
    )


def alert(alert_id: UUID, tenant: str) -> Mapping[str, Any]:
    """One alert. Raises NotFound."""
    rows = single(
        "SELECT * FROM alerts WHERE id = :id AND tenant = :tenant", id=alert_id, tenant=tenant
    )
    if not rows:
        raise NotFound(f"there is no alert {alert_id}; list GET /api/v1/alerts")
    return dict(rows[0]._asdict())


def notifications(alert_id: UUID, tenant: str) -> Sequence[Mapping[str, Any]]:
    """What was sent about an alert, newest first, with every attempt."""
    return query(
        "SELECT n.id, n.receiver, n.status, n.state, n.reason, n.dedup_key, n.created_at,"
        " n.delivered_at, n.next_attempt_at, coalesce((SELECT jsonb_agg(jsonb_build_object("
        "  'attempt', a.attempt, 'at', a.at, 'delivered', a.delivered,"
        "  'status_code', a.status_code, 'detail', a.detail, 'duration_ms', a.duration_ms)"
        "  ORDER BY a.attempt) FROM notification_attempts a WHERE a.notification_id = n.id),"
        "  '[]') AS attempts FROM notifications n"
        " WHERE n.tenant = :tenant AND :id = ANY(n.alert_ids) ORDER BY n.id DESC LIMIT 100",
        tenant=tenant,
        id=alert_id,
    )


def receivers(tenant: str) -> Sequence[Mapping[str, Any]]:
    """Per receiver: notifications by state, attempts that failed, the last word."""
    return query(
        "SELECT n.receiver, count(DISTINCT n.id) FILTER (WHERE n.state = 'delivered')"
        "  AS delivered,"
        " count(DISTINCT n.id) FILTER (WHERE n.state IN ('pending', 'sending')) AS pending,"
        " count(DISTINCT n.id) FILTER (WHERE n.state = 'failed') AS failed,"
        " count(a.id) FILTER (WHERE NOT a.delivered) AS failed_attempts,"
        " (array_agg(a.detail ORDER BY a.at DESC) FILTER (WHERE a.id IS NOT NULL))[1] AS last"
        " FROM notifications n LEFT JOIN notification_attempts a ON a.notification_id = n.id"
        " WHERE n.tenant = :tenant GROUP BY 1 ORDER BY 1",
        tenant=tenant,
    )


def ticks(tenant: str = "default") -> Mapping[str, Mapping[str, Any]]:
    """The last finished evaluation of each detector."""
    rows = single(
        "SELECT DISTINCT ON (detector_id) detector_id, tick, evaluations, anomalies, error"
        " FROM detector_ticks WHERE tenant = :tenant AND finished_at IS NOT NULL"
        " ORDER BY detector_id, tick DESC",
        tenant=tenant,
    )
    return {row.detector_id: dict(row._asdict()) for row in rows}


def progress(tenant: str) -> Mapping[str, Mapping[str, Any]]:
    """How far each detector has judged complete windows, and of how many groups."""
    rows = single(
        "SELECT p.detector_id, p.until, (SELECT count(*) FROM detector_states s WHERE"
        " s.tenant = p.tenant AND s.detector_id = p.detector_id) AS groups"
        " FROM detector_progress p WHERE p.tenant = :tenant",
        tenant=tenant,
    )
    return {row.detector_id: dict(row._asdict()) for row in rows}
