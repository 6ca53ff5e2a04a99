"""The nouns of detection and what every detector is.

A new detector is one new file in this folder: copy `threshold.py`.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

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
    strategies read it in standard deviations. `window` and `hold` are in seconds. `min_samples`
    counts events of the window for `threshold` and earlier windows with data for statistical
    strategies. `numbers` holds what the operator set of the detector's own `numbers`.
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
    scale: str = "linear"
    hold: float = 0.0
    no_data: str = "ok"
    numbers: Mapping[str, float] = field(default_factory=dict)
    group_by: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()

    @property
    def detector(self) -> str:
        """Name of the detector that serves this entry, which is its file in `detectors/`."""
        return self.strategy or self.type


@dataclass(frozen=True, slots=True)
class Point:
    """The aggregate over one window; `count` is the number of events in it.

    `parts` says how the count divides, for detectors that look inside: by bin for `drift`
    (`detectors.drift.bin_of`), by attack category for `novelty`, by user for `probing`.
    """

    start: datetime
    value: float | None
    count: int
    parts: Mapping[str, int] = field(default_factory=dict)

    @property
    def known(self) -> float | None:
        """The value where it is a finite number."""
        return self.value if self.value is not None and math.isfinite(self.value) else None


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
        known = [p for p in usable if p.known is not None]
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
    return [p if p.value is not None else replace(p, value=0.0) for p in filled]


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Something out of the ordinary in one group, with what is needed to explain it.

    `score` is comparable with the entry's `threshold` for statistical strategies; for `threshold`
    it is the distance from the bound as a share of the bound. `grade` is the severity that the size
    of the deviation suggests, whatever the actions say.
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
    grade: str = "warning"

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


State = dict[str, Any]
"""What a detector remembers of one series: plain JSON, of bounded size."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a detector makes of one window.

    `score` is positive above the usual and negative below; the window is out of the ordinary where
    its size passes `threshold`. `low` and `high` bound what would have passed, on the scale of the
    metric. `forecast` is when a limit will be hit, for detectors that say so.
    """

    score: float = 0.0
    threshold: float = 1.0
    baseline: float | None = None
    low: float | None = None
    high: float | None = None
    because: str = ""
    forecast: datetime | None = None
    verdict: bool | None = None

    @property
    def odd(self) -> bool:
        """Whether the window is out of the ordinary; `verdict` where the score does not say."""
        return abs(self.score) > self.threshold if self.verdict is None else self.verdict

    @property
    def grade(self) -> str:
        """How grave the size of the deviation is: critical from four thresholds, error from two.

        Where there is a `verdict`, the score is the share of the bound by which it was passed.
        """
        if self.verdict is None:
            times = abs(self.score) / (abs(self.threshold) or 1.0)
        else:
            times = float(self.verdict) * (1 + abs(self.score))
        return SEVERITIES[3 if times >= 4 else 2 if times >= 2 else 1 if times >= 1 else 0]


@dataclass(frozen=True, slots=True)
class Number:
    """A tunable number of a detector: its default, its bounds and what it means.

    With `seconds` it is written as a duration.
    """

    default: float
    low: float
    high: float
    about: str
    seconds: bool = False


class Detector(ABC):
    """Judges the windows of one series in their order; all it remembers is the state it returns.

    `name` is the file's name. `type` and `strategy` say how detectors.yaml asks for it; `strategy`
    is empty outside type `statistical`. `options` are the `config` keys it reads beside
    `COMMON_KEYS`, each with its allowed words; those in `required` must be given. `numbers` are the
    keys that take a number. `threshold` is used where the entry names none; None demands one.
    `holds` allows the key `for`.
    """

    name: ClassVar[str]
    type: ClassVar[str]
    strategy: ClassVar[str] = ""
    options: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    required: ClassVar[frozenset[str]] = frozenset()
    numbers: ClassVar[Mapping[str, Number]] = {}
    threshold: ClassVar[float | None] = None
    holds: ClassVar[bool] = False
    min_samples: ClassVar[int] = 1

    def check(self, spec: DetectorSpec) -> None:
        """Raises ConfigError, without naming the place, for values that make no sense together."""
        if self.strategy and spec.threshold <= 0:
            raise ConfigError("threshold must be above 0; 3.0 is usual")

    def history(self, spec: DetectorSpec) -> int:
        """How many windows before the current one `evaluate` wants to see."""
        return 0

    def number(self, spec: DetectorSpec, name: str) -> float:
        """The entry's number of that name, or the default."""
        return spec.numbers.get(name, self.numbers[name].default)

    def begin(self) -> State:
        """The state before the first window."""
        return {}

    @abstractmethod
    def step(
        self, spec: DetectorSpec, state: State, point: Point, now: datetime
    ) -> tuple[State, Judgement]:
        """What the next window is, and the state to go on from; the given state is not changed."""

    def evaluate(self, spec: DetectorSpec, series: Series, now: datetime) -> Anomaly | None:
        """The anomaly of the current window after a replay of the earlier ones, or None."""
        earlier, current = series.split(spec, now)
        if current is None:
            return None
        state = self.begin()
        for point in earlier:
            state, _ = self.step(spec, state, point, now)
        _, judgement = self.step(spec, state, current, now)
        return explained(spec, series.labels, current, judgement) if judgement.odd else None


COMMON_KEYS = frozenset({"metric", "statistic", "threshold", "window", "group_by", "min_samples"})


def explained(
    spec: DetectorSpec, labels: Mapping[str, str], point: Point, judgement: Judgement
) -> Anomaly:
    """The anomaly of a window; the judgement finishes the sentence `<metric> was <value>`."""
    group = ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))
    what = spec.metric if spec.statistic in spec.metric else f"{spec.metric} ({spec.statistic})"
    was = "unknown" if point.known is None else f"{point.known:.6g}"
    return Anomaly(
        detector_id=spec.id,
        metric=spec.metric,
        statistic=spec.statistic,
        labels=dict(labels),
        window_start=point.start,
        window_end=point.start + timedelta(seconds=spec.window),
        observed=point.known or 0.0,
        baseline=judgement.baseline,
        threshold=spec.threshold,
        score=judgement.score,
        message=f"{what} was {was}{f' for {group}' if group else ''}, {judgement.because}",
        actions=spec.actions,
        grade=judgement.grade,
    )
