"""The plainest detector, and the one to copy: the current window against a fixed bound."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from core.errors import ConfigError
from detectors.base import Anomaly, Detector, DetectorSpec, Series, anomaly
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


class Threshold(Detector):
    """Fires while the metric of the latest window is past the bound.

    `outside` takes two bounds, `threshold: [low, high]`. A window without data never fires, except
    for sums and rates, which are then 0. `min_samples` is the least number of events for which
    the window is judged (default 1; windows known to be empty are judged for sums and rates).

    Flags: latency_ms greater_than 5000 over 5m, p95 of the window 8000.
    Passes: the same with p95 4999.
    """

    name = "threshold"
    type = "threshold"
    options: ClassVar[Mapping[str, tuple[str, ...]]] = {"condition": CONDITIONS}
    required = frozenset({"condition"})

    def check(self, spec: DetectorSpec) -> None:
        two = spec.floor is not None
        if two != (spec.condition == "outside"):
            raise ConfigError("threshold must be [low, high] for outside, otherwise one number")
        if spec.floor is not None and spec.floor >= spec.threshold:
            raise ConfigError("threshold must name the lower bound first: [low, high]")

    def history(self, spec: DetectorSpec) -> int:
        """How many windows before the current one `evaluate` wants to see.

        Only a bound from below needs any, and only to know which groups have fallen silent.
        """
        falls = spec.statistic in ZERO_WHEN_EMPTY and not spec.condition.startswith("greater")
        return SILENT_AFTER if falls else 0

    def evaluate(self, spec: DetectorSpec, series: Series, now: datetime) -> Anomaly | None:
        """The anomaly of the current window, or None."""
        _, current = series.split(spec, now)
        if current is None or current.value is None or 0 < current.count < spec.min_samples:
            return None
        bound = spec.threshold
        if spec.condition == "outside":
            assert spec.floor is not None
            if spec.floor <= current.value <= spec.threshold:
                return None
            bound = spec.floor if current.value < spec.floor else spec.threshold
            because = f"outside {spec.floor:.6g} to {spec.threshold:.6g}"
        elif _COMPARE[spec.condition](current.value, bound):
            because = f"{spec.condition.replace('_', ' ')} {bound:.6g}"
        else:
            return None
        score = abs(current.value - bound) / (abs(bound) or 1.0)
        return anomaly(spec, series, current, baseline=None, score=score, because=because)
