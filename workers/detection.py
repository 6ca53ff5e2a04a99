"""Detection: beat ticks, each detector is evaluated once per tick, an anomaly becomes an alert."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg2.extras import Json

from core.database import TROUBLE, UnitOfWork, query, unit_of_work
from core.errors import BadInput, ConfigError
from core.ids import new_id
from core.metrics import ANOMALIES, DETECTION_ERRORS, DETECTION_SECONDS
from core.settings import settings
from core.telemetry import Event
from detectors.base import Anomaly, DetectorSpec, Point, Series
from detectors.config import load_detectors
from detectors.metrics import METRICS
from detectors.registry import detector, evaluate
from workers import alerting
from workers.app import app
from workers.task import periodic

log = logging.getLogger(__name__)

_FAULTS: tuple[type[Exception], ...] = (*TROUBLE, ArithmeticError)

_COLUMNS = {
    "application": "application_id",
    "model": "model",
    "environment": "environment",
    "user": "user_id",
    "session": "session_id",
}
_PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
_SOURCES = {
    "telemetry": "telemetry",
    "verdicts": (
        "(SELECT a.tenant, v.created_at AS ts, a.application_id, unnest(v.risks) AS risk_score,"
        " unnest(v.actions) AS action, NULL::text AS model, NULL::text AS environment,"
        " NULL::text AS user_id, a.session_id"
        " FROM verdicts v JOIN analyses a ON a.id = v.analysis_id)"
    ),
}
_RATIOS = {"error_rate": "status <> 'success'", "block_rate": "action = 'block'"}


@functools.cache
def specs() -> tuple[DetectorSpec, ...]:
    """The entries of detectors.yaml, read once per process. Raises ConfigError."""
    return load_detectors(settings().detectors_file)


@periodic(lambda: settings().detector_interval, "watch")
@app.task(name="detection.tick")
def tick() -> None:
    """Evaluate every enabled detector that nobody has evaluated in this tick.

    What a detector raised that is gone from the file, or disabled, ends here.
    """
    now = datetime.now(UTC)
    interval = settings().detector_interval
    slot = datetime.fromtimestamp(now.timestamp() // interval * interval, UTC)
    enabled = [spec for spec in specs() if spec.enabled]
    with unit_of_work() as work:
        changed = alerting.end_orphans(work, [spec.id for spec in enabled], now) > 0
    for spec in enabled:
        if _claimed(spec, slot):
            changed = _evaluated(spec, slot, now) or changed
    if changed:
        alerting.decide_and_deliver()


def _claimed(spec: DetectorSpec, slot: datetime) -> bool:
    with unit_of_work() as work:
        mine = work.execute(
            "INSERT INTO detector_ticks (detector_id, tick) VALUES (:id, :tick)"
            " ON CONFLICT DO NOTHING",
            id=spec.id,
            tick=slot,
        )
    return mine.rowcount == 1


def _evaluated(spec: DetectorSpec, slot: datetime, now: datetime) -> bool:
    """Evaluate one detector for every tenant; the fault of one stops no other."""
    begun = time.perf_counter()
    changed, evaluations, found, errors = False, 0, 0, []
    for tenant in tenants():
        try:
            with unit_of_work() as work:
                groups = series(work, spec, now, tenant)
                anomalies = [one for group in groups if (one := evaluate(spec, group, now))]
                changed = record(work, spec, tenant, anomalies, now) or changed
            evaluations += len(groups)
            found += len(anomalies)
        except _FAULTS as problem:
            DETECTION_ERRORS.inc()
            errors.append(f"{tenant}: {type(problem).__name__}")
            log.error("detector %s, tenant %s: %s", spec.id, tenant, type(problem).__name__)
    DETECTION_SECONDS.observe(time.perf_counter() - begun)
    with unit_of_work() as work:
        work.relax()
        work.execute(
            "UPDATE detector_ticks SET finished_at = now(), evaluations = :evaluations,"
            " anomalies = :found, error = nullif(:error, '')"
            " WHERE detector_id = :id AND tick = :tick AND tenant = 'default'",
            id=spec.id,
            tick=slot,
            evaluations=evaluations,
            found=found,
            error="; ".join(errors),
        )
    return changed


def tenants() -> list[str]:
    """Every tenant's id."""
    return [row["id"] for row in query("SELECT id FROM tenants ORDER BY id")]


