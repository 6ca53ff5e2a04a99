"""The window that ends now: how `threshold` is judged, and dry runs.

A bound is to be told of at once, so it does not wait for a window to be complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core.errors import BadInput
from core.telemetry import Event
from detectors.base import Anomaly, DetectorSpec, Point, Series
from detectors.metrics import METRICS, ZERO_WHEN_EMPTY
from detectors.registry import detector, evaluate
from workers.detection_windows import COLUMNS, SHARES, Reader, shape
from workers.rollups import MINUTE, ROLLED_UP, floor

LEARNED = 60
"""Windows that a dry run shows to detectors that compare without saying with how many."""


def judged(reader: Reader, spec: DetectorSpec, now: datetime) -> list[Anomaly]:
    """What the entry says about the latest window of each group."""
    until = _ending(spec, now)
    found = [evaluate(spec, group, until) for group in series(reader, spec, until)]
    return [replace(one, window_end=min(one.window_end, now)) for one in found if one is not None]


def series(reader: Reader, spec: DetectorSpec, until: datetime) -> list[Series]:
    """One series per group: the aggregate of each window, the newest ending at `until`."""
    asked = shape(spec)
    least = LEARNED if asked.parts in ("bins", "categories") else 0
    windows = max(detector(spec.detector).history(spec), least) + 1
    since = until - timedelta(seconds=spec.window * windows)
    found = dict(reader.points(asked, since, until))
    if not spec.group_by:
        found.setdefault((), [])
    return [
        Series(dict(zip(spec.group_by, key, strict=True)), tuple(points))
        for key, points in sorted(found.items())
    ]


def _ending(spec: DetectorSpec, now: datetime) -> datetime:
    """Now; or, where rollups can tell, the end of this minute, so that they are asked.

    The window then holds up to a minute less, which all but a bound from above would take for a
    fall of a sum or a rate; they get the last whole minute.
    """
    rolled = METRICS[spec.metric].source == "telemetry" and set(spec.group_by) <= ROLLED_UP
    if not rolled or spec.window % MINUTE or spec.window < 2 * MINUTE:
        return now
    least = floor(now, MINUTE)
    above = spec.type == "threshold" and spec.condition.startswith("greater")
    if spec.statistic in ZERO_WHEN_EMPTY and not above:
        return least
    return least + timedelta(seconds=MINUTE)


def over_events(spec: DetectorSpec, events: Sequence[Event], now: datetime) -> list[Anomaly]:
    """A dry run over these events, taken as the window that ends at `now`.

    Raises BadInput for a metric of verdicts, which no event carries.
    """
    if METRICS[spec.metric].source != "telemetry":
        raise BadInput(f"{spec.metric} is measured on verdicts, not on events", field="events")
    groups: dict[tuple[str, ...], list[Event]] = {}
    for event in events:
        key = tuple(_label(event, name) for name in spec.group_by)
        groups.setdefault(key, []).append(event)
    found = []
    for key, members in sorted(groups.items()):
        values = sorted(value for event in members if (value := _value(spec, event)) is not None)
        if values:
            start = now - timedelta(seconds=spec.window)
            point = Point(start, _summary(spec, values), len(members))
            labels = dict(zip(spec.group_by, key, strict=True))
            found.append(evaluate(spec, Series(labels, (point,)), now))
    return [one for one in found if one is not None]


def _label(event: Event, name: str) -> str:
    if name == "key":
        return str(event.tags.get("key") or "") if isinstance(event.tags, dict) else ""
    return str(getattr(event, COLUMNS[name]) or "")


def _value(spec: DetectorSpec, event: Event) -> float | None:
    if spec.metric == "error_rate":
        return float(event.status != "success")
    if spec.metric == "request_rate":
        return 1.0
    value = getattr(event, spec.metric)
    return None if value is None else float(value)


def _summary(spec: DetectorSpec, rows: Sequence[float]) -> float:
    if spec.statistic == "rate":
        return len(rows) / spec.window
    if spec.statistic == "sum":
        return sum(rows)
    if spec.statistic in ("mean", "ratio"):
        return sum(rows) / len(rows)
    if spec.statistic in ("min", "max"):
        return rows[0] if spec.statistic == "min" else rows[-1]
    place = (len(rows) - 1) * SHARES[spec.statistic]
    low = int(place)
    high = min(low + 1, len(rows) - 1)
    return rows[low] + (rows[high] - rows[low]) * (place - low)
