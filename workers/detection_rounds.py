"""One round: some detectors of one tenant judge the windows that have become complete.

What they found and what they remember is stored in the transaction that read it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from core.database import UnitOfWork
from detectors import stream
from detectors.base import DetectorSpec, Point
from workers import detection_state as states
from workers.detection_course import Course, Spell, begun, replayed
from workers.detection_latest import judged
from workers.detection_record import Mark, Recorder, mark
from workers.detection_state import Progress, Remembered
from workers.detection_windows import Key, Reader, shape
from workers.rollups import floor

MOST_REPLAYED = 50_000
"""Windows of all groups that a detector replays when it begins; more groups, less of the past. The
detectors of a round that would begin after so many wait for the next tick."""


class Round:
    """Detectors of one tenant in one transaction. `tally` has evaluations and anomalies by id."""

    def __init__(
        self,
        work: UnitOfWork,
        tenant: str,
        specs: Sequence[DetectorSpec],
        now: datetime,
        complete: datetime,
    ) -> None:
        """`complete` is the moment until which every event is expected to be stored."""
        self._work, self._tenant, self._now, self._complete = work, tenant, now, complete
        self._specs = specs
        self._reader = Reader(work, tenant)
        self._replayed = 0
        self._held: list[Progress] = []
        self.tally: dict[str, tuple[int, int]] = {}
        self.changed = False

    def run(self) -> None:
        """Take the detectors that are free, judge, store."""
        wanted = self._wanted(states.progress(self._work, self._tenant, self._specs))
        if wanted:
            wanted = self._wanted(states.held(self._work, self._tenant, wanted))
        if not wanted:
            return
        latest = [spec for spec in wanted if is_latest(spec)]
        due = [one for one in self._held if not is_latest(one.spec)]
        recorder = Recorder(self._work, self._tenant, wanted, self._now)
        for spec in latest:
            self._judge_latest(spec, recorder)
        if due:
            self._go_on(due, recorder)
        self.changed = recorder.changed

    def _wanted(self, progress: Sequence[Progress]) -> list[DetectorSpec]:
        """The detectors that have something to judge."""
        self._held = [one for one in progress if is_latest(one.spec) or self._due(one)]
        return [one.spec for one in self._held]

    def _judge_latest(self, spec: DetectorSpec, recorder: Recorder) -> None:
        found = judged(self._reader, spec, self._now)
        spells: dict[Mark, Sequence[Spell]] = {
            mark(one.labels): [
                Spell(
                    one,
                    recorder.since(spec, one),
                    one.window_end,
                    abs(one.score),
                    True,
                    one.grade,
                )
            ]
            for one in found
        }
        recorder.write(spec, spells, set(spells))
        self.tally[spec.id] = (1, len(found))

    def _until(self, spec: DetectorSpec) -> datetime:
        return floor(self._complete, spec.window)

    def _due(self, one: Progress) -> bool:
        return one.until is None or one.until < self._until(one.spec)

    def _go_on(self, due: Sequence[Progress], recorder: Recorder) -> None:
        kept = states.load(self._work, self._tenant, (one.spec for one in due))
        written: dict[str, dict[Key, Remembered]] = {}
        for one in due:
            if one.until is None and self._replayed > MOST_REPLAYED:
                continue
            before = {} if one.until is None else kept[one.spec.id]
            courses = self._courses(one, before)
            written[one.spec.id] = {
                key: Remembered(course.state, _heard(course, before.get(key)))
                for key, course in courses.items()
            }
            anew = one.until is None
            spells = {
                mark(course.labels): course.spells[-1:] if anew else course.spells
                for course in courses.values()
                if course.spells and (not anew or course.open)
            }
            lasting = {mark(course.labels) for course in courses.values() if course.open}
            began = recorder.write(one.spec, spells, lasting)
            self.tally[one.spec.id] = (len(courses), began)
        done = [one for one in due if one.spec.id in written]
        until = {one.spec.id: self._until(one.spec) for one in done}
        states.save(self._work, self._tenant, written, done, until, self._now)

    def _courses(self, one: Progress, kept: Mapping[Key, Remembered]) -> dict[Key, Course]:
        spec, until = one.spec, self._until(one.spec)
        since = (
            first_of(spec, until) if one.until is None else max(one.until, first_of(spec, until))
        )
        found = bounded(self._reader.points(shape(spec), since, until))
        self._replayed += sum(map(len, found.values())) if one.until is None else 0
        keys = {*found, *kept} if spec.group_by else {*found, *kept, ()}
        courses = {}
        for key in sorted(keys):
            labels = dict(zip(spec.group_by, key, strict=True))
            state = kept[key].state if key in kept else None
            silent = key not in found and not stream.fills(spec)
            if silent and state is not None and not state["episode"]["open"]:
                continue
            course = begun(spec, labels, state)
            course.go_on(found.get(key, ()), until)
            courses[key] = course
        return courses


def is_latest(spec: DetectorSpec) -> bool:
    """Whether the entry is judged on the window that ends now, without a state."""
    return spec.type == "threshold"


def first_of(spec: DetectorSpec, until: datetime) -> datetime:
    """The first window that is replayed for a group that is seen for the first time."""
    return until - timedelta(seconds=spec.window * replayed(spec))


def bounded(found: Mapping[Key, Sequence[Point]]) -> Mapping[Key, Sequence[Point]]:
    """The newest windows of each group, not more in all than can be gone through in a tick."""
    if sum(map(len, found.values())) <= MOST_REPLAYED:
        return found
    most = max(100, MOST_REPLAYED // len(found))
    return {key: sorted(points, key=lambda one: one.start)[-most:] for key, points in found.items()}


def _heard(course: Course, before: Remembered | None) -> datetime | None:
    window = timedelta(seconds=course.spec.window)
    ends = [each.point.start + window for each in course.outcomes if each.point.count]
    return max(ends, default=None if before is None else before.heard)
