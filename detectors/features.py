"""The plain statistics of the ensemble, kept up point by point for many series at once.

Each statistic is compared with the band between its own 1 % and 99 % quantile so far. How far it
lies beyond the band, as a share of the band's width and at most `FULL`, is its vote. What the mean
vote reached at this half hour on both of the last two days is taken off: a nightly job is no news.
The rest is divided by what is usual, the mean vote that 3 in 1,000 windows reached, and smoothed
over `SMOOTH` windows: many statistics that leave their bands for one window only are chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors import quantiles

Floats = NDArray[np.float64]
Slots = NDArray[np.int64]

SPANS = np.array([2.0, 4, 8, 16, 32])
"""Memory of the averages, and width of the running extremes, in windows."""

SMOOTHING = SPANS[1:]
RING = 32
LEVEL = 64.0
DAY, WEEK = 48, 168
DAY_RATE, WEEK_RATE = 0.15, 0.3
EDGES = np.array([[0.01], [0.99]])
OWN = 0.997
FULL = 0.05
USUAL = 0.3
SMOOTH = 2.0
DAYS = 2
WARM_UP = 20
LEAST = 0.01
YOUNG = 10.0
HUGE = 1e100
STATISTICS = 1 + 5 * len(SPANS) + 2 + 3 * len(SMOOTHING)

_PARTS = {
    "seen": 1,
    "least": 1,
    "most": 1,
    "level": 1,
    "ring": RING,
    "mean": len(SPANS),
    "variance": len(SPANS),
    "rough": len(SPANS),
    "day": DAY,
    "day_seen": DAY,
    "week": WEEK,
    "week_seen": WEEK,
    "by_day": len(SMOOTHING),
    "by_week": len(SMOOTHING),
    "off_day": len(SMOOTHING),
    "bands": 2 * STATISTICS * quantiles.SIZE,
    "own": quantiles.SIZE,
    "slot": 1,
    "peak": 1,
    "peaks": DAYS * DAY,
    "smooth": 1,
}
SIZE = sum(_PARTS.values())
"""Floats that one series needs."""

_ENDS = np.cumsum(list(_PARTS.values()))
_PLACES = {
    name: slice(int(end) - size, int(end))
    for (name, size), end in zip(_PARTS.items(), _ENDS, strict=True)
}
_LATER = _PLACES["slot"].start


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of some series: one row of `SIZE` floats each, changed in place.

    All rows have seen the same number of points.
    """

    rows: Floats

    @staticmethod
    def fresh(series: int) -> Memory:
        """Rows that have seen nothing."""
        memory = Memory(np.zeros((series, SIZE)))
        memory.bands()[:] = quantiles.start((series, 2, STATISTICS))
        memory.part("own")[:] = quantiles.start((series,))
        memory.part("slot")[:] = -1
        return memory

    @staticmethod
    def unpacked(state: Mapping[str, str]) -> Memory:
        """The memory of one series that `packed` gave; what an older state lacks is fresh."""
        memory = Memory.fresh(1)
        memory.rows[:, :_LATER] = quantiles.unpacked(state["memory"], (1, _LATER))
        if "votes" in state:
            memory.rows[:, _LATER:] = quantiles.unpacked(state["votes"], (1, SIZE - _LATER))
        return memory

    def packed(self) -> dict[str, str]:
        """As JSON, to the last bit: the statistics and their bands, then what the votes were."""
        return {
            "memory": quantiles.packed(self.rows[:, :_LATER]),
            "votes": quantiles.packed(self.rows[:, _LATER:]),
        }

    def part(self, name: str) -> Floats:
        """A view on one part of every row."""
        return self.rows[:, _PLACES[name]]

    def bands(self) -> Floats:
        """A view on the quantile trackers: (series, low and high, statistics, tracker)."""
        return self.part("bands").reshape(len(self.rows), 2, STATISTICS, quantiles.SIZE)


def advance(memory: Memory, values: Floats, day: Slots, week: Slots) -> Floats:
    """Take in one value per row and return the score of each.

    `day` is the half hour of the day and `week` the hour of the week that the window starts in.
    """
    seen = int(memory.part("seen")[0, 0])
    now = _statistics(memory, np.clip(values, -HUGE, HUGE), day, week, seen)
    bands = memory.bands()
    edges = quantiles.read(bands, seen, EDGES)
    low, high = edges[:, 0], edges[:, 1]
    width = np.maximum(high - low, LEAST * _reach(memory)[:, None])
    beyond = np.maximum(now - high, low - now) / width - YOUNG / (seen + 1)
    votes = np.clip(beyond, 0.0, FULL).mean(axis=1) / FULL
    if seen < WARM_UP:
        votes[:] = 0.0
    own = memory.part("own")
    news = np.maximum(0.0, votes - _daily(memory, day, votes))
    smooth = memory.part("smooth")[:, 0]
    smooth += (news / (USUAL + quantiles.read(own, seen, OWN)) - smooth) / SMOOTH
    quantiles.add(bands, seen, EDGES, np.broadcast_to(now[:, None], edges.shape))
    quantiles.add(own, seen, OWN, votes)
    memory.part("seen")[:] = seen + 1
    return smooth.copy()


