"""A series that has fallen silent."""

from __future__ import annotations

from datetime import datetime, timedelta

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
from detectors.threshold import SILENT_AFTER, windows_of

GAPS = 20
"""Gaps that are remembered."""


class NoData(Detector):
    """Fires when windows stay empty that used to hold events.

    A window with fewer than `min_samples` events (default 1) is empty. `for` is how long they must
    have been empty (default 0s: one window). A series with gaps is known by them: it is silent only
    from twice the longest of its last 20 gaps on. A series that never held anything is not silent.

    Flags: 300 requests a window, then none.
    Passes: a request every third window, then two windows without.
    """

    name = "no_data"
    type = "no_data"
    threshold = 1.0
    holds = True

    def history(self, spec: DetectorSpec) -> int:
        """How many windows before the current one `evaluate` wants to see."""
        return SILENT_AFTER + windows_of(spec)

    def begin(self) -> State:
        """Nothing was ever seen."""
        return {"heard": False, "empty": 0, "gaps": []}

    def step(
        self, spec: DetectorSpec, state: State, point: Point, now: datetime
    ) -> tuple[State, Judgement]:
        """Count the empty windows in a row."""
        if point.count >= spec.min_samples:
            gaps = [*state["gaps"], state["empty"]] if state["empty"] else state["gaps"]
            return {"heard": True, "empty": 0, "gaps": gaps[-GAPS:]}, Judgement(verdict=False)
        empty = state["empty"] + 1 if state["heard"] else 0
        usual = 2 * max(state["gaps"], default=0)
        fires = state["heard"] and empty >= windows_of(spec) and empty > usual
        because = f"after {empty} windows without data"
        return {**state, "empty": empty}, Judgement(empty - 1.0, because=because, verdict=fires)

    def evaluate(self, spec: DetectorSpec, series: Series, now: datetime) -> Anomaly | None:
        """The anomaly of the current window, or None."""
        window = timedelta(seconds=spec.window)
        counts = {
            int((now - point.start) / window - 0.5): point.count
            for point in series.points
            if point.start < now
        }
        state, judgement = self.begin(), Judgement()
        for back in range(max(counts, default=-1), -1, -1):
            current = Point(now - (back + 1) * window, None, counts.get(back, 0))
            state, judgement = self.step(spec, state, current, now)
        return explained(spec, series.labels, current, judgement) if judgement.odd else None
