"""Detection: beat ticks, each detector is evaluated once per tick, an anomaly becomes an alert."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from core.database import TROUBLE, query, unit_of_work
from core.errors import ConfigError
from core.metrics import DETECTION_ERRORS, DETECTION_SECONDS
from core.settings import settings
from detectors.base import Anomaly, DetectorSpec
from detectors.config import load_detectors
from workers import alerting, detection_latest
from workers.app import app
from workers.detection_latest import over_events
from workers.detection_rounds import Round, is_latest
from workers.detection_windows import Reader, shape
from workers.task import periodic

__all__ = [
    "evaluate_all",
    "evaluate_at",
    "find",
    "over_events",
    "over_past",
    "specs",
    "tenants",
    "tick",
]

log = logging.getLogger(__name__)

BATCH = 64
"""Detectors that one worker takes at a time; they share queries and a transaction."""
_FAULTS: tuple[type[Exception], ...] = (
    *TROUBLE,
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
)


@functools.cache
def specs() -> tuple[DetectorSpec, ...]:
    """The entries of detectors.yaml, read once per process. Raises ConfigError."""
    return load_detectors(settings().detectors_file)


@periodic(lambda: settings().detector_interval, "watch")
@app.task(name="detection.tick")
def tick() -> None:
    """Evaluate what is to be evaluated now, and tell people."""
    if evaluate_at(datetime.now(UTC)):
        alerting.decide_and_deliver()


def evaluate_at(now: datetime) -> bool:
    """Evaluate every enabled detector that nobody has evaluated in this tick; True if an anomaly
    began or ended.

    What a detector raised that is gone from the file, or disabled, ends here.
    """
    interval = settings().detector_interval
    slot = datetime.fromtimestamp(now.timestamp() // interval * interval, UTC)
    enabled = [spec for spec in specs() if spec.enabled]
    with unit_of_work() as work:
        changed = alerting.end_orphans(work, [spec.id for spec in enabled], now) > 0
    for batch in batches(enabled):
        if mine := _claimed(batch, slot):
            changed = evaluate_all(mine, slot, now) or changed
    return changed


def batches(enabled: Sequence[DetectorSpec]) -> Iterator[Sequence[DetectorSpec]]:
    """The detectors in portions: bounds first, and those that ask the same side by side."""
    ordered = sorted(enabled, key=lambda spec: (not is_latest(spec), repr(shape(spec)), spec.id))
    for first in range(0, len(ordered), BATCH):
        yield ordered[first : first + BATCH]


def _claimed(batch: Sequence[DetectorSpec], slot: datetime) -> list[DetectorSpec]:
    """Those of the detectors that nobody else evaluates in this tick."""
    with unit_of_work() as work:
        mine = set(
            work.execute(
                "INSERT INTO detector_ticks (detector_id, tick)"
                " SELECT id, :tick FROM unnest(CAST(:ids AS text[])) AS id ORDER BY id"
                " ON CONFLICT DO NOTHING RETURNING detector_id",
                ids=[spec.id for spec in batch],
                tick=slot,
            ).scalars()
        )
    return [spec for spec in batch if spec.id in mine]


@dataclass(slots=True)
class _Tally:
    """What one tick made of one detector."""

    evaluations: int = 0
    anomalies: int = 0
    errors: list[str] = field(default_factory=list)


def evaluate_all(batch: Sequence[DetectorSpec], slot: datetime, now: datetime) -> bool:
    """Evaluate detectors for every tenant; True if an anomaly began or ended.

    The fault of one stops no other: a portion that fails is gone through one by one.
    """
    begun = time.perf_counter()
    tallies = {spec.id: _Tally() for spec in batch}
    changed = False
    for tenant in tenants():
        try:
            changed = _round(tenant, batch, now, tallies) or changed
        except _FAULTS:
            for spec in batch:
                try:
                    changed = _round(tenant, [spec], now, tallies) or changed
                except _FAULTS as problem:
                    DETECTION_ERRORS.inc()
                    tallies[spec.id].errors.append(f"{tenant}: {type(problem).__name__}")
                    log.error("detector %s, tenant %s: %s", spec.id, tenant, type(problem).__name__)
    _finish(tallies, slot)
    share = (time.perf_counter() - begun) / len(batch)
    for _ in batch:
        DETECTION_SECONDS.observe(share)
    return changed


def _round(
    tenant: str, batch: Sequence[DetectorSpec], now: datetime, tallies: dict[str, _Tally]
) -> bool:
    lag = timedelta(seconds=settings().detection_lag_seconds)
    with unit_of_work() as work:
        made = Round(work, tenant, batch, now, now - lag)
        made.run()
    for name, (evaluations, anomalies) in made.tally.items():
        tallies[name].evaluations += evaluations
        tallies[name].anomalies += anomalies
    return made.changed


def _finish(tallies: dict[str, _Tally], slot: datetime) -> None:
    with unit_of_work() as work:
        work.relax()
        work.insert_many(
            "UPDATE detector_ticks AS t SET finished_at = now(), evaluations = d.evaluations,"
            " anomalies = d.anomalies, error = nullif(d.error, '') FROM (VALUES %s)"
            " AS d (id, tick, evaluations, anomalies, error)"
            " WHERE t.detector_id = d.id AND t.tick = d.tick AND t.tenant = 'default'",
            [
                (name, slot, one.evaluations, one.anomalies, "; ".join(one.errors))
                for name, one in tallies.items()
            ],
        )


def tenants() -> list[str]:
    """Every tenant's id."""
    return [row["id"] for row in query("SELECT id FROM tenants ORDER BY id")]


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
        return detection_latest.judged(Reader(work, tenant), spec, now)
