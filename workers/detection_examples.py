"""The worst events of a window: what to look at first."""

from __future__ import annotations

from core.database import UnitOfWork
from detectors.base import Anomaly, DetectorSpec
from detectors.metrics import METRICS
from workers.detection_windows import COLUMNS, VERDICTS

MOST = 5


def examples(work: UnitOfWork, spec: DetectorSpec, tenant: str, anomaly: Anomaly) -> list[str]:
    """Ids of up to five events, the worst first: slowest, dearest, failed; or of the analyses that
    were judged worst, where the metric is of verdicts."""
    verdicts = METRICS[spec.metric].source == "verdicts" or spec.type in ("novelty", "probing")
    known = {"application", "user", "session"} if verdicts else set(COLUMNS)
    named = {name: value for name, value in anomaly.labels.items() if name in known}
    where = "".join(f" AND coalesce({COLUMNS[name]}, '') = :{name}" for name in named)
    if verdicts:
        statement = (
            f"SELECT CAST(r.analysis_id AS text) FROM {VERDICTS} AS r WHERE r.tenant = :tenant"
            f" AND r.risk_score > 0{where} GROUP BY r.analysis_id"
            " ORDER BY max(r.risk_score) DESC, max(r.ts) DESC LIMIT :most"
        )
    else:
        statement = (
            "SELECT event_id FROM telemetry WHERE tenant = :tenant AND ts >= :since"
            f" AND ts < :until{where}{_worst(spec, anomaly)} LIMIT :most"
        )
    rows = work.execute(
        statement,
        tenant=tenant,
        since=anomaly.window_start,
        until=anomaly.window_end,
        most=MOST,
        **named,
    )
    return [str(row[0]) for row in rows]


def _worst(spec: DetectorSpec, anomaly: Anomaly) -> str:
    if spec.metric == "error_rate":
        return " AND status <> 'success' ORDER BY ts DESC"
    if spec.metric == "request_rate":
        return " ORDER BY ts DESC"
    low = anomaly.score < 0 or spec.condition.startswith("less")
    return f" AND {spec.metric} IS NOT NULL ORDER BY {spec.metric} {'ASC' if low else 'DESC'}, ts"
