"""Percentiles from counts in buckets."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import sketch

VALUES = st.lists(st.floats(0, 1e15), min_size=1, max_size=60)


def interpolated(values: list[float], share: float) -> float:
    """As percentile_cont does it."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low, high = ordered[int(place)], ordered[min(int(place) + 1, len(ordered) - 1)]
    return low + (high - low) * (place - int(place))


@given(VALUES, st.floats(0, 1))
def test_a_percentile_is_within_the_stated_error(values: list[float], share: float) -> None:
    counts = Counter(map(sketch.bucket, values))
    (found,) = sketch.percentiles(counts, [share], min(values), max(values))
    wanted = interpolated(values, share)
    assert found == pytest.approx(wanted, rel=sketch.RELATIVE_ERROR * 1.0001, abs=sketch.UNIT)


@given(VALUES, VALUES)
def test_sketches_add_up(some: list[float], others: list[float]) -> None:
    total = dict(Counter(map(sketch.bucket, some)))
    sketch.added(total, *sketch.dense(Counter(map(sketch.bucket, others))))
    assert total == Counter(map(sketch.bucket, some + others))


@given(st.floats(sketch.UNIT, 1e15, exclude_min=True))
def test_a_bucket_holds_its_values(value: float) -> None:
    low = sketch.UNIT * sketch.RATIO ** (sketch.bucket(value) - 1)
    assert low * (1 - 1e-9) <= value <= low * sketch.RATIO * (1 + 1e-9)


def test_the_ends_are_exact() -> None:
    counts = Counter(map(sketch.bucket, [3.0, 7.0, 1e6]))
    assert sketch.percentiles(counts, [0, 1], 3.0, 1e6) == [3.0, 1e6]


def test_nothing_has_no_percentile() -> None:
    assert sketch.percentiles({}, [0.5, 0.99], math.inf, -math.inf) == [None, None]
