"""A series judged as it comes: the state goes on from what was stored.

The caller keeps one state per detector and group, hands in the windows that are complete, and gets
back the state to store. Windows at or before the last one judged are passed over, so handing in
the same windows twice changes nothing, and the outcome is that of a replay of the whole history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import copysign

from detectors import damping
from detectors.base import Anomaly, DetectorSpec, Judgement, Point, Series, State, explained
from detectors.metrics import ZERO_WHEN_EMPTY
from detectors.registry import detector

LONGEST_GAP = 1_000
"""Most empty windows that are filled in after a gap."""
LARGEST = 1e100
"""Values are judged as if no larger, either way, so that sums of their squares stay numbers."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One window's judgement and what it does to the anomaly of the series.

    `anomaly` is set while one is open, with `since` its beginning and `peak` its largest score.
    """

    point: Point
    judgement: Judgement
    event: damping.Event
    anomaly: Anomaly | None
    since: datetime | None
    peak: float


def begin(spec: DetectorSpec) -> State:
    """The state of a series that nothing is known of."""
    return {"last": None, "detector": detector(spec.detector).begin(), "episode": damping.begin()}


def proceed(
    spec: DetectorSpec,
    state: State,
    series: Series,
    now: datetime,
    *,
    lag: float = 0.0,
    rule: damping.Damping = damping.DAMPING,
) -> tuple[State, list[Outcome]]:
    """Judge the windows that are new and complete `lag` seconds before `now`, oldest first.

    Windows must lie on one grid of `spec.window` seconds. Where an empty window means zero, or for
    a detector of silence, the windows missing since the last one are filled in.
    """
    outcomes = []
    for point in _due(spec, state, series, now - timedelta(seconds=lag)):
        state, outcome = _one(spec, state, series.labels, point, now, rule)
        outcomes.append(outcome)
    return state, outcomes


def _due(spec: DetectorSpec, state: State, series: Series, until: datetime) -> list[Point]:
    window = timedelta(seconds=spec.window)
    last = None if state["last"] is None else datetime.fromisoformat(state["last"])
    given = {
        point.start: point
        for point in series.points
        if point.start + window <= until and (last is None or point.start > last)
    }
    if not fills(spec) or (last is None and not given):
        return [given[start] for start in sorted(given)]
    empty = 0.0 if spec.statistic in ZERO_WHEN_EMPTY else None
    filled: list[Point] = []
    before = last if last is not None else min(given) - window
    for start in [*sorted(given), None]:
        end = until - window if start is None else start - window
        missing = min(LONGEST_GAP, (end - before) // window)
        first = before + (end - before) // window * window - (missing - 1) * window
        filled += [Point(first + place * window, empty, 0) for place in range(missing)]
        if start is not None:
            filled.append(given[start])
            before = start
    return filled


def fills(spec: DetectorSpec) -> bool:
    """Whether an empty window says something to this entry."""
    return spec.statistic in ZERO_WHEN_EMPTY or spec.type == "no_data" or spec.no_data != "ok"


def _one(
    spec: DetectorSpec,
    state: State,
    labels: Mapping[str, str],
    point: Point,
    now: datetime,
    rule: damping.Damping,
) -> tuple[State, Outcome]:
    judged = point
    if point.value is not None and abs(point.value) > LARGEST:
        judged = replace(point, value=copysign(LARGEST, point.value))
    inner, judgement = detector(spec.detector).step(spec, state["detector"], judged, now)
    start = point.start.isoformat()
    episode, event = damping.advance(rule, state["episode"], judgement, start)
    anomaly = explained(spec, labels, point, judgement) if episode["open"] else None
    since = datetime.fromisoformat(episode["since"]) if anomaly else None
    after = {"last": start, "detector": inner, "episode": episode}
    return after, Outcome(point, judgement, event, anomaly, since, episode["peak"])
