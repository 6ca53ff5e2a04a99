"""What a message shows beside what was decided: links, the mails before it, and the metric's curve.

Nothing here may keep a message back: what cannot be had in time is left out.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from alerts.context import Context, Curve
from core.database import TROUBLE, UnitOfWork, unit_of_work
from core.errors import ConfigError
from core.settings import settings
from detectors.base import DetectorSpec
from detectors.metrics import METRICS
from workers import detection
from workers.detection_windows import COLUMNS, VERDICTS

log = logging.getLogger(__name__)

WINDOWS = 30
"""Windows before and in the anomaly that a curve shows."""
PATIENCE = "1500ms"
"""How long a message waits for one statement about its surroundings."""

_TABLES = {
    "telemetry": "telemetry",
    "verdicts": VERDICTS,
}
_AGGREGATES = {
    "error_rate": "avg(CASE WHEN status <> 'success' THEN 1.0 ELSE 0.0 END)",
    "block_rate": "avg(CASE WHEN action = 'block' THEN 1.0 ELSE 0.0 END)",
}
_FUNCTIONS = {"sum": "sum", "mean": "avg", "min": "min", "max": "max"}
_PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


def context(row: Any, curves: int) -> Context:
    """The surroundings of a claimed row of `notifications`, with at most so many curves."""
    base = settings().external_url.rstrip("/")
    known = Context(external_url=base, scope=row.tenant)
    try:
        with unit_of_work() as work:
            work.execute(f"SET LOCAL statement_timeout = '{PATIENCE}'")
            alerts = _alerts(work, row)
            known = Context(
                external_url=base,
                ids={one.fingerprint: str(one.id) for one in alerts},
                thread=_thread(work, row),
                scope=row.tenant,
            )
        found = _curves(row.tenant, alerts, curves)
    except TROUBLE as problem:
        log.warning("a message goes without its surroundings: %s", type(problem).__name__)
        return known
    return Context(base, known.ids, found, known.thread, row.tenant)


def _alerts(work: UnitOfWork, row: Any) -> list[Any]:
    return list(
        work.execute(
            "SELECT id, fingerprint, anomaly_id FROM alerts WHERE tenant = :tenant"
            " AND id = ANY(CAST(:ids AS uuid[])) ORDER BY status, id",
            tenant=row.tenant,
            ids=[str(one) for one in row.alert_ids],
        )
    )


def _thread(work: UnitOfWork, row: Any) -> tuple[str, ...]:
    """Keys of the first and the latest notification before this one since all was well."""
    earlier = work.execute(
        "SELECT dedup_key FROM notifications WHERE tenant = :tenant AND receiver = :receiver"
        " AND group_key = :key AND id < :id AND id > coalesce((SELECT max(id::text)::uuid"
        "  FROM notifications WHERE tenant = :tenant AND receiver = :receiver"
        "  AND group_key = :key AND id < :id AND status = 'resolved'), :nil) ORDER BY id",
        tenant=row.tenant,
        receiver=row.receiver,
        key=row.group_key,
        id=row.id,
        nil=UUID(int=0),
    ).scalars()
    keys = list(earlier)
    return tuple(dict.fromkeys((keys[0], keys[-1]))) if keys else ()


def _curves(tenant: str, alerts: list[Any], most: int) -> dict[str, Curve]:
    found: dict[str, Curve] = {}
    for one in alerts:
        if len(found) == most:
            break
        if one.anomaly_id is not None and (curve := curve_of(one.anomaly_id, tenant)):
            found[one.fingerprint] = curve
    return found


def curve_of(anomaly_id: UUID, tenant: str) -> Curve | None:
    """The metric around an anomaly, or None where its detector or its data are gone."""
    with unit_of_work() as work:
        work.execute(f"SET LOCAL statement_timeout = '{PATIENCE}'")
        row = work.execute(
            "SELECT * FROM anomalies WHERE id = :id AND tenant = :tenant",
            id=anomaly_id,
            tenant=tenant,
        ).one_or_none()
        if row is None:
            return None
        try:
            spec = detection.find(row.detector_id)
        except ConfigError:
            return None
        if row.metric != spec.metric or row.metric not in METRICS:
            return None
        points = _points(work, spec, row.labels, row.window_end, tenant)
    return drawn(spec, row, points)


def drawn(spec: DetectorSpec, row: Any, points: tuple[tuple[datetime, float], ...]) -> Curve:
    """The curve of an anomaly; its band follows from the score, which is in deviations."""
    band = None
    if spec.strategy and row.baseline is not None and row.score:
        deviation = abs(row.value - row.baseline) / abs(row.score)
        reach = deviation * spec.threshold
        band = (row.baseline - reach, row.baseline + reach)
    unit = METRICS[spec.metric].unit
    return Curve(
        metric=spec.metric,
        unit="" if unit in ("share", "0-1") else unit,
        points=points,
        window=timedelta(seconds=spec.window),
        value=row.value,
        begun=row.window_start,
        baseline=row.baseline,
        band=band,
        bound=None if spec.strategy else row.threshold,
    )


def _points(
    work: UnitOfWork, spec: DetectorSpec, labels: Mapping[str, str], until: datetime, tenant: str
) -> tuple[tuple[datetime, float], ...]:
    """The aggregate of each window that ends at `until` or a number of windows before."""
    named = {name: value for name, value in labels.items() if name in COLUMNS}
    where = "".join(f" AND coalesce({COLUMNS[name]}, '') = :{name}" for name in named)
    rows = work.execute(
        "SELECT floor(extract(epoch FROM (:until - ts)) / :window)::int AS place,"
        f" {_aggregate(spec)} AS value FROM {_TABLES[METRICS[spec.metric].source]} AS source"
        f" WHERE tenant = :tenant AND ts > :since AND ts <= :until{where}"
        " GROUP BY place ORDER BY place DESC",
        until=until,
        window=spec.window,
        tenant=tenant,
        since=until - timedelta(seconds=spec.window * WINDOWS),
        **named,
    ).all()
    return tuple(
        (until - timedelta(seconds=spec.window * (row.place + 1)), float(row.value))
        for row in rows
        if row.value is not None
    )


def _aggregate(spec: DetectorSpec) -> str:
    if spec.metric in _AGGREGATES:
        return _AGGREGATES[spec.metric]
    if spec.statistic == "rate":
        return f"count(*) / {float(spec.window)!r}"
    if spec.statistic in _PERCENTILES:
        share = _PERCENTILES[spec.statistic]
        return f"percentile_cont({share}) WITHIN GROUP (ORDER BY {spec.metric})"
    return f"{_FUNCTIONS[spec.statistic]}({spec.metric})"
