"""The current window against the same time of earlier days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import ClassVar

from detectors.base import DetectorSpec, Judgement, Number, Point, State
from detectors.robust_zscore import NORMAL
from detectors.statistical import HISTORY, Statistical, allowance

DAY = 86_400.0
FINEST = 300.0
"""Shortest slot in seconds; shorter windows share one."""


class Seasonal(Statistical):
    """Fires when the metric is `threshold` deviations off the same time of earlier days.

    Expected is the median of the same slot, one before and one after, of the last `days` days
    (default 7); a slot is one window and never under 5 minutes. The spread is that of the last
    windows around what was expected of them, or of this time of day if that is larger. On the
    first day, and for a time of day that is new, the median of the last 60 windows stands in.
    Windows that were anomalies beside earlier days teach it nothing, until they have lasted for 60
    windows.

    Flags: 200 requests/s at three in the night, where other nights have 20.
    Passes: 200 requests/s at noon, where other noons have 190.
    """

    name = "seasonal"
    strategy = "seasonal"
    numbers: ClassVar[Mapping[str, Number]] = {
        "days": Number(7, 2, 28, "Earlier days that are remembered.")
    }

    def history(self, spec: DetectorSpec) -> int:
        """How many windows before the current one `evaluate` wants to see."""
        return HISTORY

    def begin(self) -> State:
        """No window yet."""
        return {"slots": {}, "off": [], "recent": [], "odd": 0}

    def step(
        self, spec: DetectorSpec, state: State, point: Point, now: datetime
    ) -> tuple[State, Judgement]:
        """Compare with what was expected, then remember the window for later days."""
        value = self.reading(spec, point)
        if value is None:
            return state, Judgement(threshold=spec.threshold)
        seconds = point.start.timestamp()
        length = max(FINEST, spec.window)
        day, slot = int(seconds // DAY), int(seconds % DAY // length)
        per_day = max(1, int(DAY // length))
        earlier = _earlier(state["slots"], day, slot, per_day)
        expected = _expected(earlier, state["recent"])
        off, score, unit, because = state["off"], 0.0, 0.0, ""
        if expected is not None and len(off) >= spec.min_samples:
            unit = _unit(spec, off, earlier, expected, value)
            score = (value - expected) / unit
            because = f"{abs(score):.3g} deviations {'above' if score > 0 else 'below'} what is "
            because += "usual at this time" if len(earlier) > 1 else "usual of late"
        odd = state["odd"] + 1 if abs(score) > spec.threshold else 0
        after = {**state, "odd": odd}
        if odd == 0 or odd > HISTORY or len(earlier) < 2:
            after["off"] = [*off, 0.0 if expected is None else value - expected][-HISTORY:]
            after["recent"] = [*state["recent"], value][-HISTORY:]
            keep = int(self.number(spec, "days"))
            after["slots"] = _remembered(state["slots"], day, slot, value, keep)
        shown = expected if unit else None
        return after, self.judged(spec, score, shown, unit, because)


def _earlier(
    slots: Mapping[str, Sequence[Sequence[float]]], day: int, slot: int, per_day: int
) -> list[float]:
    found = []
    for near in (slot - 1, slot, slot + 1):
        entries = slots.get(str(near % per_day), ())
        found += [value for when, value in entries if when < day + near // per_day]
    return found


def _expected(earlier: Sequence[float], recent: Sequence[float]) -> float | None:
    if len(earlier) > 1:
        return median(earlier)
    return median(recent) if recent else None


def _unit(
    spec: DetectorSpec,
    off: Sequence[float],
    earlier: Sequence[float],
    expected: float,
    value: float,
) -> float:
    """One deviation: that of late or that of this time of day, whichever is larger."""
    spread = max(_deviation(off), _deviation(earlier))
    level = 0.0 if spec.scale == "log" else abs(expected)
    least = max(level, max(off) - min(off), abs(value - expected), 1e-9) / 100
    return max(spread, least) * allowance(0.4 * len(off), spec.threshold)


def _deviation(values: Sequence[float]) -> float:
    if not values:
        return 0.0
    middle = median(values)
    return NORMAL * median(abs(each - middle) for each in values)


def _remembered(
    slots: Mapping[str, Sequence[Sequence[float]]], day: int, slot: int, value: float, keep: int
) -> dict[str, Sequence[Sequence[float]]]:
    entries = [each for each in slots.get(str(slot), ()) if each[0] != day]
    return {**slots, str(slot): [*entries, [day, value]][-keep:]}
