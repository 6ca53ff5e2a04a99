"""The mean vote of many plain statistics: the strategy with the best score on NAB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from detectors import features
from detectors.base import DetectorSpec, Judgement, Point, State
from detectors.statistical import HISTORY, Statistical


class Ensemble(Statistical):
    """Fires when many plain statistics leave the bands of their own history at once.

    Forty statistics, equal in weight: the value; its mean, spread, roughness, maximum and minimum
    over 2 to 32 windows; and its distance from what this half hour of the day and this hour of the
    week usually bring, plain and smoothed. Each votes by how far it lies outside the band between
    its own 1 % and 99 % quantile so far, fully from a twentieth of the band's width; a young band
    is taken wider than it is. What the mean vote reached in this half hour on both of the last two
    days is taken off: a nightly job is news twice. The score is the rest over 0.3 plus the mean
    vote that 3 in 1,000 windows have reached, smoothed over two windows; `threshold` is 0.45 unless
    you say otherwise. Nothing is fitted beside the threshold, nothing looks ahead, and memory is
    constant. `direction` counts by the side of the usual that the value is on. It needs 20 windows
    to begin with and gets better over days.

    Flags: latencies of 880 to 950 ms, then three windows of 3600 ms.
    Passes: the same, then 940 ms.
    """

    name = "ensemble"
    strategy = "ensemble"
    threshold = 0.45
    min_samples = features.WARM_UP

    def history(self, spec: DetectorSpec) -> int:
        """How many windows before the current one `evaluate` wants to see."""
        return HISTORY

    def begin(self) -> State:
        """No window yet."""
        return {**features.Memory.fresh(1).packed()}

    def step(
        self, spec: DetectorSpec, state: State, point: Point, now: datetime
    ) -> tuple[State, Judgement]:
        """Take the window in and let the statistics vote."""
        value = self.reading(spec, point)
        if value is None:
            return state, Judgement(threshold=spec.threshold)
        memory = features.Memory.unpacked(state)
        low, high, level, seen = features.usual(memory)
        day, week = slots([point.start])
        score = float(features.advance(memory, np.array([value]), day, week)[0])
        after: State = {**memory.packed()}
        if seen < spec.min_samples:
            return after, Judgement(threshold=spec.threshold)
        because = f"score {score:.3g} of many statistics beyond their bands; usual is "
        because += f"{low:.6g} to {high:.6g}"
        signed = score if value >= level else -score
        unit = max(high - level, level - low) / spec.threshold
        return after, self.judged(spec, signed, level, unit, because)

    def replay(
        self, histories: Sequence[tuple[Sequence[datetime], NDArray[np.float64]]]
    ) -> Iterator[tuple[int, list[NDArray[np.float64]]]]:
        """The scores of whole histories, (rows,) each, in lockstep: what `step` gives one by one.

        Yields how many rows are done and the scores so far, from time to time and at the end.
        """
        order = sorted(range(len(histories)), key=lambda place: -len(histories[place][1]))
        lengths = [len(histories[place][1]) for place in order]
        placed = [slots(histories[place][0]) for place in order]
        found = [np.zeros(len(values)) for _, values in histories]
        memory = features.Memory.fresh(len(order))
        for row in range(max(lengths, default=0)):
            alive = sum(length > row for length in lengths)
            if alive < len(memory.rows):
                memory = features.Memory(memory.rows[:alive].copy())
            values = np.array([histories[place][1][row] for place in order[:alive]])
            day, week = (np.array([pair[kind][row] for pair in placed[:alive]]) for kind in (0, 1))
            for place, score in zip(
                order, features.advance(memory, values, day, week), strict=False
            ):
                found[place][row] = score
            if row % 500 == 0:
                yield row, found
        yield max(lengths, default=0), found


def slots(times: Sequence[datetime]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Half hour of the day and hour of the week of each time."""
    day = [time.hour * 2 + time.minute // 30 for time in times]
    week = [time.weekday() * 24 + time.hour for time in times]
    return np.array(day, dtype=np.int64), np.array(week, dtype=np.int64)
