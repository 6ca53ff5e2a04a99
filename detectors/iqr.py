"""The current window against the quartiles of the ones before it."""

from __future__ import annotations

from collections.abc import Sequence

from detectors.statistical import Windowed

NORMAL = 0.7413
"""Standard deviations in a distance between quartiles, for normal values."""


class Iqr(Windowed):
    """Fires when the metric lies `threshold` deviations from the middle of its recent quartiles.

    The spread is 0.7413 times the distance between the quartiles, which for normal values is a
    standard deviation; Tukey's fence of 1.5 distances is a `threshold` of 2.7, and 3 distances
    are 4.7. Like `robust_zscore` it bears wild windows in the baseline.

    Flags: costs between 4 and 6 cents with one window of 2 dollars among them, then 50 cents.
    Passes: the same, then 5.5 cents.
    """

    name = "iqr"
    strategy = "iqr"
    worth = 0.4
    what = "deviations"

    def moments(self, values: Sequence[float]) -> tuple[float, float]:
        """Middle between the quartiles, and the scaled distance between them."""
        ordered = sorted(values)
        low, high = _at(ordered, 0.25), _at(ordered, 0.75)
        return (low + high) / 2, NORMAL * (high - low)


def _at(ordered: Sequence[float], share: float) -> float:
    place = (len(ordered) - 1) * share
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
