"""Percentiles from counts in fixed buckets whose bounds grow by one ratio.

Two sketches add by adding their counts. Bucket 0 is everything up to `UNIT`; bucket `i` reaches
from `UNIT * RATIO ** (i - 1)`, excluded, to `UNIT * RATIO ** i`. The middle by which a bucket
answers is at most `RELATIVE_ERROR` away from any value in it, and so is a percentile that is
interpolated between two of them. The bounds stand in the tables: they cannot be changed alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

UNIT = 0.001
RATIO = 1.04
RELATIVE_ERROR = (RATIO - 1) / (RATIO + 1)
"""Below 2 %."""
_PER_LOG = 1 / math.log(RATIO)
_MIDDLE = 2 / (RATIO + 1)
_HEADER = 20
"""Octets before the first element of a PostgreSQL array in its binary form, if it has one."""
_SLACK = 16
"""Buckets of room on either side of a sketch that had to grow."""
_NO_COUNTS: NDArray[np.int64] = np.zeros(0, np.int64)


def bucket(value: float) -> int:
    """The bucket of a value of at least 0."""
    return 0 if value <= UNIT else math.ceil(math.log(value / UNIT) * _PER_LOG)


def middle(place: int) -> float:
    """The value by which a bucket answers."""
    return 0.0 if place == 0 else UNIT * RATIO**place * _MIDDLE


def dense(counts: Mapping[int, int]) -> tuple[int | None, list[int]]:
    """The lowest bucket and the counts from there on, as tables hold them; None and [] of none."""
    if not counts:
        return None, []
    low = min(counts)
    made = [0] * (max(counts) - low + 1)
    for place, count in counts.items():
        made[place - low] = count
    return low, made


def decoded(sent: bytes | memoryview) -> NDArray[np.int64]:
    """The counts in what PostgreSQL's `array_send` makes of them, which is read in one step: after
    the header each element is its length, 4, and its value, of four octets each."""
    return np.frombuffer(sent, ">i4", offset=min(_HEADER, len(sent)))[1::2].astype(np.int64)


class Sketch:
    """Sketches added up."""

    __slots__ = ("_counts", "_low")

    def __init__(self) -> None:
        self._low, self._counts = 0, _NO_COUNTS

    def __bool__(self) -> bool:
        """Whether it counts anything."""
        return self._counts.size > 0

    def add(self, low: int | None, counts: NDArray[np.int64]) -> None:
        """Add the counts of the buckets from `low` on; None has none."""
        if low is None:
            return
        if not self:
            self._low, self._counts = low, counts.copy()
            return
        start, room = low - self._low, self._counts.size
        if start < 0 or start + counts.size > room:
            before = max(-start, 0) + _SLACK
            grown = np.zeros(before + max(start + counts.size, room) + _SLACK, np.int64)
            grown[before : before + room] = self._counts
            self._low, self._counts = self._low - before, grown
            start += before
        self._counts[start : start + counts.size] += counts

    def merge(self, other: Sketch) -> None:
        """Add another."""
        if other:
            self.add(other._low, other._counts)

    def percentiles(self, shares: Sequence[float], least: float, most: float) -> list[float | None]:
        """The values below which these shares of the values lie, interpolated as `percentile_cont`.

        `least` and `most` are the true ends, beyond which no estimate goes. None each of no values.
        """
        if not self:
            return [None for _ in shares]
        reached = self._counts.cumsum()
        last = int(reached[-1]) - 1
        wanted = [share * last for share in shares]
        ranks = [rank for at in wanted for rank in (int(at), min(int(at) + 1, last))]
        places = reached.searchsorted(ranks, side="right").tolist()

        def value(rank: int, place: int) -> float:
            if rank <= 0 or rank >= last:
                return least if rank <= 0 else most
            return min(max(middle(self._low + place), least), most)

        values = list(map(value, ranks, places))
        return [
            below + (above - below) * (at - int(at))
            for at, below, above in zip(wanted, values[::2], values[1::2], strict=True)
        ]
