"""The current window against the mean and spread of the ones before it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

from core.configfile import parse_duration
from core.errors import ConfigError
from detectors.base import DetectorSpec
from detectors.statistical import HISTORY, Usual, Windowed

LONGEST = 20_000
"""Most windows that anyone is asked to gather."""

SEASONS = {"hourly": "1h", "daily": "1d", "weekly": "1w"}
_CYCLES = {"hourly": 24, "daily": 7, "weekly": 4}


class ZScore(Windowed):
    """Fires when the metric lies `threshold` standard deviations away from its recent mean.

    Judges from `min_samples` earlier windows with data on (default 5); few windows know the spread
    badly, so the bound is wider then, as Student's t distribution says. The spread never counts as
    less than 1 % of the mean or of the seen range. Windows that were anomalies when they
    were current stay out of the baseline. A share (error_rate, block_rate) must in addition be
    unlikely for its number of events: one failure of one request is no spike; its spread starts
    from what chance alone would give. `direction` is the
    side that counts. With `seasonality` hourly, daily or weekly the baseline is the same time, give
    or take a window, of earlier hours, days or weeks, once there are `min_samples` of those.

    Flags: error rates of 1, 2, 1, 2, 1, 2 %, then 30 % of 200 requests.
    Passes: the same, then 2 %.
    """

    name = "zscore"
    strategy = "zscore"
    options: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **Windowed.options,
        "seasonality": tuple(SEASONS),
    }

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

    def alike(self, spec: DetectorSpec, usual: Sequence[Usual], start: float) -> Sequence[Usual]:
        """The earlier windows that the one beginning at `start` is compared with."""
        if not spec.seasonality:
            return usual
        period = parse_duration(SEASONS[spec.seasonality])
        same = []
        for each in usual:
            phase = (start - each.start) % period
            if min(phase, period - phase) <= spec.window:
                same.append(each)
        return same

    def moments(self, values: Sequence[float]) -> tuple[float, float]:
        """Mean and standard deviation."""
        mean = math.fsum(values) / len(values)
        squares = math.fsum((value - mean) ** 2 for value in values)
        return mean, math.sqrt(squares / max(1, len(values) - 1))
