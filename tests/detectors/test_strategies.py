from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import ConfigError
from detectors.base import DetectorSpec, Judgement, Point
from detectors.config import parse_detectors
from detectors.drift import bin_of, stability_index
from detectors.registry import registry

START = datetime(2026, 3, 2, tzinfo=UTC)
USUAL = [900.0, 950, 870, 910, 880] * 8
BASE = DetectorSpec(
    id="a",
    name="a",
    type="statistical",
    enabled=True,
    metric="latency_ms",
    statistic="p95",
    window=300,
    threshold=3,
    min_samples=5,
)


def spec_of(name: str, **changes: object) -> DetectorSpec:
    kind = registry()[name]
    spec = replace(
        BASE,
        type=kind.type,
        strategy=kind.strategy,
        threshold=kind.threshold or 3.0,
        min_samples=kind.min_samples,
    )
    return replace(spec, **changes)  # type: ignore[arg-type]


def judgements(spec: DetectorSpec, points: list[Point]) -> list[Judgement]:
    kind, found = registry()[spec.detector], []
    state = kind.begin()
    for point in points:
        state, judgement = kind.step(spec, state, point, point.start)
        found.append(judgement)
    return found


def at(values: list[float | None], count: int = 60) -> list[Point]:
    length = timedelta(seconds=300)
    return [
        Point(START + place * length, value, 0 if value is None else count)
        for place, value in enumerate(values)
    ]


def odd(spec: DetectorSpec, values: list[float | None], count: int = 60) -> list[int]:
    """Places of the windows out of the ordinary."""
    return [n for n, each in enumerate(judgements(spec, at(values, count))) if each.odd]


WILD = [900.0, 950, 30_000, 870, 910, 880, 30_000, 900] * 3


@pytest.mark.parametrize(
    ("name", "history", "then", "fires"),
    [
        ("zscore", USUAL, [3600.0], True),
        ("zscore", USUAL, [960.0], False),
        ("robust_zscore", WILD, [3600.0], True),
        ("robust_zscore", WILD, [950.0], False),
        ("iqr", [0.04, 0.045, 0.05, 0.055, 0.06] * 5 + [2.0], [0.5], True),
        ("iqr", [0.04, 0.045, 0.05, 0.055, 0.06] * 5 + [2.0], [0.055], False),
        ("ewma", USUAL, [990.0] * 5, True),
        ("ewma", USUAL, [960.0], False),
        ("cusum", USUAL, [970.0] * 6, True),
        ("cusum", USUAL, [970.0], False),
        ("page_hinkley", USUAL, [980.0] * 8, True),
        ("page_hinkley", USUAL, [980.0], False),
        ("rate_of_change", USUAL, [1500.0], True),
        ("rate_of_change", [900.0 + 50 * n for n in range(40)], [2900.0], False),
        ("band", USUAL, [1500.0] * 2, True),
        ("band", USUAL, [955.0], False),
        ("ensemble", USUAL, [3600.0] * 3, True),
        ("ensemble", USUAL, [940.0], False),
        ("seasonal", USUAL, [3600.0], True),
        ("seasonal", USUAL, [940.0], False),
    ],
)
def test_each_strategy_flags_and_passes_what_its_manual_says(
    name: str, history: list[float], then: list[float], fires: bool
) -> None:
    places = odd(spec_of(name), [*history, *then])
    assert any(place >= len(history) for place in places) is fires


@pytest.mark.parametrize("name", [n for n, kind in registry().items() if kind.strategy])
class TestEveryStrategy:
    def test_a_low_value_is_no_spike_unless_asked_for(self, name: str) -> None:
        low = [*USUAL, *[20.0] * 6]
        assert all(place < len(USUAL) for place in odd(spec_of(name), low))
        assert odd(spec_of(name, direction="both"), low)

    def test_says_nothing_before_it_has_seen_enough(self, name: str) -> None:
        assert odd(spec_of(name), [900.0, 90_000.0, 1.0]) == []

    def test_a_constant_history_and_a_hair_more_is_nothing(self, name: str) -> None:
        spec = spec_of(name)
        assert odd(spec, [900.0] * 60) == []
        assert odd(spec, [*[900 + place * 7 % 11 / 10 for place in range(66)], 901.02]) == []

    def test_a_new_level_is_the_usual_after_a_while(self, name: str) -> None:
        values = [*USUAL, *[4 * value for value in USUAL * 5]]
        assert all(place < len(values) - 40 for place in odd(spec_of(name), values))

    def test_clean_log_normal_windows_seldom_alarm_on_a_log_scale(self, name: str) -> None:
        dice = random.Random(5)
        clean: list[float | None] = [dice.lognormvariate(6.8, 0.15) for _ in range(800)]
        threshold = registry()[name].threshold or 3.5
        assert len(odd(spec_of(name, scale="log", threshold=threshold), clean)) <= 16