def _daily(memory: Memory, day: Slots, votes: Floats) -> Floats:
    """What the votes reached in this half hour on each of the last `DAYS` days. Learns too."""
    slot, peak = memory.part("slot")[:, 0], memory.part("peak")[:, 0]
    peaks = memory.part("peaks").reshape(len(votes), DAYS, DAY)
    over = np.flatnonzero((slot != day) & (slot >= 0))
    left = slot[over].astype(np.int64)
    peaks[over, 1:, left] = peaks[over, :-1, left]
    peaks[over, 0, left] = peak[over]
    peak[slot != day] = 0.0
    slot[:] = day
    reached = peaks[np.arange(len(votes)), :, day].min(axis=1)
    np.maximum(peak, votes, out=peak)
    return np.asarray(reached, dtype=np.float64)


def _reach(memory: Memory) -> Floats:
    """The seen range, never less than a hair of the level, so that rounding is no deviation."""
    least, most = memory.part("least")[:, 0], memory.part("most")[:, 0]
    return np.maximum(most - least, 1e-6 * np.maximum(np.abs(least), np.abs(most)) + 1e-300)


def _statistics(memory: Memory, values: Floats, day: Slots, week: Slots, seen: int) -> Floats:
    x = values[:, None]
    ring = memory.part("ring")
    if seen == 0:
        ring[:] = x
        for name in ("least", "most", "mean", "level"):
            memory.part(name)[:] = x
    step = np.abs(x - ring[:, :1])
    ring[:, 1:] = ring[:, :-1].copy()
    ring[:, :1] = x
    memory.part("least")[:] = np.minimum(memory.part("least"), x)
    memory.part("most")[:] = np.maximum(memory.part("most"), x)
    rate = np.maximum(1 / SPANS, 1 / (seen + 1))
    mean, variance, rough = (memory.part(name) for name in ("mean", "variance", "rough"))
    away = x - mean
    mean += rate * away
    variance[:] = (1 - rate) * (variance + rate * away * away)
    rough += rate * (step - rough)
    level = memory.part("level")
    level += max(1 / LEVEL, 1 / (seen + 1)) * (x - level)
    expected = _slot(memory, "day", day, values, level[:, 0], DAY_RATE)
    off_day = x - expected[:, None]
    off_week = x - _slot(memory, "week", week, values, expected, WEEK_RATE)[:, None]
    rate = np.maximum(1 / SMOOTHING, 1 / (seen + 1))
    smooth = []
    for name, residual in (
        ("by_day", off_day),
        ("by_week", off_week),
        ("off_day", np.abs(off_day)),
    ):
        part = memory.part(name)
        part += rate * (residual - part)
        smooth.append(part)
    ends = SPANS.astype(np.int64) - 1
    highest = np.maximum.accumulate(ring, axis=1)[:, ends]
    lowest = np.minimum.accumulate(ring, axis=1)[:, ends]
    spread = np.sqrt(variance)
    return np.concatenate(
        [x, mean, spread, rough, highest, lowest, off_day, off_week, *smooth], axis=1
    )


def _slot(
    memory: Memory, name: str, slots: Slots, values: Floats, without: Floats, rate: float
) -> Floats:
    """What this time of the day or week usually brings; `without` where it is new. Learns too."""
    usual, known = memory.part(name), memory.part(f"{name}_seen")
    rows = np.arange(len(values))
    count = known[rows, slots]
    expected = np.where(count > 0, usual[rows, slots], without)
    usual[rows, slots] += np.maximum(rate, 1 / (count + 1)) * (values - usual[rows, slots])
    known[rows, slots] = count + 1
    return expected


def usual(memory: Memory) -> tuple[float, float, float, int]:
    """Band and smoothed level of the first row's value, and how many points it has seen."""
    seen = int(memory.part("seen")[0, 0])
    low, high = quantiles.read(memory.bands()[0, :, 0], seen, EDGES[:, 0])
    return float(low), float(high), float(memory.part("level")[0, 0]), seen