def series(work: UnitOfWork, spec: DetectorSpec, now: datetime, tenant: str) -> list[Series]:
    """One series per group: the aggregate of each window, the newest ending at `now`."""
    metric = METRICS[spec.metric]
    table = _SOURCES[metric.source]
    windows = detector(spec.detector).history(spec) + 1
    groups = [_COLUMNS[name] for name in spec.group_by]
    keys = "".join(f", coalesce({column}, '') AS g{place}" for place, column in enumerate(groups))
    by = "".join(f", g{place}" for place in range(len(groups)))
    rows = work.execute(
        f"SELECT floor(extract(epoch FROM (:now - ts)) / :window)::int AS place,"
        f" count(*) AS events, {_aggregate(spec)} AS value{keys}"
        f" FROM {table} AS source WHERE tenant = :tenant AND ts > :since AND ts <= :now"
        f" GROUP BY place{by}",
        now=now,
        window=spec.window,
        tenant=tenant,
        since=now - timedelta(seconds=spec.window * windows),
    ).all()
    found: dict[tuple[str, ...], list[Point]] = {}
    for row in rows:
        key = tuple(getattr(row, f"g{place}") for place in range(len(groups)))
        start = now - timedelta(seconds=spec.window * (row.place + 1))
        value = None if row.value is None else float(row.value)
        found.setdefault(key, []).append(Point(start, value, row.events))
    if not groups:
        found.setdefault((), [])
    return [
        Series(dict(zip(spec.group_by, key, strict=True)), tuple(points))
        for key, points in sorted(found.items())
    ]


def _aggregate(spec: DetectorSpec) -> str:
    if spec.statistic == "ratio":
        return f"avg(CASE WHEN {_RATIOS[spec.metric]} THEN 1.0 ELSE 0.0 END)"
    if spec.statistic == "rate":
        return f"count(*) / {float(spec.window)!r}"
    if spec.statistic in _PERCENTILES:
        share = _PERCENTILES[spec.statistic]
        return f"percentile_cont({share}) WITHIN GROUP (ORDER BY {spec.metric})"
    function = {"sum": "sum", "mean": "avg", "min": "min", "max": "max"}[spec.statistic]
    return f"{function}({spec.metric})"


def record(
    work: UnitOfWork,
    spec: DetectorSpec,
    tenant: str,
    found: Sequence[Anomaly],
    now: datetime,
) -> bool:
    """Open, go on with or end this detector's anomalies and their alerts; True if any changed."""
    opened = {
        (row.labels_key, row.severity): row.id
        for row in work.execute(
            "SELECT id, severity, CAST(labels AS text) AS labels_key FROM anomalies"
            " WHERE tenant = :tenant AND detector_id = :id AND ended_at IS NULL FOR UPDATE",
            tenant=tenant,
            id=spec.id,
        )
    }
    changed = False
    kept = set()
    for anomaly in found:
        row = work.execute(
            "INSERT INTO anomalies (id, tenant, application_id, detector_id, severity, metric,"
            " labels, window_start, window_end, value, baseline, threshold, score, message,"
            " created_at) VALUES (:id, :tenant, :application, :detector, :severity, :metric,"
            " CAST(:labels AS jsonb), :start, :end, :value, :baseline, :threshold, :score,"
            " :message, :now)"
            " ON CONFLICT (tenant, detector_id, labels, severity) WHERE ended_at IS NULL"
            " DO UPDATE SET window_end = :end, value = :value, baseline = :baseline,"
            " score = :score, message = :message RETURNING id, created_at",
            id=new_id(),
            tenant=tenant,
            application=anomaly.labels.get("application") or "default",
            detector=spec.id,
            severity=anomaly.severity,
            metric=spec.metric,
            labels=_json(anomaly.labels),
            start=anomaly.window_start,
            end=anomaly.window_end,
            value=anomaly.observed,
            baseline=anomaly.baseline,
            threshold=anomaly.threshold,
            score=anomaly.score,
            message=anomaly.message,
            now=now,
        ).one()
        kept.add(row.id)
        if row.id not in opened.values():
            changed = True
            work.after_commit(ANOMALIES.inc)
            log.warning("anomaly", extra={"detector": spec.id, "anomaly": anomaly.message})
        for action, labels in zip(anomaly.actions, anomaly.alert_labels(), strict=True):
            told = {**_annotations(anomaly), **action.annotations}
            alerting.fire(work, tenant, labels, told, row.id, row.created_at, now)
    for anomaly_id in set(opened.values()) - kept:
        changed = True
        work.execute("UPDATE anomalies SET ended_at = :now WHERE id = :id", id=anomaly_id, now=now)
        alerting.resolve(work, anomaly_id, now)
    return changed


