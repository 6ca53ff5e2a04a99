"""Thresholds that keep a budget of false positives."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.analysis import Thresholds
from core.errors import BadInput
from engines.budget import LOWEST, fit, interval, needed, reaching, smallest

steady = settings(deadline=None, derandomize=True, database=None)
risks_lists = st.lists(st.integers(0, 9999).map(lambda n: n / 10000), min_size=1, max_size=300)
rates = st.sampled_from([0.001, 0.01, 0.05, 0.2])


@given(risks=risks_lists, rate=rates)
@steady
def test_the_smallest_threshold_keeps_the_budget_and_none_below_it_does(
    risks: list[float], rate: float
) -> None:
    found = smallest(risks, rate)
    assert sum(risk >= found for risk in risks) <= rate * len(risks) + 1e-6
    below = round(found - 0.0001, 4)
    assert sum(risk >= below for risk in risks) > rate * len(risks) - 1e-6


@given(risks=risks_lists, rate=rates)
@steady
def test_fitted_thresholds_are_in_order_and_keep_the_budget(
    risks: list[float], rate: float
) -> None:
    after = fit(risks, rate, Thresholds()).thresholds
    assert 0 <= after.audit < after.warn <= after.block <= 1
    assert reaching(risks, after.warn).share <= rate + 1e-9


def test_the_threshold_falls_where_harmless_texts_are_quiet_and_no_lower_than_told() -> None:
    quiet = fit([0.0] * 995 + [0.4] * 5, 0.01, Thresholds())
    assert (quiet.thresholds.warn, quiet.held) == (LOWEST, True)
    assert fit([0.0] * 995 + [0.4] * 5, 0.001, Thresholds()).thresholds.warn == 0.4001


def test_the_threshold_rises_where_they_are_loud() -> None:
    loud = fit([0.0] * 900 + [0.8] * 100, 0.01, Thresholds()).thresholds
    assert (loud.warn, loud.block) == (0.8001, 0.8001)


def test_block_is_fitted_to_a_fifth_of_the_budget_where_texts_allow_it() -> None:
    risks = [0.0] * 9900 + [0.6] * 80 + [0.9] * 20
    fitted = fit(risks, 0.01, Thresholds())
    assert fitted.enough_for_block
    assert fitted.thresholds == Thresholds(0.18, LOWEST, 0.6001)


@pytest.mark.parametrize(("rate", "texts"), [(0.01, 300), (0.001, 3000), (0.05, 60)])
def test_how_many_texts_a_budget_needs(rate: float, texts: int) -> None:
    assert needed(rate) == texts
    assert fit([0.0] * texts, rate, Thresholds()).enough
    assert not fit([0.0] * (texts - 1), rate, Thresholds()).enough


def test_a_budget_that_no_threshold_keeps_is_refused() -> None:
    with pytest.raises(BadInput, match="3 of 10 texts have risk 1"):
        fit([1.0] * 3 + [0.0] * 7, 0.1, Thresholds())


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [
        (0, 300, 0.0, 0.012221),
        (10, 1000, 0.004806, 0.018313),
        (2, 10, 0.025211, 0.556095),
        (10, 10, 0.691503, 1.0),
    ],
)
def test_the_interval_is_clopper_and_pearson_s(
    hits: int, total: int, low: float, high: float
) -> None:
    assert interval(hits, total) == pytest.approx((low, high), abs=1e-6)
