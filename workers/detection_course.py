"""The course of one series: its windows judged in order, and the spells of trouble in it.

The same code goes on from a stored state and replays a history, so both say the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from detectors import stream
from detectors.base import SEVERITIES, Anomaly, DetectorSpec, Point, Series, State
from detectors.damping import DAMPING, Damping
from detectors.registry import detector

SILENT = 3
"""Windows without data that end an anomaly, where an empty window says nothing by itself."""
LONGEST = timedelta(days=14)
"""Most time that is replayed for a series seen for the first time."""
MOST_WINDOWS = 4_032
"""Most windows of it: 14 days of five minutes."""

FORM = 1
"""Form of the stored states; another one makes all begin anew."""

UNDAMPED = Damping(silence=0, share=0.0)


def rule(spec: DetectorSpec) -> Damping:
    """Who guesses is damped; a bound that somebody named is told whenever it is passed."""
    return DAMPING if spec.type in ("statistical", "drift") else UNDAMPED


def fingerprint(spec: DetectorSpec) -> str:
    """What of an entry decides on its state. Another name or alert goes on, all else is new."""
    plain = replace(
        spec, name="", actions=(), enabled=True, numbers=dict(sorted(spec.numbers.items()))
    )
    return hashlib.sha256(f"{FORM} {plain!r}".encode()).hexdigest()[:32]


def replayed(spec: DetectorSpec) -> int:
    """How many windows before now a series is replayed from when it is seen first."""
    least = detector(spec.detector).history(spec) + 1
    return max(least, min(MOST_WINDOWS, int(LONGEST.total_seconds() / spec.window)))


@dataclass(frozen=True, slots=True)
class Spell:
    """A time of trouble; `anomaly` is its worst window, `ended` is None while it lasts.

    `told` says that people are to hear of it, `grade` how large the deviation was at its worst.
    """

    anomaly: Anomaly
    since: datetime
    until: datetime
    peak: float
    told: bool
    grade: str
    ended: datetime | None = None

    @property
    def labels(self) -> Mapping[str, str]:
        """The group's."""
        return self.anomaly.labels


@dataclass(slots=True)
class Course:
    """What became of one series. `state` is what to go on from."""

    spec: DetectorSpec
    labels: Mapping[str, str]
    state: State
    spells: list[Spell] = field(default_factory=list)
    outcomes: list[stream.Outcome] = field(default_factory=list)

    def go_on(self, points: Sequence[Point], until: datetime) -> None:
        """Judge the windows that end by `until`; a silence ends what is wrong."""
        if stream.fills(self.spec):
            self._judge(points, until)
            return
        for run in _runs(points, self.spec.window):
            self._fall_silent(run[0].start)
            self._judge(run, until)
        self._fall_silent(until)

    @property
    def open(self) -> bool:
        """Whether something is wrong."""
        return bool(self.state["episode"]["open"])

    def _judge(self, points: Sequence[Point], until: datetime) -> None:
        series = Series(self.labels, tuple(points))
        self.state, outcomes = stream.proceed(
            self.spec, self.state, series, until, rule=rule(self.spec)
        )
        self.outcomes += outcomes
        for outcome in outcomes:
            self._take(outcome)

    def _take(self, outcome: stream.Outcome) -> None:
        end = outcome.point.start + timedelta(seconds=self.spec.window)
        last = self.spells[-1] if self.spells and self.spells[-1].ended is None else None
        if outcome.anomaly is None or outcome.since is None:
            if last is not None:
                self.spells[-1] = replace(last, ended=end)
            return
        told, size = outcome.event == "told", abs(outcome.judgement.score)
        grade = outcome.anomaly.grade
        if last is None:
            self.spells.append(Spell(outcome.anomaly, outcome.since, end, size, told, grade))
            return
        worse = outcome.judgement.odd and size > last.peak
        self.spells[-1] = replace(
            last,
            anomaly=outcome.anomaly if worse else last.anomaly,
            until=end,
            peak=max(size, last.peak) if outcome.judgement.odd else last.peak,
            told=told or last.told,
            grade=max(grade, last.grade, key=SEVERITIES.index),
        )

    def _fall_silent(self, at: datetime) -> None:
        last = self.state["last"]
        if last is None or not self.open:
            return
        end = datetime.fromisoformat(last) + timedelta(seconds=self.spec.window * (1 + SILENT))
        if at <= end - timedelta(seconds=self.spec.window):
            return
        self.state = {
            **self.state,
            "episode": {**self.state["episode"], "open": False, "calm": 0},
        }
        if self.spells and self.spells[-1].ended is None:
            self.spells[-1] = replace(self.spells[-1], ended=end)


def begun(spec: DetectorSpec, labels: Mapping[str, str], state: State | None = None) -> Course:
    """A course that goes on from this state, or of a series that nothing is known of."""
    return Course(spec, dict(labels), stream.begin(spec) if state is None else state)


def _runs(points: Sequence[Point], window: float) -> Iterator[list[Point]]:
    """The windows in their order, cut where nothing came for `SILENT` windows."""
    run: list[Point] = []
    for point in sorted(points, key=lambda one: one.start):
        if run and (point.start - run[-1].start).total_seconds() > (SILENT + 1) * window - 0.5:
            yield run
            run = []
        run.append(point)
    if run:
        yield run
