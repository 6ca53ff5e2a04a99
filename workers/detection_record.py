"""Anomalies and their alerts as rows: opened, gone on with, ended."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from psycopg2.extras import Json

from core.database import UnitOfWork
from core.ids import new_id
from core.metrics import ANOMALIES
from detectors.base import SEVERITIES, Anomaly, DetectorSpec
from workers import alerting
from workers.detection_course import Spell
from workers.detection_examples import examples

log = logging.getLogger(__name__)

MOST_EXAMPLES = 50
"""Anomalies of one round that get examples; a farm on fire has other worries."""

Mark = frozenset[tuple[str, str]]


class Recorder:
    """The open anomalies of some detectors of one tenant within one transaction."""

    def __init__(
        self, work: UnitOfWork, tenant: str, specs: Sequence[DetectorSpec], now: datetime
    ) -> None:
        self._work, self._tenant, self._now = work, tenant, now
        self._given = 0
        self.changed = False
        self._open: dict[str, dict[Mark, Any]] = {spec.id: {} for spec in specs}
        rows = work.execute(
            "SELECT * FROM anomalies WHERE tenant = :tenant AND ended_at IS NULL"
            " AND detector_id = ANY(CAST(:ids AS text[])) ORDER BY id FOR UPDATE",
            tenant=tenant,
            ids=list(self._open),
        )
        for row in rows.all():
            before = self._open[row.detector_id].get(mark(row.labels))
            if before is not None:
                self._end(before, now)
            self._open[row.detector_id][mark(row.labels)] = row

    def write(
        self, spec: DetectorSpec, spells: Mapping[Mark, Sequence[Spell]], lasting: set[Mark]
    ) -> int:
        """Store the detector's spells by group and end what is open of other groups; returns how
        many anomalies began. `lasting` are the groups in which something is still wrong."""
        began = 0
        rows = self._open[spec.id]
        for group, found in spells.items():
            for place, spell in enumerate(found):
                last = place == len(found) - 1
                row = rows.get(group)
                if row is not None and not _same(row, spell):
                    self._end(rows.pop(group), spell.since)
                    row = None
                fresh = row is None
                began += fresh
                ended = spell.ended
                if last and fresh and spell.told:
                    ended = None
                rows[group] = self._keep(spec, row, replace(spell, ended=ended))
                if ended is not None:
                    self._end(rows.pop(group), ended)
                elif last and fresh:
                    lasting = {*lasting, group}
        for group in [group for group in rows if group not in lasting]:
            self._end(rows.pop(group), self._now)
        return began

    def since(self, spec: DetectorSpec, anomaly: Anomaly) -> datetime:
        """When what this anomaly tells of began."""
        row = self._open[spec.id].get(mark(anomaly.labels))
        return anomaly.window_start if row is None else row.window_start

    def _keep(self, spec: DetectorSpec, row: Any, spell: Spell) -> Any:
        anomaly, work = spell.anomaly, self._work
        if row is None:
            self.changed = True
            work.after_commit(ANOMALIES.inc)
        worse = row is None or row.peak_score is None or spell.peak > row.peak_score
        grade = spell.grade
        told = spell.told
        if row is not None:
            grade = max(grade, row.severity, key=SEVERITIES.index)
            told = told or row.told
        values = _columns(anomaly, spell, self._examples(spec, anomaly) if worse else [])
        if row is None:
            statement = (
                "INSERT INTO anomalies (id, tenant, application_id, detector_id, severity, metric,"
                " labels, window_start, window_end, value, baseline, threshold, score, peak_score,"
                " message, told, event_ids, created_at) VALUES (:id, :tenant, :application,"
                " :detector, :severity, :metric, CAST(:labels AS jsonb), :start, :end, :value,"
                " :baseline, :threshold, :score, :peak, :message, :told,"
                " CAST(:event_ids AS text[]), :now) RETURNING *"
            )
        elif worse:
            statement = (
                "UPDATE anomalies SET window_end = :end, value = :value, baseline = :baseline,"
                " score = :score, peak_score = :peak, message = :message, severity = :severity,"
                " told = :told, event_ids = CASE WHEN CAST(:event_ids AS text[]) = '{}'"
                " THEN event_ids ELSE CAST(:event_ids AS text[]) END WHERE id = :id RETURNING *"
            )
        else:
            statement = (
                "UPDATE anomalies SET window_end = :end, severity = :severity, told = :told"
                " WHERE id = :id RETURNING *"
            )
        stored = work.execute(
            statement,
            **values,
            id=new_id() if row is None else row.id,
            tenant=self._tenant,
            application=anomaly.labels.get("application") or "default",
            detector=spec.id,
            metric=spec.metric,
            severity=grade,
            told=told,
            now=self._now,
        ).one()
        if row is None:
            log.warning("anomaly", extra={"detector": spec.id, "anomaly_id": str(stored.id)})
        if told and spell.ended is None:
            self.changed = self.changed or row is None or not row.told
            self._fire(spec, stored)
        return stored

    def _fire(self, spec: DetectorSpec, row: Any) -> None:
        for action in spec.actions:
            labels = {
                **row.labels,
                "alertname": action.alert,
                "severity": action.severity,
                "detector": spec.id,
                "metric": spec.metric,
            }
            told = {**_annotations(row), **action.annotations}
            alerting.fire(self._work, self._tenant, labels, told, row.id, row.created_at, self._now)

    def _end(self, row: Any, at: datetime) -> None:
        self.changed = True
        self._work.execute(
            "UPDATE anomalies SET ended_at = greatest(:at, window_start) WHERE id = :id",
            at=min(at, self._now),
            id=row.id,
        )
        alerting.resolve(self._work, row.id, self._now)

    def _examples(self, spec: DetectorSpec, anomaly: Anomaly) -> list[str]:
        if self._given >= MOST_EXAMPLES:
            return []
        self._given += 1
        return examples(self._work, spec, self._tenant, anomaly)


def mark(labels: Mapping[str, Any]) -> Mark:
    """A group's labels as a key."""
    return frozenset((name, str(value)) for name, value in labels.items())


def _same(row: Any, spell: Spell) -> bool:
    """Whether the row tells of this spell: one that began before goes on."""
    return bool(spell.since <= row.window_end)


def _columns(anomaly: Anomaly, spell: Spell, event_ids: Sequence[str]) -> dict[str, Any]:
    return {
        "labels": str(Json(None).dumps(dict(anomaly.labels))),
        "start": spell.since,
        "end": spell.until,
        "value": anomaly.observed,
        "baseline": anomaly.baseline,
        "threshold": anomaly.threshold,
        "score": anomaly.score,
        "peak": spell.peak,
        "message": anomaly.message,
        "event_ids": list(event_ids),
    }


def _annotations(row: Any) -> dict[str, str]:
    """What an alert tells of its anomaly."""
    return {
        "summary": row.message,
        "value": f"{row.value:.6g}",
        **({} if row.baseline is None else {"baseline": f"{row.baseline:.6g}"}),
    }
