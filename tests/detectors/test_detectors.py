from __future__ import annotations

import inspect
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from detectors.base import Action, Anomaly, Detector, DetectorSpec, Point, Series
from detectors.metrics import DIMENSIONS, DIRECTIONS, METRICS, Metric
from detectors.registry import evaluate, registry, strategies, types

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

LATENCY = DetectorSpec(
    id="slow",
    name="slow",
    type="threshold",
    enabled=True,
    metric="latency_ms",
    statistic="p95",
    window=300,
    threshold=5000,
    condition="greater_than",
    actions=(Action("high-latency-alert", "warning"), Action("page", "critical")),
)
ZSCORE = replace(
    LATENCY, type="statistical", strategy="zscore", condition="", threshold=3, min_samples=5
)
ERRORS = replace(ZSCORE, metric="error_rate", statistic="ratio")
RATE = replace(ZSCORE, metric="request_rate", statistic="rate", direction="both")


def series(*values: float | None, count: int = 200, window: float = 300) -> Series:
    """Windows that end at NOW, the last value in the current one."""
    starts = [NOW - timedelta(seconds=window * (len(values) - i)) for i in range(len(values))]
    points = zip(starts, values, strict=True)
    return Series({"application": "shop"}, tuple(Point(s, v, count) for s, v in points))


def found(spec: DetectorSpec, *values: float | None, count: int = 200) -> bool:
    return evaluate(spec, series(*values, count=count), NOW) is not None


@pytest.mark.parametrize("kind", registry().values(), ids=lambda kind: kind.name)
class TestEveryDetector:
    def test_has_a_manual_with_what_it_flags_and_passes(self, kind: Detector) -> None:
        manual = inspect.getdoc(type(kind)) or ""
        assert "Flags:" in manual
        assert "Passes:" in manual

    def test_can_be_asked_for_in_the_file(self, kind: Detector) -> None:
        assert kind.type in types()
        assert kind.strategy in strategies(kind.type)

    def test_says_nothing_about_no_data(self, kind: Detector) -> None:
        spec = replace(LATENCY, type=kind.type, strategy=kind.strategy)
        for nothing in (series(), series(None), series(None, None), series(float("nan"))):
            assert kind.evaluate(spec, nothing, NOW) is None

    def test_wants_a_bounded_history(self, kind: Detector) -> None:
        assert 0 <= kind.history(replace(ZSCORE, seasonality="")) <= 100


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_every_metric_has_a_default_statistic_a_direction_and_a_description(metric: Metric) -> None:
    assert metric.default in metric.statistics
    assert metric.direction in DIRECTIONS
    assert metric.about.endswith(".")
    assert set(DIMENSIONS.values()) <= set(DIMENSIONS)


@pytest.mark.parametrize(
    ("condition", "value", "fires"),
    [
        ("greater_than", 5000.1, True),
        ("greater_than", 5000, False),
        ("greater_than_or_equal", 5000, True),
        ("greater_than_or_equal", 4999, False),
        ("less_than", 4999, True),
        ("less_than", 5000, False),
        ("less_than_or_equal", 5000, True),
        ("less_than_or_equal", 5001, False),
        ("outside", 99, True),
        ("outside", 100, False),
        ("outside", 5000, False),
        ("outside", 5001, True),
    ],
)
def test_a_threshold_compares_as_its_condition_says(
    condition: str, value: float, fires: bool
) -> None:
    floor = 100.0 if condition == "outside" else None
    assert found(replace(LATENCY, condition=condition, floor=floor), value) is fires


def test_an_anomaly_carries_what_an_alert_needs() -> None:
    anomaly = evaluate(LATENCY, series(8123.0), NOW)
    assert isinstance(anomaly, Anomaly)
    assert (anomaly.window_start, anomaly.window_end) == (NOW - timedelta(minutes=5), NOW)
    assert (anomaly.severity, anomaly.alerts) == ("critical", ("high-latency-alert", "page"))
    assert anomaly.score == pytest.approx(0.6246)
    assert "8123 for application=shop, greater than 5000" in anomaly.message


