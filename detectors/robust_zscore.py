"""The current window against the median and the median deviation of the ones before it."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from detectors.statistical import Windowed

NORMAL = 1.4826
"""Standard deviations in a median absolute deviation, for normal values."""


class RobustZScore(Windowed):
    """Fires when the metric lies `threshold` robust deviations away from its recent median.

    The spread is 1.4826 times the median absolute deviation, so that a few wild windows in the
    baseline neither move the centre nor widen the bound. It knows the spread less well than
    `zscore` from as many windows, and its bound is wider for that. On a metric that is mostly
    constant the deviation is 0 and the floor of 1 % decides: prefer `zscore` there.

    Flags: latencies around 900 ms with two windows of 30 s among them, then 3600 ms.
    Passes: the same, then 950 ms.
    """

    name = "robust_zscore"
    strategy = "robust_zscore"
    worth = 0.4
    what = "robust deviations"

    def moments(self, values: Sequence[float]) -> tuple[float, float]:
        """Median and scaled median absolute deviation."""
        centre = median(values)
        return centre, NORMAL * median(abs(value - centre) for value in values)
