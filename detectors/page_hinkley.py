"""How far the walk of deviations has risen from its lowest point, or fallen from its highest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from detectors.base import DetectorSpec, Number
from detectors.running import Running


class PageHinkley(Running):
    """Fires when the running sum of deviations has moved `threshold` away from its extreme.

    Page and Hinkley's test on standardised deviations: `delta` (default 0.25) is taken off each
    step, and older steps fade with `memory` (default 0.99), so that a long quiet time is not held
    against the next rise. A `threshold` of 8 is usual. Slower than `cusum` and calmer.

    Flags: latencies of 880 to 950 ms, then eight windows of 980 ms.
    Passes: the same, then one window of 980 ms.
    """

    name = "page_hinkley"
    strategy = "page_hinkley"
    threshold = 8.0
    numbers: ClassVar[Mapping[str, Number]] = {
        "delta": Number(0.25, 0.0, 5.0, "Deviations taken off each step."),
        "memory": Number(0.99, 0.5, 1.0, "Share of the walk that is kept from window to window."),
    }
    extra: ClassVar[Mapping[str, float]] = {"up": 0.0, "lowest": 0.0, "down": 0.0, "highest": 0.0}

    def react(
        self, spec: DetectorSpec, extra: dict[str, float], deviation: float
    ) -> tuple[float, float]:
        """Walk on; the farther of the two distances from the extreme is the score."""
        delta, keep, most = self.number(spec, "delta"), self.number(spec, "memory"), spec.threshold
        bounded = min(most, max(-most, deviation))
        extra["up"] = keep * extra["up"] + bounded - delta
        extra["lowest"] = min(keep * extra["lowest"], extra["up"])
        extra["down"] = keep * extra["down"] + bounded + delta
        extra["highest"] = max(keep * extra["highest"], extra["down"])
        rise, fall = extra["up"] - extra["lowest"], extra["highest"] - extra["down"]
        for sum_, extreme, distance, side in (
            ("up", "lowest", rise, 1),
            ("down", "highest", fall, -1),
        ):
            if distance > 2 * most:
                extra[sum_] = extra[extreme] + side * 2 * most
        return (min(rise, 2 * most), 1.0) if rise >= fall else (-min(fall, 2 * most), 1.0)