def _annotations(anomaly: Anomaly) -> dict[str, str]:
    return {
        "summary": anomaly.message,
        "value": f"{anomaly.observed:.6g}",
        **({} if anomaly.baseline is None else {"baseline": f"{anomaly.baseline:.6g}"}),
    }


def _json(value: Mapping[str, Any]) -> str:
    return str(Json(None).dumps(dict(value)))


def find(detector_id: str) -> DetectorSpec:
    """The entry of that id. Raises ConfigError naming the known ones."""
    for spec in specs():
        if spec.id == detector_id:
            return spec
    known = ", ".join(spec.id for spec in specs()) or "none"
    raise ConfigError(f"there is no detector {detector_id!r}; known: {known}")


def over_past(spec: DetectorSpec, now: datetime, tenant: str) -> list[Anomaly]:
    """A dry run over the stored windows that end at `now`; nothing is recorded."""
    with unit_of_work() as work:
        groups = series(work, spec, now, tenant)
    results = [evaluate(spec, group, now) for group in groups]
    return [one for one in results if one is not None]


def over_events(spec: DetectorSpec, events: Sequence[Event], now: datetime) -> list[Anomaly]:
    """A dry run over these events, taken as the window that ends at `now`.

    Raises BadInput for a metric of verdicts, which no event carries.
    """
    if METRICS[spec.metric].source != "telemetry":
        raise BadInput(f"{spec.metric} is measured on verdicts, not on events", field="events")
    groups: dict[tuple[str, ...], list[Event]] = {}
    for event in events:
        key = tuple(str(getattr(event, _COLUMNS[name]) or "") for name in spec.group_by)
        groups.setdefault(key, []).append(event)
    found = []
    for key, members in sorted(groups.items()):
        values = sorted(value for event in members if (value := _value(spec, event)) is not None)
        if values:
            start = now - timedelta(seconds=spec.window)
            point = Point(start, _summary(spec, values), len(members))
            labels = dict(zip(spec.group_by, key, strict=True))
            found.append(evaluate(spec, Series(labels, (point,)), now))
    return [one for one in found if one is not None]


def _value(spec: DetectorSpec, event: Event) -> float | None:
    if spec.metric == "error_rate":
        return float(event.status != "success")
    if spec.metric == "request_rate":
        return 1.0
    value = getattr(event, spec.metric)
    return None if value is None else float(value)


def _summary(spec: DetectorSpec, rows: Sequence[float]) -> float:
    if spec.statistic == "rate":
        return len(rows) / spec.window
    if spec.statistic == "sum":
        return sum(rows)
    if spec.statistic in ("mean", "ratio"):
        return sum(rows) / len(rows)
    if spec.statistic in ("min", "max"):
        return rows[0] if spec.statistic == "min" else rows[-1]
    place = (len(rows) - 1) * _PERCENTILES[spec.statistic]
    low = int(place)
    high = min(low + 1, len(rows) - 1)
    return rows[low] + (rows[high] - rows[low]) * (place - low)
