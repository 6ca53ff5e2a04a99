"""Rolling spend against a limit, and when the limit will be hit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar

from core.errors import ConfigError
from detectors.base import Detector, DetectorSpec, Judgement, Number, Point, State
from detectors.metrics import ZERO_WHEN_EMPTY

PIECES = 96
RECENT = 8


class Budget(Detector):
    """Fires when the metric, summed over the last `period`, is more than the limit or soon will be.

    `threshold` is the limit in the unit of the metric, `period` a duration (default 1d, rolling),
    `horizon` how far ahead a forecast counts (default 0s: not at all). The forecast goes on with
    the spend per second of the last eighth of the period and lets old spend expire. Use `group_by`
    for a budget per user, application or key (the tag `key` of events). The statistic must be
    `sum`.

    Flags: a limit of 10 dollars a day, of which 9 are spent at 1 dollar an hour, horizon 2h.
    Passes: the same limit, 3 dollars spent at 10 cents an hour.
    """

    name = "budget"
    type = "budget"
    numbers: ClassVar[Mapping[str, Number]] = {
        "period": Number(86_400, 60, 31 * 86_400, "Time over which is summed.", seconds=True),
        "horizon": Number(0, 0, 31 * 86_400, "How far ahead a forecast counts.", seconds=True),
    }

    def check(self, spec: DetectorSpec) -> None:
        if spec.statistic != "sum":
            raise ConfigError("statistic must be sum for a budget")
        if spec.threshold <= 0:
            raise ConfigError("threshold must be above 0; it is the limit")
        if self.number(spec, "period") < spec.window:
            raise ConfigError("period must not be shorter than window")

    def history(self, spec: DetectorSpec) -> int:
        """How many windows before the current one `evaluate` wants to see."""
        return min(PIECES, int(self.number(spec, "period") / spec.window))

    def begin(self) -> State:
        """Nothing spent."""
        return {"first": None, "pieces": []}

    def step(
        self, spec: DetectorSpec, state: State, point: Point, now: datetime
    ) -> tuple[State, Judgement]:
        """Add the window to the rolling sum and look ahead."""
        assert spec.statistic in ZERO_WHEN_EMPTY or not state["pieces"]
        period = self.number(spec, "period")
        length = max(spec.window, period / PIECES)
        start = point.start.timestamp()
        end = start + spec.window
        place = start // length * length
        pieces = [[at, spent] for at, spent in state["pieces"] if at + length > end - period]
        if pieces and pieces[-1][0] == place:
            pieces[-1][1] += point.known or 0.0
        else:
            pieces.append([place, point.known or 0.0])
        first = start if state["first"] is None else state["first"]
        after = {"first": first, "pieces": pieces}
        spent, limit = sum(amount for _, amount in pieces), spec.threshold
        span = max(spec.window, min(period / RECENT, end - first))
        since = end - span
        rate = sum(
            amount * _share(max(at, first), min(at + length, end), since) for at, amount in pieces
        )
        rate /= span
        hit = _hit(pieces, rate, limit, end, period)
        soon = hit is not None and hit - end <= self.number(spec, "horizon")
        forecast = None if hit is None else datetime.fromtimestamp(hit, UTC)
        because = f"with {spent:.6g} of {limit:.6g} used"
        if forecast and spent <= limit:
            because += f", which will be all by {forecast:%Y-%m-%d %H:%M}"
        score = max(0.0, spent / limit - 1)
        fires = spent > limit or (self.number(spec, "horizon") > 0 and soon)
        return after, Judgement(
            score, high=limit, because=because, forecast=forecast, verdict=fires
        )


def _share(begin: float, stop: float, since: float) -> float:
    """How much of the time from `begin` to `stop` lies after `since`."""
    return min(1.0, max(0.0, stop - since) / (stop - begin))


def _hit(
    pieces: Sequence[Sequence[float]], rate: float, limit: float, now: float, period: float
) -> float | None:
    """When the rolling sum passes the limit if spending goes on at `rate` a second."""
    spent, time = sum(amount for _, amount in pieces), now
    for at, amount in pieces:
        expiry = max(time, at + period)
        if spent + rate * (expiry - time) >= limit:
            return time + max(0.0, limit - spent) / rate if rate else time
        spent += rate * (expiry - time) - amount
        time = expiry
    return None
