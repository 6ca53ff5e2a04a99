"""The sum of deviations: a shift too small for one window adds up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from detectors.base import DetectorSpec, Number
from detectors.running import Running


class Cusum(Running):
    """Fires when deviations on one side, each less `drift`, add up to more than `threshold`.

    The deviations are standardised, so one `threshold` (5 is usual) fits every metric. `drift`
    (default 0.5 deviations) is what a window may be off without adding anything: shifts of twice
    that are found fastest. The sum is bounded at twice the threshold, so that it ends in time.

    Flags: latencies of 880 to 950 ms, then six windows of 970 ms.
    Passes: the same, then one window of 970 ms.
    """

    name = "cusum"
    strategy = "cusum"
    threshold = 5.0
    numbers: ClassVar[Mapping[str, Number]] = {
        "drift": Number(0.5, 0.0, 5.0, "Deviations a window may be off without adding anything.")
    }
    extra: ClassVar[Mapping[str, float]] = {"above": 0.0, "below": 0.0}

    def react(
        self, spec: DetectorSpec, extra: dict[str, float], deviation: float
    ) -> tuple[float, float]:
        """Add the deviation to the two sums; the larger one is the score."""
        drift, most = self.number(spec, "drift"), 2 * spec.threshold
        extra["above"] = min(most, max(0.0, extra["above"] + deviation - drift))
        extra["below"] = min(most, max(0.0, extra["below"] - deviation - drift))
        if extra["above"] >= extra["below"]:
            return extra["above"], 1.0
        return -extra["below"], 1.0
