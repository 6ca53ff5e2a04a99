"""Stored history gone through again: what a detector would have raised, and pictures of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from html import escape
from uuid import UUID

from core.database import single, unit_of_work
from core.errors import BadInput, ConfigError, NotFound
from detectors.base import DetectorSpec, Point
from detectors.sparkline import sparkline
from workers import detection
from workers.detection_course import Course, Spell, begun, replayed
from workers.detection_rounds import bounded
from workers.detection_windows import Key, Reader, shape
from workers.rollups import floor

BEFORE, AFTER = 40, 8
"""Windows that a sparkline shows before and after an anomaly."""
WARM_UP = 600
"""Windows that are replayed for a sparkline."""
ROWS = 12
"""Groups that the picture of a history shows, the worst first."""

History = Mapping[Key, Sequence[Point]]


@dataclass(frozen=True, slots=True)
class Past:
    """A detector's history from `since` to `until`, and windows before it that it learns from."""

    spec: DetectorSpec
    since: datetime
    until: datetime
    history: History

    @property
    def courses(self) -> list[Course]:
        """Each group from the first window on."""
        made = []
        for key, points in self.history.items():
            course = begun(self.spec, dict(zip(self.spec.group_by, key, strict=True)))
            course.go_on(points, self.until)
            made.append(course)
        return made

    def spells(self, courses: Sequence[Course] | None = None) -> list[Spell]:
        """What would have been raised, oldest first."""
        found = self.courses if courses is None else courses
        every = [spell for course in found for spell in course.spells]
        return sorted((one for one in every if one.since >= self.since), key=lambda one: one.since)

    def alerts(self, threshold: float) -> int:
        """How many anomalies people would have been told of with this threshold."""
        other = replace(self, spec=replace(self.spec, threshold=threshold))
        return sum(spell.told for spell in other.spells())


def past(spec: DetectorSpec, tenant: str, since: datetime, now: datetime) -> Past:
    """The stored history. `since` moves to the first stored window. Raises BadInput for none."""
    until = floor(now, spec.window)
    first = floor(since, spec.window)
    warm = first - timedelta(seconds=spec.window * replayed(spec))
    with unit_of_work() as work:
        found = bounded(Reader(work, tenant).points(shape(spec), warm, until))
    starts = [point.start for points in found.values() for point in points]
    if not starts or max(starts) < first:
        raise BadInput(f"nothing is stored of {spec.metric} since {since:%Y-%m-%d %H:%M}Z")
    return Past(spec, max(first, min(starts)), until, found)


def drawn(one: Past, courses: Sequence[Course]) -> str:
    """An SVG of the groups in which most was wrong: the metric, its band, and what was odd."""
    worst = sorted(courses, key=lambda course: (-len(course.spells), str(course.labels)))[:ROWS]
    rows = []
    for place, course in enumerate(worst):
        name = ", ".join(f"{key}={value}" for key, value in course.labels.items()) or "all"
        title = f"{one.spec.metric} ({one.spec.statistic}), {name}"
        text = escape(title)
        curve = _curve(course, one.since, one.until, title, 960, 90)
        rows.append(
            _words(place * 120 + 46, text)
            + curve.replace("<svg ", f'<svg y="{place * 120 + 52}" ', 1)
        )
    height = 30 + 120 * max(1, len(worst))
    title = escape(f"{one.spec.id}: {one.since:%Y-%m-%d %H:%M}Z to {one.until:%Y-%m-%d %H:%M}Z")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="960" height="{height}"'
        f' viewBox="0 0 960 {height}" role="img"><title>{title}</title>'
        f'<rect width="960" height="{height}" fill="#ffffff"/>{_words(20, title)}'
        f"{''.join(rows)}</svg>"
    )


def _words(y: int, text: str) -> str:
    return (
        f'<text x="4" y="{y}" font-family="sans-serif" font-size="12" fill="#374151">{text}</text>'
    )


def picture(anomaly_id: UUID, tenant: str, now: datetime) -> str:
    """The sparkline of an anomaly as SVG; its title says the same in words. Raises NotFound."""
    rows = single(
        "SELECT detector_id, metric, labels, window_start, window_end, message FROM anomalies"
        " WHERE id = :id AND tenant = :tenant",
        id=anomaly_id,
        tenant=tenant,
    )
    if not rows:
        raise NotFound(f"there is no anomaly {anomaly_id}; list GET /api/v1/anomalies")
    row = rows[0]
    try:
        spec = detection.find(row.detector_id)
    except ConfigError as problem:
        raise NotFound(f"{problem}, so the anomaly cannot be drawn") from None
    window = timedelta(seconds=spec.window)
    since = floor(row.window_start, spec.window) - BEFORE * window
    until = min(floor(row.window_end, spec.window) + AFTER * window, floor(now, spec.window))
    until = max(until, floor(row.window_end, spec.window) + window)
    with unit_of_work() as work:
        warm = since - min(replayed(spec), WARM_UP) * window
        points = Reader(work, tenant).points(shape(spec), warm, until)
    key = tuple(str(row.labels.get(name, "")) for name in spec.group_by)
    course = begun(spec, row.labels)
    course.go_on(points.get(key, ()), until)
    return _curve(course, since, until, f"{row.message}, from {row.window_start:%Y-%m-%d %H:%M}Z")


def _curve(
    course: Course, since: datetime, until: datetime, title: str, width: int = 240, height: int = 48
) -> str:
    """The windows from `since` to `until`; where only one bound is known, the band is open."""
    shown = {each.point.start: each for each in course.outcomes if each.point.start >= since}
    window = timedelta(seconds=course.spec.window)
    starts = [since + place * window for place in range(int((until - since) / window))]
    outcomes = [shown.get(start) for start in starts]
    values = [None if each is None else each.point.known for each in outcomes]
    known = [value for value in values if value is not None] or [0.0]
    low: list[float | None] = []
    high: list[float | None] = []
    for each in outcomes:
        judged = None if each is None else each.judgement
        unknown = judged is None or (judged.low is None and judged.high is None)
        least = min(known) if judged is None or judged.low is None else judged.low
        most = max(known) if judged is None or judged.high is None else judged.high
        low.append(None if unknown else least)
        high.append(None if unknown else most)
    odd = [each is not None and each.judgement.odd for each in outcomes]
    return sparkline(values, low, high, odd, title=title, width=width, height=height)
