"""Percentiles from counts in buckets."""

from __future__ import annotations

import math
import struct
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import sketch

VALUES = st.lists(st.floats(0, 1e15), min_size=1, max_size=60)


def sent(counts: list[int]) -> bytes:
    """What PostgreSQL's `array_send` makes of an integer[]: dimensions, whether a NULL is in it,
    type, then length and first index of the dimension, then each element behind its length."""
    if not counts:
        return struct.pack(">iii", 0, 0, 23)
    head = struct.pack(">iiiii", 1, 0, 23, len(counts), 1)
    return head + b"".join(struct.pack(">ii", 4, count) for count in counts)


def sketched(*parts: list[float]) -> sketch.Sketch:
    """The sum of the sketches of these values, each as it comes from a table."""
    made = sketch.Sketch()
    for values in parts:
        low, counts = sketch.dense(Counter(map(sketch.bucket, values)))
        made.add(low, sketch.decoded(sent(counts)))
    return made


def interpolated(values: list[float], share: float) -> float:
    """As percentile_cont does it."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low, high = ordered[int(place)], ordered[min(int(place) + 1, len(ordered) - 1)]
    return low + (high - low) * (place - int(place))


@given(VALUES, st.floats(0, 1))
def test_a_percentile_is_within_the_stated_error(values: list[float], share: float) -> None:
    (found,) = sketched(values).percentiles([share], min(values), max(values))
    wanted = interpolated(values, share)
    assert found == pytest.approx(wanted, rel=sketch.RELATIVE_ERROR * 1.0001, abs=sketch.UNIT)


SOME = st.lists(st.floats(0, 1e15), max_size=20)
SHARES = [0, 0.01, 0.25, 0.5, 0.75, 0.95, 0.99, 1]


@given(st.lists(SOME, max_size=5), st.lists(SOME, max_size=5))
def test_sketches_add_up(some: list[list[float]], others: list[list[float]]) -> None:
    values = [value for part in some + others for value in part]
    total, more = sketched(*some), sketched(*others)
    total.merge(more)
    ends = min(values, default=math.inf), max(values, default=-math.inf)
    assert total.percentiles(SHARES, *ends) == sketched(values).percentiles(SHARES, *ends)
    assert bool(total) == bool(values)


def test_what_is_added_stays_as_it_is() -> None:
    one, other = sketched([5.0]), sketched([7.0] * 3)
    one.merge(other)
    one.merge(other)
    (middle,) = other.percentiles([0.5], 0.0, 9.0)
    assert middle == pytest.approx(7.0, rel=sketch.RELATIVE_ERROR)
    assert one.percentiles([0.5], 0.0, 9.0) == [middle]


@given(st.floats(sketch.UNIT, 1e15, exclude_min=True))
def test_a_bucket_holds_its_values(value: float) -> None:
    low = sketch.UNIT * sketch.RATIO ** (sketch.bucket(value) - 1)
    assert low * (1 - 1e-9) <= value <= low * sketch.RATIO * (1 + 1e-9)


def test_the_ends_are_exact() -> None:
    assert sketched([3.0, 7.0, 1e6]).percentiles([0, 1], 3.0, 1e6) == [3.0, 1e6]


def test_nothing_has_no_percentile() -> None:
    assert sketched([]).percentiles([0.5, 0.99], math.inf, -math.inf) == [None, None]
