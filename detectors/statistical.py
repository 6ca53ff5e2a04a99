"""What the statistical strategies share: scale, direction, warm-up, and what stays out.

A strategy says where the centre is and how wide the spread, from the windows that were usual when
they were current (`Windowed`) or from running moments (`Running`).
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from detectors.base import Detector, DetectorSpec, Judgement, Point, State
from detectors.metrics import DIRECTIONS
from detectors.shares import PRIOR, spread_of, surprise

HISTORY = 60
"""Windows before the current one that make the baseline."""

SCALES = ("linear", "log")
HUGE = 1e100
"""Sizes beyond this are scaled down before they are squared."""


@dataclass(frozen=True, slots=True)
class Usual:
    """One earlier window: its number in the series, start in seconds, value and events."""

    number: int
    start: float
    value: float
    count: int

    def packed(self) -> list[float]:
        """As JSON."""
        return [self.number, self.start, self.value, self.count]


class Statistical(Detector):
    """A strategy that scores a window in deviations from the usual."""

    type = "statistical"
    options: ClassVar[Mapping[str, tuple[str, ...]]] = {"direction": DIRECTIONS, "scale": SCALES}
    min_samples = 5

    def reading(self, spec: DetectorSpec, point: Point) -> float | None:
        """The value on the scale of the entry; a logarithm says nothing about 0."""
        value = point.known
        if value is None or spec.scale != "log":
            return value
        return math.log(value) if value > 0 else None

    def judged(
        self, spec: DetectorSpec, score: float, centre: float | None, unit: float, because: str
    ) -> Judgement:
        """The judgement on a signed score; `unit` is one deviation on the scale of the entry."""
        if spec.direction == ("down" if score > 0 else "up"):
            score = 0.0
        if centre is None:
            return Judgement(score, spec.threshold, because=because)
        bounds = (centre - spec.threshold * unit, centre, centre + spec.threshold * unit)
        low, baseline, high = ((exponent(each) if spec.scale == "log" else each) for each in bounds)
        return Judgement(score, spec.threshold, baseline, low, high, because)


class Windowed(Statistical):
    """Keeps the last windows that were usual and asks `moments` for their centre and spread.

    `worth` is how many of `n` windows the spread is as good as, for estimates that waste some.
    """

    worth: ClassVar[float] = 1.0
    what: ClassVar[str] = "standard deviations"

    @abstractmethod
    def moments(self, values: Sequence[float]) -> tuple[float, float]:
        """Centre and spread of the values."""

    def history(self, spec: DetectorSpec) -> int:
        """How many windows before the current one `evaluate` wants to see."""
        return HISTORY

    def alike(self, spec: DetectorSpec, usual: Sequence[Usual], start: float) -> Sequence[Usual]:
        """The earlier windows that the one beginning at `start` is compared with."""
        return usual

    def begin(self) -> State:
        """No window yet."""
        return {"seen": 0, "usual": []}

    def step(
        self, spec: DetectorSpec, state: State, point: Point, now: datetime
    ) -> tuple[State, Judgement]:
        """Compare the window with the usual ones; it joins them unless it is out of the ordinary.

        What was out of the ordinary for `history` windows in a row is the usual from then on.
        """
        value = self.reading(spec, point)
        if value is None:
            return state, Judgement(threshold=spec.threshold)
        return self.take(spec, state, value, point)

    def take(
        self, spec: DetectorSpec, state: State, value: float, point: Point, since: float = 0.0
    ) -> tuple[State, Judgement]:
        """Judge `value`, read from the point; bounds are shown as `since` plus its own."""
        number = state["seen"] + 1
        oldest = number - self.history(spec)
        usual = [Usual(*each) for each in state["usual"] if each[0] >= oldest]
        current = Usual(number, point.start.timestamp(), value, point.count)
        alike = self.alike(spec, usual, current.start)
        enough = len(alike) >= spec.min_samples
        score, centre, unit = self.compare(spec, alike if enough else usual, current)
        known = len(alike if enough else usual)
        if abs(score) <= spec.threshold or (spec.seasonality and not enough):
            usual = self._settled(spec, [*usual, current])
        centre = None if centre is None else centre + since
        because = self._because(spec, score, centre, known)
        packed = [each.packed() for each in usual]
        judgement = self.judged(spec, score, centre, unit, because)
        return {**state, "seen": number, "usual": packed}, judgement

    def compare(
        self, spec: DetectorSpec, usual: Sequence[Usual], current: Usual
    ) -> tuple[float, float | None, float]:
        """Signed score, centre, and the size of one deviation."""
        if len(usual) < spec.min_samples:
            return 0.0, None, 0.0
        size = _size([current.value, *(each.value for each in usual)])
        value, *values = (
            math.ldexp(each, -size) for each in (current.value, *(each.value for each in usual))
        )
        centre, spread = self.moments(values)
        away = value - centre
        worth = len(values) * self.worth
        share = spec.statistic == "ratio" and spec.scale == "linear"
        if share:
            spread = spread_of(spread, usual, current.count)
            worth += PRIOR
        reach = max(values) - min(values)
        least = max(0.0 if spec.scale == "log" else abs(centre), reach, abs(away), 1e-9) / 100
        unit = max(spread, least) * allowance(worth, spec.threshold)
        score = away / unit
        if share:
            score = math.copysign(min(abs(score), surprise(usual, current)), score)
        return score, _ldexp(centre, size), _ldexp(unit, size)

    def _settled(self, spec: DetectorSpec, usual: list[Usual]) -> list[Usual]:
        """Without those of the first few that later ones show to have been out of the ordinary."""
        few = spec.min_samples
        if spec.seasonality or not few < len(usual) <= 4 * few:
            return usual
        for each in usual[:few]:
            others = [other for other in usual if other is not each]
            if abs(self.compare(spec, others, each)[0]) > spec.threshold:
                usual = others
        return usual

    def _because(self, spec: DetectorSpec, score: float, centre: float | None, known: int) -> str:
        if centre is None:
            return ""
        side = "above" if score > 0 else "below"
        shown = exponent(centre) if spec.scale == "log" else centre
        return f"{abs(score):.3g} {self.what} {side} the usual {shown:.6g} of {known} windows"


def allowance(count: float, threshold: float) -> float:
    """How much wider a bound of `threshold` deviations is when `count` points gave the spread.

    Quantile of Student's t over that of the normal distribution (Cornish-Fisher), for a new point.
    """
    free, z = max(1.0, count - 1), threshold
    square = z * z
    wider = (square + 1) / (4 * free) + (5 * square * square + 16 * square + 3) / (96 * free**2)
    return (1 + wider) * math.sqrt(1 + 1 / count)


def _size(values: Iterable[float]) -> int:
    """The power of two that no value reaches, where they are huge; else 0."""
    biggest = max(abs(value) for value in values)
    return math.frexp(biggest)[1] if biggest > HUGE else 0


def _ldexp(value: float, size: int) -> float:
    try:
        return math.ldexp(value, size)
    except OverflowError:
        return math.copysign(math.inf, value)


def exponent(value: float) -> float:
    """The number of that logarithm, infinite where no float holds it."""
    return math.exp(value) if value < 700 else math.inf
