from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors import features
from detectors.base import DetectorSpec, Judgement, Point, State
from detectors.ensemble import Ensemble

START = datetime(2026, 3, 2, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)
ENSEMBLE = Ensemble()
SPEC = DetectorSpec(
    id="a",
    name="a",
    type="statistical",
    strategy="ensemble",
    enabled=True,
    metric="latency_ms",
    statistic="p95",
    window=1800,
    threshold=Ensemble.threshold,
    direction="both",
    min_samples=Ensemble.min_samples,
)


def times(count: int) -> list[datetime]:
    return [START + place * HALF_HOUR for place in range(count)]


def judged(values: NDArray[np.float64], state: State | None = None) -> list[Judgement]:
    state, found = state or ENSEMBLE.begin(), []
    for time, value in zip(times(len(values)), values, strict=True):
        state, judgement = ENSEMBLE.step(SPEC, state, Point(time, float(value), 60), time)
        found.append(judgement)
    return found


def noise(days: int, seed: int = 1) -> NDArray[np.float64]:
    return np.random.default_rng(seed).lognormal(6.8, 0.1, 48 * days)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.lists(st.integers(25, 150), min_size=1, max_size=4))
def test_lockstep_over_days_is_as_point_by_point(seed: int, sizes: list[int]) -> None:
    dice = np.random.default_rng(seed)
    histories = [(times(size), dice.lognormal(6, 0.5, size)) for size in sizes]
    *_, (_, together) = ENSEMBLE.replay(histories)
    for (_, values), scores in zip(histories, together, strict=True):
        alone = [abs(each.score) for each in judged(values)]
        assert alone[20:] == pytest.approx(list(scores[20:]), abs=1e-12)


def daily(days: int) -> NDArray[np.float64]:
    values = noise(days)
    values[3::48] *= 5
    return values


def test_a_nightly_job_is_no_news_once_it_came_twice() -> None:
    odd = {place for place, each in enumerate(judged(daily(10))) if each.odd}
    assert any(place // 48 < 3 for place in odd)
    assert all(place // 48 < 3 for place in odd)


def test_the_same_at_another_hour_is_news() -> None:
    values = daily(10)
    values[48 * 9 + 30] *= 5
    assert any(each.odd for each in judged(values)[48 * 9 + 30 :])


def test_what_lasts_scores_higher_than_its_first_window() -> None:
    scores = [each.score for each in judged(np.concatenate([noise(3), [9000.0, 9000.0]]))[-2:]]
    assert Ensemble.threshold < scores[0] <= 0.5 / features.USUAL
    assert scores[1] > 1.2 * scores[0]


def test_a_state_from_before_the_votes_were_kept_goes_on() -> None:
    state = ENSEMBLE.begin()
    for point in [Point(time, 900.0 + n % 7, 60) for n, time in enumerate(times(60))]:
        state, _ = ENSEMBLE.step(SPEC, state, point, point.start)
    old = {"memory": state["memory"]}
    _, judgement = ENSEMBLE.step(SPEC, old, Point(times(61)[-1], 9000.0, 60), START)
    assert judgement.odd


def test_the_state_is_plain_json_and_small() -> None:
    state, _ = ENSEMBLE.step(SPEC, ENSEMBLE.begin(), Point(START, 900.0, 60), START)
    assert len(json.dumps(state)) < 18_000
