from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.base import DetectorSpec, Judgement, Point, Series
from detectors.damping import Damping, advance, told
from detectors.damping import begin as calm
from detectors.registry import detector, registry
from detectors.stream import begin, proceed

START = datetime(2026, 3, 2, tzinfo=UTC)
BASE = DetectorSpec(
    id="a",
    name="a",
    type="statistical",
    enabled=True,
    metric="latency_ms",
    statistic="p95",
    window=300,
    threshold=3,
    direction="both",
    min_samples=5,
)
SPECS = {
    name: replace(
        BASE,
        type=kind.type,
        strategy=kind.strategy,
        threshold=kind.threshold or BASE.threshold,
        condition="greater_than" if "condition" in kind.required else "",
        statistic="sum" if name == "budget" else "p95",
        metric="cost" if name == "budget" else "latency_ms",
    )
    for name, kind in registry().items()
}
LATENCIES = [900.0, 950, 870, 910, 880]


def points(values: list[float | None], parts: dict[str, int] | None = None) -> list[Point]:
    return [
        Point(
            START + timedelta(seconds=300 * place),
            value,
            0 if value is None else 60,
            {} if value is None else parts or {"10": 30, "20": 30},
        )
        for place, value in enumerate(values)
    ]


def ended(given: list[Point]) -> datetime:
    return given[-1].start + timedelta(seconds=300)


VALUES = st.lists(
    st.one_of(
        st.none(),
        st.floats(0, 1000),
        st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from([0.0, 900.0, 900.0, 950.0, 880.0, 3600.0]),
    ),
    min_size=1,
    max_size=60,
)


@pytest.mark.parametrize("name", SPECS)
@settings(max_examples=25, deadline=None)
@given(values=VALUES, cut=st.integers(0, 60))
def test_going_on_from_the_stored_state_is_as_a_replay_of_the_whole_history(
    name: str, values: list[float | None], cut: int
) -> None:
    spec, history = SPECS[name], points(values)
    now = ended(history)
    whole, at_once = proceed(spec, begin(spec), Series({}, tuple(history)), now)
    stored, outcomes = begin(spec), []
    for some in (history[:cut], history):
        until = ended(some) if some else START
        stored = json.loads(json.dumps(stored, allow_nan=False))
        stored, more = proceed(spec, stored, Series({}, tuple(some)), until)
        outcomes += more
    assert stored == whole
    assert outcomes == at_once


@pytest.mark.parametrize("name", SPECS)
def test_the_largest_numbers_leave_a_state_that_can_be_stored(name: str) -> None:
    values = [*LATENCIES, 1.7e308, -1.7e308, 1.7e308, *LATENCIES, -1.7e308]
    history = points([float(value) for value in values])
    state, outcomes = proceed(
        SPECS[name], begin(SPECS[name]), Series({}, tuple(history)), ended(history)
    )
    json.dumps(state, allow_nan=False)
    assert len(outcomes) == len(values)


@pytest.mark.parametrize("name", SPECS)
def test_a_step_leaves_the_given_state_alone_and_the_state_stays_bounded(name: str) -> None:
    spec, kind = SPECS[name], registry()[name]
    state = kind.begin()
    for point in points(LATENCIES * 500):
        before = json.dumps(state)
        after, _ = kind.step(spec, state, point, ended([point]))
        assert json.dumps(state) == before
        state = after
    assert len(json.dumps(state)) < 40_000


def test_windows_handed_in_twice_change_nothing() -> None:
    history = points([*LATENCIES * 3, 9000.0])
    state, first = proceed(BASE_ZSCORE, begin(BASE_ZSCORE), Series({}, tuple(history)), NOW)
    again, second = proceed(BASE_ZSCORE, state, Series({}, tuple(history)), NOW)
    assert [each.event for each in first][-1] == "told"
    assert (again, second) == (state, [])


BASE_ZSCORE = SPECS["zscore"]
NOW = START + timedelta(days=1)


