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

HISTORY = 60
"""Windows before the current one that make the baseline."""

PRIOR = 30
"""Windows that the binomial spread of a share counts for beside the spread that was seen."""

SCALES = ("linear", "log")
_HUGE = 1e100


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
        low, baseline, high = ((_exp(each) if spec.scale == "log" else each) for each in bounds)
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
            spread = _shrunk(spread, usual, current.count)
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
        shown = _exp(centre) if spec.scale == "log" else centre
        return f"{abs(score):.3g} {self.what} {side} the usual {shown:.6g} of {known} windows"


def allowance(count: float, threshold: float) -> float:
    """How much wider a bound of `threshold` deviations is when `count` points gave the spread.

    Quantile of Student's t over that of the normal distribution (Cornish-Fisher), for a new point.
    """
    free, z = max(1.0, count - 1), threshold
    square = z * z
    wider = (square + 1) / (4 * free) + (5 * square * square + 16 * square + 3) / (96 * free**2)
    return (1 + wider) * math.sqrt(1 + 1 / count)


def surprise(usual: Sequence[Usual], current: Usual) -> float:
    """How unlikely it is that one share gave both the baseline and this window, in deviations.

    Signed root of the likelihood ratio of two binomial samples, with half an event taken off the
    difference, so that one failure of one request says little.
    """
    total, hits = _hits(usual)
    expected = hits / total
    share = min(1.0, max(0.0, current.value))
    half = 0.5 / max(1, current.count)
    share = max(expected, share - half) if share > expected else min(expected, share + half)
    both = (hits + current.count * share) / (total + current.count)
    deviance = total * _divergence(expected, both) + current.count * _divergence(share, both)
    return math.sqrt(2 * max(0.0, deviance))


def _divergence(share: float, model: float) -> float:
    sides = ((share, model), (1 - share, 1 - model))
    return sum(seen * math.log(seen / expected) for seen, expected in sides if seen > 0)


def _hits(usual: Sequence[Usual]) -> tuple[float, float]:
    """Events of the baseline and hits among them, one of each kind added: nothing is impossible."""
    total = sum(each.count for each in usual)
    hits = math.fsum(each.count * min(1.0, max(0.0, each.value)) for each in usual)
    return total + 2, hits + 1


def _shrunk(spread: float, usual: Sequence[Usual], count: int) -> float:
    """The spread of a share: what chance alone gives `count` events, and what was seen beside."""
    total, hits = _hits(usual)
    share = hits / total
    chance = share * (1 - share) * (1 / max(1, count) + 1 / total)
    seen = len(usual) - 1
    return math.sqrt((PRIOR * chance + seen * spread * spread) / (PRIOR + seen))


def _size(values: Iterable[float]) -> int:
    """The power of two that no value reaches, where they are huge; else 0."""
    biggest = max(abs(value) for value in values)
    return math.frexp(biggest)[1] if biggest > _HUGE else 0


def _ldexp(value: float, size: int) -> float:
    try:
        return math.ldexp(value, size)
    except OverflowError:
        return math.copysign(math.inf, value)


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf


class Running(Statistical):
    """Keeps the running mean and spread of the usual windows, in constant memory.

    `react` turns the deviation of a window into the score and keeps what it needs for that.
    """

    span: ClassVar[float] = 100.0
    extra: ClassVar[Mapping[str, float]] = {}
    patience: ClassVar[int] = HISTORY

    @abstractmethod
    def react(
        self, spec: DetectorSpec, extra: dict[str, float], deviation: float
    ) -> tuple[float, float]:
        """Score, and the part of it that one deviation of the next window adds; updates `extra`."""

    def history(self, spec: DetectorSpec) -> int:
        """How many windows before the current one `evaluate` wants to see."""
        return HISTORY

    def begin(self) -> State:
        """No window yet."""
        return {"seen": 0, "mean": 0.0, "variance": 0.0, "low": 0.0, "high": 0.0, "odd": 0} | dict(
            self.extra
        )

    def step(
        self, spec: DetectorSpec, state: State, point: Point, now: datetime
    ) -> tuple[State, Judgement]:
        """Score the window, then learn from it unless it is out of the ordinary.

        After `patience` such windows in a row it learns again, so that a new level becomes usual.
        """
        value = self.reading(spec, point)
        if value is None:
            return state, Judgement(threshold=spec.threshold)
        value = min(_HUGE, max(-_HUGE, value))
        after = dict(state)
        seen, score, unit, centre = state["seen"], 0.0, 0.0, None
        if seen >= spec.min_samples:
            centre, away = state["mean"], value - state["mean"]
            reach = state["high"] - state["low"]
            level = 0.0 if spec.scale == "log" else abs(centre)
            least = max(level, reach, abs(away), 1e-9) / 100
            spread = max(math.sqrt(state["variance"] * seen / max(1, seen - 1)), least)
            unit = spread * allowance(min(seen, self.span), spec.threshold)
            extra = {name: after[name] for name in self.extra}
            score, share = self.react(spec, extra, away / unit)
            after |= extra
            unit /= share or 1.0
        odd = abs(score) > spec.threshold
        after["odd"] = state["odd"] + 1 if odd else 0
        if odd and after["odd"] > self.patience:
            after |= self.begin()
            seen = 0
        if not odd or after["odd"] == 0:
            _learn(after, value, seen, self.span)
        because = "" if centre is None else self._because(spec, score, centre)
        return after, self.judged(spec, score, centre, unit, because)

    def _because(self, spec: DetectorSpec, score: float, centre: float) -> str:
        shown = _exp(centre) if spec.scale == "log" else centre
        side = "above" if score > 0 else "below"
        return f"{abs(score):.3g} deviations {side} the usual {shown:.6g}"


def _learn(state: State, value: float, seen: int, span: float) -> None:
    if seen == 0:
        state |= {"mean": value, "low": value, "high": value}
    rate = max(1 / span, 1 / (seen + 1))
    away = value - state["mean"]
    state["mean"] += rate * away
    state["variance"] = (1 - rate) * (state["variance"] + rate * away * away)
    state["low"], state["high"] = min(state["low"], value), max(state["high"], value)
    state["seen"] = seen + 1
