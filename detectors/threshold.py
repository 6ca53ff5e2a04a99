"""The plainest detector, and the one to copy: the current window against a fixed bound."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar

from core.errors import ConfigError
from detectors.base import (
    Anomaly,
    Detector,
    DetectorSpec,
    Judgement,
    Point,
    Series,
    State,
    explained,
)
from detectors.metrics import ZERO_WHEN_EMPTY

_COMPARE = {
    "greater_than": operator.gt,
    "greater_than_or_equal": operator.ge,
    "less_than": operator.lt,
    "less_than_or_equal": operator.le,
}
CONDITIONS = (*_COMPARE, "outside")
SILENT_AFTER = 12
"""Windows for which a silent group is remembered."""


NO_DATA = ("ok", "alert", "keep")


class Threshold(Detector):
    """Fires while the metric of the latest window is past the bound.

    `outside` takes two bounds, `threshold: [low, high]`. `for` is how long it must have been past
    the bound (default 0s: one window). `no_data` says what a window without data means: `ok`
    (default) never fires, `alert` fires, `keep` goes by the last known value; sums and rates are 0
    then. `min_samples` is the least number of events for which the window is judged (default 1;
    windows known to be empty are judged for sums and rates).

    Flags: latency_ms greater_than 5000 over 5m, p95 of the window 8000.
    Passes: the same with p95 4999.
    """

    name = "threshold"
    type = "threshold"
    options: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "condition": CONDITIONS,
        "no_data": NO_DATA,
    }
    required = frozenset({"condition"})
    holds = True

    def check(self, spec: DetectorSpec) -> None:
        two = spec.floor is not None
        if two != (spec.condition == "outside"):
            raise ConfigError("threshold must be [low, high] for outside, otherwise one number")
        if spec.floor is not None and spec.floor >= spec.threshold:
            raise ConfigError("threshold must name the lower bound first: [low, high]")

    def history(self, spec: DetectorSpec) -> int:
        """How many windows before the current one `evaluate` wants to see.

        Only `for`, `no_data` and a bound from below need any; the last to know which groups have
        fallen silent.
        """
        falls = spec.statistic in ZERO_WHEN_EMPTY and not spec.condition.startswith("greater")
        silent = SILENT_AFTER if falls or spec.no_data != "ok" else 0
        return max(silent, windows_of(spec) - 1)

    def begin(self) -> State:
        """Not past the bound, nothing known."""
        return {"past": 0, "value": None}

    def step(
        self, spec: DetectorSpec, state: State, point: Point, now: datetime
    ) -> tuple[State, Judgement]:
        """Compare with the bound, and count the windows in a row that were past it."""
        value = point.known
        if 0 < point.count < spec.min_samples:
            return state, Judgement(verdict=False)
        if value is None and spec.no_data == "keep":
            value = state["value"]
        if value is None:
            silent = spec.no_data == "alert"
            after = {**state, "past": state["past"] + 1 if silent else 0}
            fires = silent and after["past"] >= windows_of(spec)
            return after, Judgement(1.0, because="there is no data", verdict=fires)
        bound, because = _passed(spec, value)
        after = {"past": state["past"] + 1 if because else 0, "value": value}
        fires = bool(because) and after["past"] >= windows_of(spec)
        score = abs(value - bound) / (abs(bound) or 1.0) if because else 0.0
        high = None if spec.condition.startswith("less") else spec.threshold
        low = spec.floor if high is not None else spec.threshold
        return after, Judgement(score, low=low, high=high, because=because, verdict=fires)

    def evaluate(self, spec: DetectorSpec, series: Series, now: datetime) -> Anomaly | None:
        """The anomaly of the current window, or None."""
        earlier, current = series.split(spec, now)
        if current is None and earlier and spec.no_data != "ok":
            window = timedelta(seconds=spec.window)
            empty = [Point(now - n * window, None, 0) for n in range(windows_of(spec), 0, -1)]
            series = Series(series.labels, ())
            earlier, current = (*earlier, *empty[:-1]), empty[-1]
        if current is None:
            return None
        state = self.begin()
        for point in earlier[-windows_of(spec) :]:
            state, _ = self.step(spec, state, point, now)
        _, judgement = self.step(spec, state, current, now)
        return explained(spec, series.labels, current, judgement) if judgement.odd else None


def windows_of(spec: DetectorSpec) -> int:
    """How many windows in a row `for` asks for."""
    return max(1, math.ceil(spec.hold / spec.window))


def _passed(spec: DetectorSpec, value: float) -> tuple[float, str]:
    """The bound, and how the value passes it; an empty text where it does not."""
    bound = spec.threshold
    if spec.condition == "outside":
        assert spec.floor is not None
        bound = spec.floor if value < spec.floor else bound
        inside = spec.floor <= value <= spec.threshold
        return bound, "" if inside else f"outside {spec.floor:.6g} to {spec.threshold:.6g}"
    if _COMPARE[spec.condition](value, bound):
        return bound, f"{spec.condition.replace('_', ' ')} {bound:.6g}"
    return bound, ""
