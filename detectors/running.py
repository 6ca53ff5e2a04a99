"""Strategies with a running mean and spread, in constant memory."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from detectors.base import DetectorSpec, Judgement, Point, State
from detectors.statistical import HISTORY, HUGE, Statistical, allowance, exponent


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
        value = min(HUGE, max(-HUGE, value))
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
        shown = exponent(centre) if spec.scale == "log" else centre
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