def test_a_window_that_is_not_complete_or_within_the_lag_waits() -> None:
    history = points([900.0, 910.0, 920.0])
    until = START + timedelta(seconds=300 * 2 + 10)
    _, two = proceed(BASE_ZSCORE, begin(BASE_ZSCORE), Series({}, tuple(history)), until)
    _, one = proceed(BASE_ZSCORE, begin(BASE_ZSCORE), Series({}, tuple(history)), until, lag=30)
    assert (len(two), len(one)) == (2, 1)


def test_empty_windows_of_a_rate_are_zero_and_a_long_gap_is_cut_short() -> None:
    spec = replace(BASE_ZSCORE, metric="request_rate", statistic="rate")
    two = (points([5.0])[0], Point(START + timedelta(seconds=1200), 5.0, 60))
    state, outcomes = proceed(spec, begin(spec), Series({}, two), two[1].start)
    assert [each.point.value for each in outcomes] == [5.0, 0.0, 0.0, 0.0]
    _, rest = proceed(spec, state, Series({}, ()), START + timedelta(days=365))
    assert len(rest) == 1000


def test_an_open_anomaly_knows_its_beginning_its_peak_and_its_grade() -> None:
    history = points([*LATENCIES * 3, 3600.0, 9000.0, 900.0])
    _, outcomes = proceed(
        BASE_ZSCORE, begin(BASE_ZSCORE), Series({"model": "m"}, tuple(history)), NOW
    )
    first, second, last = outcomes[-3:]
    assert (first.event, second.event, last.event) == ("told", "", "ended")
    assert second.since == history[-3].start
    assert second.anomaly is not None
    assert (second.anomaly.grade, second.anomaly.labels) == ("critical", {"model": "m"})
    assert second.peak == max(first.judgement.score, second.judgement.score)
    assert last.anomaly is None


def scored(score: float) -> Judgement:
    return Judgement(score, 1.0)


def events(rule: Damping, *scores: float) -> list[str]:
    state, found = calm(), []
    for score in scores:
        state, event = advance(rule, state, scored(score), "2026-03-02")
        found.append(event)
    return found


def test_flapping_is_told_once_and_ends_only_after_calm_windows() -> None:
    rule = Damping(release=0.8, calm=2, silence=100, share=0)
    assert events(rule, 2, 0, 2, 0, 2, 0, 0) == ["told", "", "", "", "", "", "ended"]


def test_a_score_between_release_and_threshold_neither_begins_nor_ends() -> None:
    rule = Damping(release=0.8, calm=1, silence=100)
    assert events(rule, 0.9, 1.1, 0.9, 0.7) == ["", "told", "", "ended"]


def test_what_lasts_is_told_again_after_the_silence() -> None:
    rule = Damping(silence=3, share=0)
    assert events(rule, *[2.0] * 7) == ["told", "", "", "told", "", "", "told"]


@given(st.lists(st.floats(0, 2), max_size=200), st.integers(1, 30), st.floats(0, 0.2))
def test_the_rows_told_of_are_the_ones_that_the_machine_tells(
    scores: list[float], silence: int, share: float
) -> None:
    rule = Damping(silence=silence, share=share)
    machine = [row for row, event in enumerate(events(rule, *scores)) if event == "told"]
    assert list(told(rule, np.array(scores), 1.0)) == machine


def test_the_ensemble_scores_in_lockstep_what_it_scores_point_by_point() -> None:
    dice = np.random.default_rng(1)
    histories = [points(list(dice.lognormal(6.8, 0.3, size))) for size in (40, 90)]
    spec, ensemble = SPECS["ensemble"], registry()["ensemble"]
    together = list(
        ensemble.replay(  # type: ignore[attr-defined]
            [([p.start for p in each], np.array([p.value for p in each])) for each in histories]
        )
    )[-1][1]
    for history, scores in zip(histories, together, strict=True):
        state, alone = detector("ensemble").begin(), []
        for point in history:
            state, judgement = ensemble.step(spec, state, point, NOW)
            alone.append(abs(judgement.score))
        assert alone[20:] == pytest.approx(list(scores[20:]), abs=1e-12)