def test_a_seasonal_baseline_knows_the_hours_of_the_day() -> None:
    day = [20.0 + place % 3 if place < 96 else 200.0 + place % 7 for place in range(288)]
    spec = spec_of("seasonal", metric="request_rate", statistic="rate", direction="both")
    clean: list[float | None] = [*day * 4, *day[:40]]
    assert [place for place in odd(spec, clean) if place >= 288 * 2] == []
    assert odd(spec, [*clean, 200.0])[-1] == len(clean)


def test_twice_the_errors_of_many_calls_are_found_and_of_few_are_chance() -> None:
    spec = spec_of("zscore", metric="error_rate", statistic="ratio")
    usual: list[float | None] = [0.02, 0.022, 0.018, 0.021, 0.019, 0.02]
    assert odd(spec, [*usual, 0.04], count=2000) == [6]
    assert odd(spec, [*usual, 0.04], count=50) == []


def test_a_logarithm_says_nothing_about_zero() -> None:
    assert odd(spec_of("zscore", scale="log"), [*USUAL, 0.0, -5.0]) == []


def test_the_band_of_a_judgement_is_where_it_would_fire() -> None:
    judgement = judgements(spec_of("zscore", direction="both"), at([*USUAL, 900.0]))[-1]
    assert judgement.low is not None
    assert judgement.high is not None
    assert odd(spec_of("zscore", direction="both"), [*USUAL, judgement.high + 1]) == [40]
    assert odd(spec_of("zscore", direction="both"), [*USUAL, judgement.low + 1]) == []


def parsed(config: str, kind: str = "threshold") -> DetectorSpec:
    return parse_detectors(f"detectors: [{{id: a, type: {kind}, config: {{{config}}}}}]")[0]


BOUND = "metric: latency_ms, condition: greater_than, threshold: 5000, window: 5m"


def test_a_threshold_with_for_waits_until_it_has_lasted() -> None:
    assert odd(parsed(f"{BOUND}, for: 15m"), [6000.0] * 4) == [2, 3]
    assert odd(parsed(f"{BOUND}, for: 15m"), [6000.0, 6000.0, 4000.0, 6000.0]) == []


@pytest.mark.parametrize(("mode", "places"), [("ok", [0]), ("alert", [0, 1, 2]), ("keep", [0, 1])])
def test_a_threshold_takes_no_data_as_it_is_told(mode: str, places: list[int]) -> None:
    values = [6000.0, None] if mode != "alert" else [6000.0, None, None]
    assert odd(parsed(f"{BOUND}, no_data: {mode}"), values) == places


SILENCE = "metric: request_rate, window: 5m"


def test_silence_is_found_in_the_first_empty_window_of_a_busy_series() -> None:
    assert odd(parsed(SILENCE, "no_data"), [1.0] * 5 + [None, None]) == [5, 6]
    assert odd(parsed(f"{SILENCE}, for: 10m", "no_data"), [1.0] * 5 + [None, None]) == [6]
    assert odd(parsed(SILENCE, "no_data"), [None] * 5) == []


def test_a_series_with_gaps_is_silent_only_after_twice_the_longest() -> None:
    gaps = [1.0, None, None] * 4
    first = odd(parsed(SILENCE, "no_data"), [*gaps, 1.0, *[None] * 6])
    assert [place for place in first if place > 5] == [17, 18]


def test_a_budget_says_when_it_will_be_hit() -> None:
    spec = parsed("metric: cost, threshold: 10, window: 1h, horizon: 2h", "budget")
    hours = [Point(START + timedelta(hours=n), 1.0, 9) for n in range(12)]
    found = judgements(spec, hours)
    assert [n for n, each in enumerate(found) if each.odd] == [7, 8, 9, 10, 11]
    assert found[7].forecast == START + timedelta(hours=10)
    slow = [replace(each, value=0.1) for each in hours]
    assert all(not each.odd and each.forecast is None for each in judgements(spec, slow))


@pytest.mark.parametrize("minute", range(0, 60, 5))
def test_a_budget_foresees_its_end_whenever_the_spending_begins(minute: int) -> None:
    """It sums up by quarters of an hour; a beginning within one hides nothing of the pace."""
    spec = parsed("metric: cost, threshold: 10, window: 5m, horizon: 30m", "budget")
    begun = START + timedelta(minutes=minute)
    spent = [Point(begun + timedelta(minutes=5 * n), 1.0, 9) for n in range(8)]
    found = judgements(spec, spent)
    assert [each.odd for each in found] == [False] * 3 + [True] * 5
    assert {each.forecast for each in found} == {begun + timedelta(minutes=50)}