def test_the_labels_of_its_alerts_stay_the_same_while_it_lasts() -> None:
    first, second = (evaluate(LATENCY, series(value), NOW) for value in (6000.0, 9000.0))
    assert first is not None
    assert second is not None
    assert first.alert_labels() == second.alert_labels()
    assert first.alert_labels()[0] == {
        "application": "shop",
        "alertname": "high-latency-alert",
        "severity": "warning",
        "detector": "slow",
        "metric": "latency_ms",
    }


def test_a_spike_that_has_left_the_window_is_over() -> None:
    assert found(LATENCY, 9000.0)
    assert not found(LATENCY, 9000.0, None)


def test_a_threshold_waits_for_min_samples_events() -> None:
    spec = replace(LATENCY, min_samples=10)
    assert not found(spec, 9000.0, count=9)
    assert found(spec, 9000.0, count=10)


def test_silence_is_zero_requests_but_no_latency() -> None:
    silent = replace(RATE, type="threshold", strategy="", condition="less_than", threshold=0.1)
    assert found(silent, 4.0, None)
    assert evaluate(silent, Series({}, ()), NOW) is not None
    assert not found(replace(LATENCY, condition="less_than", threshold=10), 4.0, None)


def test_a_lower_bound_on_a_rate_remembers_groups_that_fell_silent() -> None:
    silent = replace(RATE, type="threshold", strategy="", condition="less_than", threshold=0.1)
    assert registry()["threshold"].history(silent) > 0
    assert registry()["threshold"].history(LATENCY) == 0


@pytest.mark.parametrize(
    ("spec", "history", "current", "fires"),
    [
        pytest.param(ZSCORE, [900.0] * 5, 4000.0, True, id="constant history, then a jump"),
        pytest.param(ZSCORE, [900.0] * 50, 900.0, False, id="constant history, no jump"),
        pytest.param(ZSCORE, [900.0] * 50, 905.0, False, id="a hair above a constant history"),
        pytest.param(ZSCORE, [900.0] * 4, 9000.0, False, id="too few windows"),
        pytest.param(ZSCORE, [900.0, 950, 870, 910, 880], 3600.0, True, id="fourfold, first hour"),
        pytest.param(ZSCORE, [900.0, 950, 870, 910, 880], 1000.0, False, id="few points, mild"),
        pytest.param(ZSCORE, [900.0, 950, 870, 910, 880] * 8, 50.0, False, id="low is no spike"),
        pytest.param(
            replace(ZSCORE, direction="both"),
            [900.0, 950, 870, 910, 880] * 8,
            50.0,
            True,
            id="low is one where asked",
        ),
        pytest.param(RATE, [10.0, 11, 9, 10, 12, 10], 0.0, True, id="silence among requests"),
        pytest.param(ERRORS, [0.0] * 6, 0.3, True, id="first errors, many"),
        pytest.param(ERRORS, [0.0] * 6, 0.0, False, id="no errors at all"),
        pytest.param(ERRORS, [0.01, 0.02, 0.01, 0.02, 0.01, 0.02], 0.3, True, id="errors"),
        pytest.param(ERRORS, [0.01, 0.02, 0.01, 0.02, 0.01, 0.02], 0.02, False, id="usual errors"),
        pytest.param(
            replace(ZSCORE, metric="cost", statistic="sum"),
            [0.0004, 0.0005] * 6,
            0.005,
            True,
            id="tenfold cost far below a dollar",
        ),
    ],
)
def test_a_zscore_fires_on_what_is_far_from_usual(
    spec: DetectorSpec, history: list[float], current: float, fires: bool
) -> None:
    assert found(spec, *history, current) is fires


def test_one_failed_request_of_one_is_no_error_spike() -> None:
    usual = series(*[0.01] * 12, 0.0, count=100)
    for count, fires in ((1, False), (50, True)):
        current = replace(usual.points[-1], value=1.0, count=count)
        judged = replace(usual, points=(*usual.points[:-1], current))
        assert (evaluate(ERRORS, judged, NOW) is not None) is fires


