"""The step from one window to the next, against the steps before it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from detectors.base import DetectorSpec, Judgement, Point, State
from detectors.statistical import Windowed


class RateOfChange(Windowed):
    """Fires when the metric moves `threshold` standard deviations more than it usually does.

    What counts is the difference from the window before. A slow climb never fires and a jump fires
    once, also where the level itself means nothing. With `scale: log` steps are factors.

    Flags: latencies of 880 to 950 ms, then 1500 ms.
    Passes: a climb from 900 to 5000 ms in steps of 50.
    """

    name = "rate_of_change"
    strategy = "rate_of_change"
    what = "deviations of a step"

    def begin(self) -> State:
        """No window yet."""
        return {**super().begin(), "last": None}

    def moments(self, values: Sequence[float]) -> tuple[float, float]:
        """The mean step and the spread of steps."""
        mean = sum(values) / len(values)
        squares = sum((value - mean) ** 2 for value in values)
        return mean, (squares / max(1, len(values) - 1)) ** 0.5

    def step(
        self, spec: DetectorSpec, state: State, point: Point, now: datetime
    ) -> tuple[State, Judgement]:
        """Judge the step that leads to this window."""
        value = self.reading(spec, point)
        if value is None:
            return state, Judgement(threshold=spec.threshold)
        last = state["last"]
        after = {**state, "last": value}
        if last is None:
            return after, Judgement(threshold=spec.threshold)
        return self.take(spec, after, value - last, point, since=last)