@pytest.mark.parametrize("minute", range(0, 15, 5))
def test_a_budget_looks_ahead_by_the_pace_of_the_last_eighth(minute: int) -> None:
    """Three hours of a day at a dollar each five minutes, after a morning at a tenth of that."""
    spec = parsed("metric: cost, threshold: 100, window: 5m, horizon: 1h", "budget")
    begun = START + timedelta(minutes=minute)
    values = [0.1] * 108 + [1.0] * 36
    spent = [Point(begun + timedelta(minutes=5 * n), v, 9) for n, v in enumerate(values)]
    last = judgements(spec, spent)[-1]
    assert last.forecast is not None
    hit = spent[-1].start + timedelta(minutes=5 + (100 - sum(values)) * 5)
    assert abs(last.forecast - hit) < timedelta(minutes=5)


def test_old_spend_leaves_a_rolling_budget() -> None:
    spec = parsed("metric: cost, threshold: 10, window: 1h, period: 6h", "budget")
    values = [9.0, 0, 0, 0, 0, 0, 0, 9.0]
    hours = [Point(START + timedelta(hours=n), value, 9) for n, value in enumerate(values)]
    assert not any(each.odd for each in judgements(spec, hours))


def with_parts(*parts: Mapping[str, int]) -> list[Point]:
    points = at([1.0] * len(parts))
    return [replace(p, parts=part) for p, part in zip(points, parts, strict=True)]


def binned(factor: float, dice: random.Random, calls: int = 300) -> dict[str, int]:
    found: dict[str, int] = {}
    for _ in range(calls):
        slow = dice.random() < 0.5
        name = bin_of(dice.lognormvariate(6.8, 0.5) * (factor if slow else 1.0))
        found[name] = found.get(name, 0) + 1
    return found


def test_drift_is_a_changed_shape_and_not_a_changed_number() -> None:
    dice = random.Random(3)
    spec = spec_of("drift")
    calm = [binned(1.0, dice) for _ in range(30)]
    more = [binned(1.0, dice, 600)]
    found = judgements(spec, with_parts(*calm, *more, binned(4.0, dice)))
    assert [n for n, each in enumerate(found) if each.odd] == [31]


def test_the_stability_index_of_equal_shapes_is_nothing() -> None:
    assert stability_index({"1": 500.0, "2": 500.0}, {"1": 50, "2": 50}) == 0
    assert stability_index({"1": 500.0, "2": 500.0}, {"1": 90, "2": 10}) > 0.25
    assert math.isfinite(stability_index({"zero": 10.0}, {"zero": 90, "44": 3}))


def test_a_kind_is_new_once() -> None:
    usual = {"prompt_injection": 9}
    parts = [usual] * 13 + [{**usual, "data_exfiltration": n} for n in (1, 5, 5)]
    found = judgements(spec_of("novelty"), with_parts(*parts))
    assert [n for n, each in enumerate(found) if each.odd] == [14]
    assert "data_exfiltration" in found[14].because


def test_probing_is_one_user_and_not_many() -> None:
    many = {f"u{n}": 1 for n in range(40)}
    found = judgements(spec_of("probing"), with_parts(many, {**many, "eve": 3}, {"eve": 4}))
    assert [each.odd for each in found] == [False, False, True]
    assert "eve" in found[2].because


@pytest.mark.parametrize(
    ("config", "kind", "words"),
    [
        ("metric: cost, threshold: 1, window: 1h, period: 1m", "budget", "not be shorter"),
        ("metric: cost, statistic: mean, threshold: 1, window: 1h", "budget", "must be sum"),
        ("metric: cost, threshold: 1, window: 1h, period: 90d", "budget", "between 1m and 31d"),
        (f"{BOUND}, for: -5m", "threshold", "for"),
        (f"{BOUND}, no_data: maybe", "threshold", "no_data"),
        (
            "metric: cost, strategy: ewma, threshold: 3, window: 5m, alpha: 2",
            "statistical",
            "between 0.01 and 1",
        ),
        ("metric: cost, strategy: cusum, window: 5m, alpha: 1", "statistical", "unknown key"),
    ],
)
def test_an_option_out_of_place_or_bounds_is_refused(config: str, kind: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parsed(config, kind)


def test_a_strategy_with_a_threshold_of_its_own_needs_none() -> None:
    assert parsed("metric: cost, strategy: cusum, window: 5m", "statistical").threshold == 5
    with pytest.raises(ConfigError, match="threshold: missing"):
        parsed("metric: cost, strategy: zscore, window: 5m", "statistical")