@pytest.mark.parametrize("place", [1, 20])
def test_an_old_spike_does_not_hide_the_next_one(place: int) -> None:
    history = [900.0, 950, 870, 910, 880] * 6
    history[place] = 90_000.0
    anomaly = evaluate(ZSCORE, series(*history, 3600.0), NOW)
    assert anomaly is not None
    assert anomaly.baseline == pytest.approx(902, abs=5)


def test_a_lasting_fault_stays_an_anomaly_from_window_to_window() -> None:
    assert found(ZSCORE, *[900.0, 950, 870, 910, 880] * 4, *[4000.0] * 9, 4000.0)


def test_windows_without_calls_do_not_count_as_calls_of_zero_latency() -> None:
    gaps = [900.0, None, None, 950, 870, None, 910, 880]
    assert found(ZSCORE, *gaps, 4000.0)
    assert not found(ZSCORE, *gaps, 960.0)
    assert not found(ZSCORE, *gaps, None)


def test_windows_without_calls_count_as_a_rate_of_zero_since_the_first_call() -> None:
    earlier, current = series(10.0, None, 8.0, None).split(RATE, NOW)
    assert [point.value for point in earlier] == [10, 0, 8]
    assert current is not None
    assert current.value == 0


def test_windows_may_be_left_out_and_may_lie_on_a_grid() -> None:
    grid = NOW - timedelta(seconds=200)
    offsets = [0, 2, 4]
    points = tuple(Point(grid - timedelta(minutes=5 * k), 7.0, 70) for k in offsets)
    earlier, current = Series({}, points).split(RATE, NOW)
    assert [point.value for point in earlier] == [7, 0, 7, 0]
    assert current == points[0]


def test_a_season_compares_with_the_same_hour_of_earlier_days() -> None:
    day = [100.0] * 20 + [900.0] * 4
    spec = replace(ZSCORE, window=3600, seasonality="daily")
    history = [*(day * 7), *[100.0] * 20]
    points = series(*history, 900.0, window=3600)
    assert evaluate(replace(spec, seasonality=""), points, NOW) is not None
    assert evaluate(spec, points, NOW) is None


def test_clean_log_normal_traffic_rarely_alarms() -> None:
    dice = random.Random(7)
    values = [dice.lognormvariate(6.8, 0.1) for _ in range(1200)]
    alarms = sum(found(ZSCORE, *values[i : i + 61]) for i in range(0, 1100))
    assert alarms / 1100 < 0.01


HUGE = [1e308, 1.2e308, 0.9e308, 1.1e308, 1e308, 1.05e308]


@pytest.mark.parametrize(
    ("history", "current", "fires"),
    [
        pytest.param([900.0, 950, 870, 910, 880] * 4, 1e308, True, id="huge after usual"),
        pytest.param([1e200, 1.1e200, 0.9e200, 1e200, 1e200], 1e200, False, id="usually huge"),
        pytest.param([1e200, 1.1e200, 0.9e200, 1e200, 1e200], 1e201, True, id="ten times huge"),
        pytest.param(HUGE, 1e308, False, id="a sum beyond any float"),
        pytest.param([-each for each in HUGE], 1e308, True, id="a distance beyond any float"),
        pytest.param([900.0, 1e308, 950, 870, 1e200, 910, 880], 920.0, False, id="once huge"),
    ],
)
def test_values_at_the_end_of_the_scale_are_judged_as_any_other(
    history: list[float], current: float, fires: bool
) -> None:
    assert found(ZSCORE, *history, current) is fires


def test_the_baseline_of_values_whose_sum_no_float_holds_is_their_mean() -> None:
    anomaly = evaluate(ZSCORE, series(*[1e307] * 30, 1e308), NOW)
    assert anomaly is not None
    assert anomaly.baseline == pytest.approx(1e307)


def test_a_threshold_beyond_reason_is_never_passed() -> None:
    assert not found(replace(ZSCORE, threshold=1e200), *[900.0, 950, 870] * 4, 90_000.0)
