"""The shape of a distribution against the shape it used to have."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from itertools import accumulate
from typing import ClassVar

from detectors.base import Detector, DetectorSpec, Judgement, Number, Point, State
from detectors.statistical import HISTORY

PER_DOUBLING = 4
CELLS = 10
FADE = 0.99


def bin_of(value: float) -> str:
    """The bin of `Point.parts` that a value belongs to: quarters of a doubling, `zero` up to 0."""
    return "zero" if value <= 0 else str(math.floor(PER_DOUBLING * math.log2(value)))


class Drift(Detector):
    """Fires when the distribution of single values differs from that of earlier windows.

    The population stability index over ten cells of equal weight in the reference; 0.25
    (the default threshold) is a change that matters. What chance alone gives so few events is
    taken off. The reference fades (half after 69 windows) and learns nothing from windows that
    fired, until `patience` of them in a row. Needs `min_samples` events in a window (default 50)
    and `learn` windows before. Reads the bins of each window, not its value.

    Flags: half the calls have become four times as long, while the mean hardly moved.
    Passes: twice as many calls of the usual lengths.
    """

    name = "drift"
    type = "drift"
    threshold = 0.25
    min_samples = 50
    numbers: ClassVar[Mapping[str, Number]] = {
        "learn": Number(12, 1, 1000, "Windows that make the first reference."),
        "patience": Number(HISTORY, 1, 10_000, "Windows after which the new shape is the usual."),
    }

    def begin(self) -> State:
        """No reference yet."""
        return {"seen": 0, "odd": 0, "reference": {}}

    def step(
        self, spec: DetectorSpec, state: State, point: Point, now: datetime
    ) -> tuple[State, Judgement]:
        """Compare the bins with the reference, then let them fade into it."""
        if sum(point.parts.values()) < spec.min_samples:
            return state, Judgement(threshold=spec.threshold)
        reference, index = state["reference"], 0.0
        if state["seen"] >= self.number(spec, "learn"):
            index = stability_index(reference, point.parts)
        odd = state["odd"] + 1 if index > spec.threshold else 0
        after = {**state, "odd": odd}
        if odd > self.number(spec, "patience"):
            after, reference, odd = {**self.begin()}, {}, 0
        if not odd:
            names = sorted({*reference, *point.parts})
            faded = {n: FADE * reference.get(n, 0.0) + point.parts.get(n, 0) for n in names}
            after["reference"] = {n: weight for n, weight in faded.items() if weight >= 1e-3}
            after["seen"] = after["seen"] + 1
        because = f"and its distribution has moved by a stability index of {index:.3g}"
        return after, Judgement(index, spec.threshold, because=because)


def stability_index(reference: Mapping[str, float], current: Mapping[str, int]) -> float:
    """PSI between two sets of bins, less what chance gives samples of these sizes; 0 at least."""
    order = sorted({*reference, *current}, key=lambda n: -math.inf if n == "zero" else float(n))
    before = [reference.get(name, 0.0) for name in order]
    after = [float(current.get(name, 0)) for name in order]
    total, fresh = sum(before), sum(after)
    cells: dict[int, list[float]] = {}
    for upto, old, new in zip(accumulate(before), before, after, strict=True):
        middle = (upto - old / 2) / total
        cell = cells.setdefault(min(CELLS - 1, int(CELLS * middle)), [0.0, 0.0])
        cell[0] += old
        cell[1] += new
    index = 0.0
    for old, new in cells.values():
        was, now = (
            (old + 0.5) / (total + 0.5 * len(cells)),
            (new + 0.5) / (fresh + 0.5 * len(cells)),
        )
        index += (now - was) * math.log(now / was)
    return max(0.0, index - (len(cells) - 1) * (1 / total + 1 / fresh))
