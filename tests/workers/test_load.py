"""Admission's arithmetic: what waits, how fast it goes, on how many processes."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from core.errors import Overloaded
from workers.admission import Load, _refuse_late


def load(own: float = 0.0, others: float = 0.0, pace: float = 1.0, slots: int = 2) -> Load:
    return Load({"cpu": {"me": own, "you": others}}, {"cpu": pace}, {"cpu": slots})


@pytest.mark.parametrize(
    ("given", "wait"),
    [
        (load(), 0.0),
        (load(own=4), 2.0),
        (load(own=4, others=4), 4.0),
        (load(own=4, pace=3), 6.0),
        (load(own=4, slots=0), 4.0),
    ],
)
def test_the_projected_wait(given: Load, wait: float) -> None:
    assert given.wait("cpu") == pytest.approx(wait)


@pytest.mark.parametrize(
    ("given", "cost", "deadline"),
    [
        (load(own=18), 0.1, 10),
        (load(), 100, 10),
        (load(own=0.4), 100, 10),
    ],
)
def test_what_fits_or_would_not_fit_a_little_later_either_is_let_in(
    given: Load, cost: float, deadline: float
) -> None:
    _refuse_late(given, "cpu", "me", cost, deadline)


@pytest.mark.parametrize(("deadline", "refused"), [(10, True), (3600, False)])
def test_without_a_worker_only_those_are_let_in_who_can_wait_for_one(
    deadline: float, refused: bool
) -> None:
    with pytest.raises(Overloaded, match="no worker") if refused else nullcontext():
        _refuse_late(Load(absent=frozenset({"cpu"})), "cpu", "me", 0.1, deadline)


def test_a_worker_that_has_just_left_is_waited_for() -> None:
    _refuse_late(load(slots=0), "cpu", "me", 0.1, 10)


@pytest.mark.parametrize(
    ("given", "retry_after", "own_fault"),
    [
        (load(own=30), 6, True),
        (load(others=30), 6, False),
        (load(own=10, others=30), 11, False),
        (load(own=30, others=10), 11, True),
    ],
)
def test_what_comes_too_late_is_refused_with_the_time_to_come_back(
    given: Load, retry_after: int, own_fault: bool
) -> None:
    with pytest.raises(Overloaded) as refused:
        _refuse_late(given, "cpu", "me", 0.2, 10)
    assert (refused.value.retry_after, refused.value.own_fault) == (retry_after, own_fault)
