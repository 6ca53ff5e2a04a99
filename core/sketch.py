"""Percentiles from counts in fixed buckets whose bounds grow by one ratio.

Two sketches add by adding their counts. Bucket 0 is everything up to `UNIT`; bucket `i` reaches
from `UNIT * RATIO ** (i - 1)`, excluded, to `UNIT * RATIO ** i`. The middle by which a bucket
answers is at most `RELATIVE_ERROR` away from any value in it, and so is a percentile that is
interpolated between two of them. The bounds stand in the tables: they cannot be changed alone.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

UNIT = 0.001
RATIO = 1.04
RELATIVE_ERROR = (RATIO - 1) / (RATIO + 1)
"""Below 2 %."""
_PER_LOG = 1 / math.log(RATIO)
_MIDDLE = 2 / (RATIO + 1)


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


def added(total: dict[int, int], low: int | None, counts: Sequence[int]) -> None:
    """Add a sketch as tables hold it to `total`."""
    if low is None:
        return
    found = total.get
    for place, count in enumerate(counts, low):
        if count:
            total[place] = found(place, 0) + count


def percentiles(
    counts: Mapping[int, int], shares: Iterable[float], least: float, most: float
) -> list[float | None]:
    """The values below which these shares of the values lie, interpolated as `percentile_cont`.

    `least` and `most` are the true ends, beyond which no estimate goes. None each of no values.
    """
    if not counts:
        return [None for _ in shares]
    places = sorted(counts)
    reached = list(accumulate(counts[place] for place in places))
    last = reached[-1] - 1

    def at(rank: int) -> float:
        if rank <= 0 or rank >= last:
            return least if rank <= 0 else most
        value = middle(places[bisect_right(reached, rank)])
        return min(max(value, least), most)

    found: list[float | None] = []
    for share in shares:
        rank = share * last
        low = int(rank)
        below, above = at(low), at(min(low + 1, last))
        found.append(below + (above - below) * (rank - low))
    return found
