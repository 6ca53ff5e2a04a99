"""A smoothed value beyond the band of its own history: the plainest strategy that does well."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

import numpy as np

from detectors import quantiles
from detectors.base import DetectorSpec, Judgement, Number, Point, State
from detectors.statistical import HISTORY, Statistical

EDGES = np.array([0.01, 0.99])
WARM_UP = 20


class Band(Statistical):
    """Fires when the smoothed metric lies beyond all it has been but for 1 % on either side.

    The band between the 1 % and the 99 % quantile of the whole history is kept in constant memory
    (P²). The score is how far the metric, smoothed over `span` windows (default 2), lies beyond the
    band, in widths of the band: `threshold` 0.25 is a quarter of its width. It assumes nothing
    about the distribution and needs at least 20 windows.

    Flags: latencies of 880 to 950 ms, then two windows of 1500 ms.
    Passes: the same, then one window of 955 ms.
    """

    name = "band"
    strategy = "band"
    threshold = 0.25
    min_samples = WARM_UP
    numbers: ClassVar[Mapping[str, Number]] = {
        "span": Number(2.0, 1.0, 1000.0, "Windows that the smoothing remembers.")
    }

    def history(self, spec: DetectorSpec) -> int:
        """How many windows before the current one `evaluate` wants to see."""
        return HISTORY

    def begin(self) -> State:
        """No window yet."""
        bands = quantiles.packed(quantiles.start((2,)))
        return {"seen": 0, "smooth": 0.0, "bands": bands, "least": 0.0, "most": 0.0}

    def step(
        self, spec: DetectorSpec, state: State, point: Point, now: datetime
    ) -> tuple[State, Judgement]:
        """Smooth, compare with the band, widen the band."""
        value = self.reading(spec, point)
        if value is None:
            return state, Judgement(threshold=spec.threshold)
        seen = state["seen"]
        rate = max(1 / self.number(spec, "span"), 1 / (seen + 1))
        smooth = state["smooth"] + rate * (value - state["smooth"])
        bands = quantiles.unpacked(state["bands"], (2, quantiles.SIZE))
        low, high = (float(edge) for edge in quantiles.read(bands, seen, EDGES))
        quantiles.add(bands, seen, EDGES, np.full(2, smooth))
        least = min(state["least"], value) if seen else value
        most = max(state["most"], value) if seen else value
        after = {
            "seen": seen + 1,
            "smooth": smooth,
            "bands": quantiles.packed(bands),
            "least": least,
            "most": most,
        }
        if seen < max(spec.min_samples, WARM_UP):
            return after, Judgement(threshold=spec.threshold)
        width = max(high - low, (most - least) / 100, 1e-6 * abs(smooth), 1e-300)
        score = max(0.0, smooth - high) / width - max(0.0, low - smooth) / width
        because = f"{abs(score):.3g} widths beyond its band of {low:.6g} to {high:.6g}"
        middle, half = (low + high) / 2, (high - low) / 2
        unit = width + half / spec.threshold
        return after, self.judged(spec, score, middle, unit, because)
