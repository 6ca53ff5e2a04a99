"""The nouns of detection and what every detector is.

A new detector is one new file in this folder: copy `threshold.py`.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from core.errors import ConfigError
from detectors.metrics import ZERO_WHEN_EMPTY, Direction


@dataclass(frozen=True, slots=True)
class Action:
    """What an anomaly sets off: an alert of this name and severity.

    `annotations` tell people more about it, such as `runbook_url`.
    """

    alert: str
    severity: str
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """One entry of detectors.yaml, checked and complete.

    `threshold` is the bound, or the upper one of `outside` whose lower is `floor`; statistical
    strategies read it in standard deviations. `window` is in seconds. `min_samples` counts events
    of the window for `threshold` and earlier windows with data for statistical strategies.
    """

    id: str
    name: str
    type: str
    enabled: bool
    metric: str
    statistic: str
    window: float
    threshold: float
    condition: str = ""
    floor: float | None = None
    strategy: str = ""
    direction: Direction = "up"
    min_samples: int = 1
    seasonality: str = ""
    group_by: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()

    @property
    def detector(self) -> str:
        """Name of the detector that serves this entry, which is its file in `detectors/`."""
        return self.strategy or self.type


@dataclass(frozen=True, slots=True)
class Point:
    """The aggregate over one window; `count` is the number of events in it."""

    start: datetime
    value: float | None
    count: int


@dataclass(frozen=True, slots=True)
class Series:
    """The windows of one group, in any order; windows without events may be left out.

    Windows either end at `now` and follow one another backwards, or lie on a fixed grid.
    """

    labels: Mapping[str, str]
    points: tuple[Point, ...]

    def split(self, spec: DetectorSpec, now: datetime) -> tuple[tuple[Point, ...], Point | None]:
        """Earlier windows, oldest first, and the current one; windows without data are dropped.

        Where an empty window means zero (`sum`, `rate`), the gaps since the first event are filled.
        """
        oldest = now - timedelta(seconds=spec.window)
        usable = sorted((p for p in self.points if p.start <= now), key=lambda point: point.start)
        if spec.statistic in ZERO_WHEN_EMPTY:
            usable = _filled(usable or [Point(oldest, 0.0, 0)], now - oldest, now)
        known = [p for p in usable if p.value is not None and math.isfinite(p.value)]
        if not known or known[-1].start < oldest:
            return tuple(known), None
        return tuple(known[:-1]), known[-1]


def _filled(points: list[Point], window: timedelta, now: datetime) -> list[Point]:
    """Zeros for the windows that hold no event, from the first point to the current window."""
    filled = [points[0]]
    end = Point(max(now, points[-1].start + window), None, 0)
    for before, after in itertools.pairwise([*points, end]):
        start = before.start + window
        while start + window / 2 <= after.start:
            filled.append(Point(start, 0.0, 0))
            start += window
        if after is not end:
            filled.append(after)
    return [Point(p.start, 0.0 if p.value is None else p.value, p.count) for p in filled]


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Something out of the ordinary in one group, with what is needed to explain it.

    `score` is comparable with the entry's `threshold` for statistical strategies; for `threshold`
    it is the distance from the bound as a share of the bound.
    """

    detector_id: str
    metric: str
    statistic: str
    labels: Mapping[str, str]
    window_start: datetime
    window_end: datetime
    observed: float
    baseline: float | None
    threshold: float
    score: float
    message: str
    actions: tuple[Action, ...] = field(default=())

    @property
    def severity(self) -> str:
        """The gravest severity of the actions; `info` where there are none."""
        named = [action.severity for action in self.actions]
        return max(named, key=SEVERITIES.index, default=SEVERITIES[0])

    @property
    def alerts(self) -> tuple[str, ...]:
        """Names of the alerts that this anomaly sets off."""
        return tuple(action.alert for action in self.actions)

    def alert_labels(self) -> tuple[dict[str, str], ...]:
        """One label set per alert: stable while the anomaly lasts, so it identifies the alert."""
        return tuple(
            {
                **self.labels,
                "alertname": action.alert,
                "severity": action.severity,
                "detector": self.detector_id,
                "metric": self.metric,
            }
            for action in self.actions
        )


SEVERITIES = ("info", "warning", "error", "critical")
"""Severities, mildest first."""


class Detector(ABC):
    """Judges one series at a time; keeps nothing between two calls.

    `name` is the file's name. `type` and `strategy` say how detectors.yaml asks for it; `strategy`
    is empty outside type `statistical`. `options` are the `config` keys it reads beside
    `COMMON_KEYS`, each with its allowed words; those in `required` must be given.
    """

    name: ClassVar[str]
    type: ClassVar[str]
    strategy: ClassVar[str] = ""
    options: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    required: ClassVar[frozenset[str]] = frozenset()
    min_samples: ClassVar[int] = 1

    def check(self, spec: DetectorSpec) -> None:
        """Raises ConfigError, without naming the place, for values that make no sense together."""
        if self.strategy and spec.threshold <= 0:
            raise ConfigError("threshold must be above 0; 3.0 is usual")

    def history(self, spec: DetectorSpec) -> int:
        """How many windows before the current one `evaluate` wants to see."""
        return 0

    @abstractmethod
    def evaluate(self, spec: DetectorSpec, series: Series, now: datetime) -> Anomaly | None:
        """The anomaly of the current window, or None."""


COMMON_KEYS = frozenset({"metric", "statistic", "threshold", "window", "group_by", "min_samples"})


def anomaly(
    spec: DetectorSpec,
    series: Series,
    current: Point,
    *,
    baseline: float | None,
    score: float,
    because: str,
) -> Anomaly:
    """An anomaly of the current window; `because` finishes the sentence `<metric> was <value>`."""
    assert current.value is not None
    group = ", ".join(f"{name}={value}" for name, value in sorted(series.labels.items()))
    what = spec.metric if spec.statistic in spec.metric else f"{spec.metric} ({spec.statistic})"
    return Anomaly(
        detector_id=spec.id,
        metric=spec.metric,
        statistic=spec.statistic,
        labels=dict(series.labels),
        window_start=current.start,
        window_end=current.start + timedelta(seconds=spec.window),
        observed=current.value,
        baseline=baseline,
        threshold=spec.threshold,
        score=score,
        message=f"{what} was {current.value:.6g}{f' for {group}' if group else ''}, {because}",
        actions=spec.actions,
    )
