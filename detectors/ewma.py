"""A smoothed deviation from the usual: small shifts that last."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

from detectors.base import DetectorSpec, Number
from detectors.running import Running


class Ewma(Running):
    """Fires when the exponentially smoothed metric leaves `threshold` deviations of its mean.

    `alpha` is the weight of the newest window (default 0.3): small values find small lasting
    shifts, 1 looks at single windows. The bound follows from the spread that a smoothed value has.

    Flags: latencies of 880 to 950 ms, then five windows of 990 ms.
    Passes: the same, then one window of 960 ms.
    """

    name = "ewma"
    strategy = "ewma"
    numbers: ClassVar[Mapping[str, Number]] = {
        "alpha": Number(0.3, 0.01, 1.0, "Weight of the newest window.")
    }
    extra: ClassVar[Mapping[str, float]] = {"smooth": 0.0, "judged": 0}

    def react(
        self, spec: DetectorSpec, extra: dict[str, float], deviation: float
    ) -> tuple[float, float]:
        """Smooth the deviation and put it on the scale of its own spread."""
        alpha = self.number(spec, "alpha")
        limit = 3 * spec.threshold / alpha
        bounded = min(limit, max(-limit, deviation))
        extra["smooth"] += alpha * (bounded - extra["smooth"])
        extra["judged"] += 1
        settled = 1 - (1 - alpha) ** (2 * extra["judged"])
        width = math.sqrt(alpha / (2 - alpha) * settled)
        return extra["smooth"] / width, alpha / width
