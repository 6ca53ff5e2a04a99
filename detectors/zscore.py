"""The current window against the mean and spread of the ones before it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from statistics import NormalDist
from typing import ClassVar

from core.configfile import parse_duration
from core.errors import ConfigError
from detectors.base import (
    Anomaly,
    Detector,
    DetectorSpec,
    Point,
    Series,
    anomaly,
)
from detectors.metrics import DIRECTIONS

HISTORY = 60
"""Windows before the current one that make the baseline."""

LONGEST = 20_000
"""Most windows that anyone is asked to gather."""

SEASONS = {"hourly": "1h", "daily": "1d", "weekly": "1w"}
_CYCLES = {"hourly": 24, "daily": 7, "weekly": 4}


class ZScore(Detector):
    """Fires when the metric lies `threshold` standard deviations away from its recent mean.

    Judges from `min_samples` earlier windows with data on (default 5); few windows know the spread
    badly, so the bound is wider then, as Student's t distribution says. The spread never counts as
    less than 1 % of the mean or of the seen range. Windows that were anomalies when they
    were current stay out of the baseline. A share (error_rate, block_rate) must in addition be
    unlikely for its number of events: one failure of one request is no spike. `direction` is the
    side that counts. With `seasonality` hourly, daily or weekly the baseline is the same time, give
    or take a window, of earlier hours, days or weeks, once there are `min_samples` of those.

    Flags: error rates of 1, 2, 1, 2, 1, 2 %, then 30 % of 200 requests.
    Passes: the same, then 2 %.
    """

    name = "zscore"
    type = "statistical"
    strategy = "zscore"
    options: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "direction": DIRECTIONS,
        "seasonality": tuple(SEASONS),
    }
    min_samples = 5

    def check(self, spec: DetectorSpec) -> None:
        super().check(spec)
        if self.history(spec) > LONGEST:
            raise ConfigError(f"window is too short for seasonality {spec.seasonality}")

    def history(self, spec: DetectorSpec) -> int:
        """How many windows before the current one `evaluate` wants to see."""
        if not spec.seasonality:
            return HISTORY
        period = parse_duration(SEASONS[spec.seasonality])
        return max(HISTORY, math.ceil(_CYCLES[spec.seasonality] * period / spec.window) + 1)

    def evaluate(self, spec: DetectorSpec, series: Series, now: datetime) -> Anomaly | None:
        """The anomaly of the current window, or None."""
        earlier, current = series.split(spec, now)
        if current is None:
            return None
        usual = _normal(spec, _season(spec, earlier, current))
        score = _score(spec, usual, current)
        if abs(score) <= spec.threshold:
            return None
        mean = _mean(_values(usual))
        because = (
            f"{abs(score):.3g} standard deviations {'above' if score > 0 else 'below'} the usual "
            f"{mean:.6g} of {len(usual)} windows"
        )
        return anomaly(spec, series, current, baseline=mean, score=score, because=because)


def _mean(values: Sequence[float]) -> float:
    """The mean, also of values whose sum is beyond what a float holds."""
    size = _size(values)
    return math.ldexp(math.fsum(_scaled(values, size)) / len(values), size)


def _size(values: Iterable[float]) -> int:
    """The power of two that no value reaches."""
    return max(math.frexp(value)[1] for value in values)


def _scaled(values: Iterable[float], size: int) -> list[float]:
    """The values within -1 and 1; no digit is lost, because only the exponents change."""
    return [math.ldexp(value, -size) for value in values]


def _values(points: Sequence[Point]) -> list[float]:
    return [point.value for point in points if point.value is not None]


def _normal(spec: DetectorSpec, points: Sequence[Point]) -> list[Point]:
    """The points that were no anomaly when they were current; the first few are judged last."""
    normal: list[Point] = []
    for point in points:
        if abs(_score(spec, normal, point)) <= spec.threshold:
            normal.append(point)
    for point in normal[: spec.min_samples]:
        others = [other for other in normal if other is not point]
        if abs(_score(spec, others, point)) > spec.threshold:
            normal = others
    return normal


def _season(spec: DetectorSpec, points: Sequence[Point], current: Point) -> Sequence[Point]:
    if not spec.seasonality:
        return points
    period = parse_duration(SEASONS[spec.seasonality])
    same = []
    for point in points:
        phase = (current.start - point.start).total_seconds() % period
        if min(phase, period - phase) <= spec.window:
            same.append(point)
    return same if len(same) >= spec.min_samples else points


def _score(spec: DetectorSpec, usual: Sequence[Point], current: Point) -> float:
    """Signed standard deviations on the scale of the threshold; 0 where nothing can be said."""
    values = _values(usual)
    if len(values) < spec.min_samples or current.value is None:
        return 0.0
    value, *values = _scaled([current.value, *values], _size([current.value, *values]))
    mean = math.fsum(values) / len(values)
    away = value - mean
    if away == 0 or spec.direction == ("down" if away > 0 else "up"):
        return 0.0
    variance = math.fsum((v - mean) ** 2 for v in values) / max(1, len(values) - 1)
    least = max(abs(mean), max(values) - min(values), abs(away)) / 100
    score = away / (max(math.sqrt(variance), least) * _allowance(len(values), spec.threshold))
    if spec.statistic == "ratio":
        bound = _surprise(usual, current)
        score = math.copysign(min(abs(score), bound), score)
    return score


def _allowance(count: int, threshold: float) -> float:
    """How much wider a bound of `threshold` deviations is when `count` points gave the spread.

    Quantile of Student's t over that of the normal distribution (Cornish-Fisher), for a new point.
    """
    free, z = max(1, count - 1), threshold
    square = z * z
    wider = (square + 1) / (4 * free) + (5 * square * square + 16 * square + 3) / (96 * free**2)
    return (1 + wider) * math.sqrt(1 + 1 / count)


def _surprise(usual: Sequence[Point], current: Point) -> float:
    """How unlikely this share is for its number of events, in standard deviations.

    Chernoff's bound on the binomial tail against the share of the baseline, one event of each
    kind added so that a baseline without failures does not make the first one impossible.
    """
    assert current.value is not None
    total = sum(point.count for point in usual)
    hits = math.fsum(point.count * point.value for point in usual if point.value is not None)
    expected = (hits + 1) / (total + 2)
    share = min(1.0, max(0.0, current.value))
    deviance = 0.0
    for seen, model in ((share, expected), (1 - share, 1 - expected)):
        if seen > 0:
            deviance += seen * math.log(seen / model)
    chance = math.exp(-min(700.0, max(0.0, current.count * deviance)))
    return max(0.0, -NormalDist().inv_cdf(min(chance, 0.5)))
