"""A threshold proposed from history: as sensitive as the wanted number of alerts allows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from core.errors import BadInput
from workers.detection_past import Past

STEPS = 64
"""Thresholds between an eighth and eight times the present one."""
UNITS = {
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
}


@dataclass(frozen=True, slots=True)
class Rate:
    """So many alerts in a day, a week or a month."""

    count: float
    unit: str

    def over(self, span: timedelta) -> float:
        """As many in this time."""
        return self.count * (span / UNITS[self.unit])


def parse_rate(text: str) -> Rate:
    """`2/week`. Raises BadInput."""
    count, _, unit = text.partition("/")
    try:
        number = float(count)
    except ValueError:
        number = math.nan
    if unit not in UNITS or not (math.isfinite(number) and number > 0):
        raise BadInput(f"{text!r} is no rate; write 2/week (also /day, /month)")
    return Rate(number, unit)


@dataclass(slots=True)
class Tuning:
    """What was found: alerts in the whole span by threshold, and the proposal."""

    span: timedelta
    proposed: float
    counts: dict[float, int] = field(default_factory=dict)

    def rate(self, threshold: float, unit: str) -> float:
        """Alerts expected in a day, a week or a month."""
        return self.counts[threshold] * (UNITS[unit] / self.span)


def tune(one: Past, wanted: Rate) -> Tuning:
    """The most sensitive threshold with at most the wanted number of alerts, by bisection over
    replays. Raises BadInput where there is no threshold to choose."""
    spec = one.spec
    if spec.type in ("no_data", "novelty"):
        raise BadInput(f"{spec.type} has no threshold; it counts windows")
    span = one.until - one.since
    found = Tuning(span, spec.threshold)
    _count(found, one, spec.threshold)
    steps = _steps(one)
    low, high = 0, len(steps)
    while low < high:
        middle = (low + high) // 2
        if _count(found, one, steps[middle]) > wanted.over(span):
            low = middle + 1
        else:
            high = middle
    found.proposed = steps[min(low, len(steps) - 1)]
    for near in (low - 8, low - 2, low - 1, low + 2, low + 8):
        if 0 <= near < len(steps):
            _count(found, one, steps[near])
    _count(found, one, found.proposed)
    return found


def _count(found: Tuning, one: Past, threshold: float) -> int:
    if threshold not in found.counts:
        found.counts[threshold] = one.alerts(threshold)
    return found.counts[threshold]


def _steps(one: Past) -> Sequence[float]:
    """Thresholds to choose from, the most sensitive first."""
    spec = one.spec
    if spec.type != "threshold":
        ratio = 64 ** (1 / STEPS)
        return [_rounded(spec.threshold / 8 * ratio**place) for place in range(STEPS + 1)]
    down = spec.condition.startswith("less")
    values = {
        _rounded(point.known, up=not down)
        for points in one.history.values()
        for point in points
        if point.known is not None and (spec.floor is None or point.known > spec.floor)
    }
    return sorted(values or {spec.threshold}, reverse=down)


def _rounded(value: float, *, up: bool = True) -> float:
    """Three digits, to the side that is less sensitive."""
    if value == 0:
        return 0.0
    place = 10.0 ** (math.floor(math.log10(abs(value))) - 2)
    return float(f"{(math.ceil if up else math.floor)(round(value / place, 6)) * place:.3g}")
