"""Calls stored and judged in simulated time by the code that the workers run.

Import it within `ops.stores.own_stores`: it belongs to the stores of this process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from core.database import query, unit_of_work
from core.settings import settings
from core.telemetry import Event
from detectors.base import DetectorSpec
from ops.quality.detectors import START, Calls
from workers import detection, event_lines, partitions, storing
from workers.detection_rounds import is_latest

BATCH = 500
"""Events that are stored in one transaction at most, as an io worker does."""
SAID = 0.1
"""Share of the ticks after which it is said how far we are."""


@dataclass(slots=True)
class Application:
    """A tenant's calls, of which the first so many are stored."""

    tenant: str
    data: Calls
    stored: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        with unit_of_work() as work:
            work.execute(
                "INSERT INTO tenants (id, name) VALUES (:id, :id) ON CONFLICT DO NOTHING",
                id=self.tenant,
            )

    def store(self, until: float) -> None:
        """Store what was called up to this second."""
        last = int(np.searchsorted(self.data.time, until, side="right"))
        for first in range(self.stored, last, BATCH):
            storing.store([self._line(place) for place in range(first, min(first + BATCH, last))])
        self.stored = last

    def _line(self, place: int) -> str:
        data = self.data
        at = START + timedelta(seconds=float(data.time[place]))
        event = Event(
            event_id=str(place),
            timestamp=at,
            event_type="llm.response",
            application_id="shop",
            status="error" if data.failed[place] else "success",
            model="m",
            latency_ms=float(data.latency_ms[place]),
            cost=float(data.cost[place]),
            environment="production",
        )
        return event_lines.of_event(event, self.tenant, at.isoformat())


def lag() -> float:
    """Seconds after its end at which a window is judged."""
    return settings().detection_lag_seconds


def run(
    applications: Sequence[Application], ticks: Iterable[float], say: Callable[[float], None]
) -> int:
    """Store what was called before each tick, then evaluate the detectors as at that second;
    returns how many ticks. `say` is told the share that is done, now and then."""
    moments = list(ticks)
    every = max(1, int(len(moments) * SAID))
    for number, second in enumerate(moments, 1):
        now = START + timedelta(seconds=second)
        partitions.make_room(now.date())
        for one in applications:
            one.store(second)
        detection.evaluate_at(now)
        if number % every == 0:
            say(number / len(moments))
    return len(moments)


def anomalies(tenant: str) -> list[dict[str, Any]]:
    """What was found, oldest first; `alerted` where it raised an alert."""
    return query(
        "SELECT a.detector_id, a.window_start, a.window_end, a.created_at, a.ended_at,"
        " EXISTS (SELECT FROM alerts WHERE anomaly_id = a.id) AS alerted"
        " FROM anomalies a WHERE tenant = :tenant ORDER BY created_at",
        tenant=tenant,
    )


def alarmed(
    spec: DetectorSpec, found: Iterable[dict[str, Any]], step: float, until: datetime
) -> int:
    """How many windows lie in its anomalies; of a bound, which is judged in each tick, how many
    ticks."""
    spans = [
        ((one["ended_at"] or until) - one["created_at"]) / timedelta(seconds=step)
        if is_latest(spec)
        else (one["window_end"] - one["window_start"]) / timedelta(seconds=spec.window)
        for one in found
        if one["detector_id"] == spec.id
    ]
    return sum(map(round, spans))


def seen_in_time(
    specs: Iterable[DetectorSpec], found: Sequence[dict[str, Any]], since: float
) -> list[dict[str, Any]]:
    """The anomalies that began after this second, at the latest when the second window of their
    entry was judged."""
    begun = START + timedelta(seconds=since + lag())
    last = {spec.id: begun + timedelta(seconds=2 * spec.window) for spec in specs}
    return [
        one
        for one in found
        if one["detector_id"] in last and begun < one["created_at"] <= last[one["detector_id"]]
    ]
