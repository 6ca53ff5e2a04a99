"""A strategy over a labelled corpus: its score in sample and with each category left out.

The detector runs as it does on telemetry, with its repeat rule. Per profile one threshold is chosen
over the whole corpus, as NAB does. Out of sample, each category is scored with the threshold that
is best on the others; the candidates are then judged by the mean of their neighbours, because the
best single one of a ragged curve is luck.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import BadInput
from detectors.base import Detector, DetectorSpec, Point
from detectors.damping import DAMPING, Damping, told
from detectors.ensemble import Ensemble
from detectors.nab.corpus import Recording
from detectors.nab.scoring import NOTHING, Profile, Tally, marks, tally
from detectors.registry import registry

Floats = NDArray[np.float64]
Progress = Callable[[int, int], None]

DEFAULT = "ensemble"
CANDIDATES = 200
NEIGHBOURS = 9
STANDARD = "standard"


@dataclass(frozen=True, slots=True)
class Report:
    """Scores by profile, 0 for silence and 100 for perfection; None where nothing is to be found.

    `left_out` is the standard score with each category's threshold chosen on the others; None
    for a corpus of one category.
    """

    strategy: str
    scores: Mapping[str, float | None]
    thresholds: Mapping[str, float]
    left_out: float | None
    by_category: Mapping[str, Mapping[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """The wire shape of `detectors bench --json`."""
        return {
            "strategy": self.strategy,
            **self.scores,
            "leave_one_category_out": self.left_out,
            "by_category": {name: dict(each) for name, each in self.by_category.items()},
            "thresholds": dict(self.thresholds),
        }


def strategies() -> tuple[str, ...]:
    """What can be benched: everything that scores a plain series of numbers."""
    return tuple(name for name, each in registry().items() if each.strategy)


def bench(
    name: str,
    corpus: Sequence[Recording],
    profiles: Mapping[str, Profile],
    progress: Progress = lambda done, total: None,
) -> Report:
    """Run and score a strategy. Raises BadInput for one that is unknown."""
    if name not in strategies():
        raise BadInput(f"there is no strategy {name!r}; known: {', '.join(strategies())}")
    return scored(name, corpus, scores_of(registry()[name], corpus, progress), profiles)


def scores_of(
    detector: Detector, corpus: Sequence[Recording], progress: Progress = lambda done, total: None
) -> list[Floats]:
    """The size of the score of every row of every recording; 0 for rows without a number."""
    if isinstance(detector, Ensemble):
        return _in_lockstep(detector, corpus, progress)
    found = []
    for place, recording in enumerate(corpus):
        progress(place, len(corpus))
        found.append(_one_by_one(detector, recording))
    progress(len(corpus), len(corpus))
    return found


def spec_of(detector: Detector, times: Sequence[datetime]) -> DetectorSpec:
    """The entry that a recording is judged by: the detector's defaults, both directions."""
    steps = sorted((b - a).total_seconds() for a, b in itertools.pairwise(times))
    return DetectorSpec(
        id="bench",
        name="bench",
        type=detector.type,
        strategy=detector.strategy,
        enabled=True,
        metric="value",
        statistic="mean",
        window=max(1.0, steps[len(steps) // 2]) if steps else 300.0,
        threshold=detector.threshold or 3.0,
        direction="both",
        min_samples=detector.min_samples,
    )


def _one_by_one(detector: Detector, recording: Recording) -> Floats:
    spec, state = spec_of(detector, recording.times), detector.begin()
    scores = np.zeros(len(recording.values))
    for row, (time, value) in enumerate(zip(recording.times, recording.values, strict=True)):
        point = Point(time, float(value), 1)
        state, judgement = detector.step(spec, state, point, time)
        scores[row] = abs(judgement.score)
    return scores


def _in_lockstep(
    detector: Ensemble, corpus: Sequence[Recording], progress: Progress
) -> list[Floats]:
    known = [np.isfinite(recording.values) for recording in corpus]
    histories = [
        ([time for time, there in zip(each.times, mask, strict=True) if there], each.values[mask])
        for each, mask in zip(corpus, known, strict=True)
    ]
    rows = max((len(values) for _, values in histories), default=0)
    found: list[Floats] = []
    for done, so_far in detector.replay(histories):
        progress(done, rows)
        found = so_far
    scores = [np.zeros(len(each.values)) for each in corpus]
    for score, mask, values in zip(scores, known, found, strict=True):
        score[mask] = values
    return scores


def scored(
    name: str,
    corpus: Sequence[Recording],
    scores: Sequence[Floats],
    profiles: Mapping[str, Profile],
    rule: Damping = DAMPING,
) -> Report:
    """The report on these scores, one array per recording, under a repeat rule."""
    worth = [marks(recording) for recording in corpus]
    candidates = _candidates(
        [each[mark.probation :] for each, mark in zip(scores, worth, strict=True)]
    )
    categories = sorted({recording.category for recording in corpus})
    tallies: list[dict[str, Tally]] = []
    for threshold in candidates:
        sums = dict.fromkeys(categories, NOTHING)
        for recording, mark, each in zip(corpus, worth, scores, strict=True):
            rows = told(rule, each, threshold, mark.probation)
            sums[recording.category] += tally(mark, rows)
        tallies.append(sums)
    best = {each: _best(tallies, categories, profile) for each, profile in profiles.items()}
    outside = _left_out(tallies, categories, profiles[STANDARD])
    by_category = {}
    for category in categories:
        at = tallies[best[STANDARD]][category]
        by_category[category] = {
            **{
                each: tallies[best[each]][category].score(profile)
                for each, profile in profiles.items()
            },
            "leave_one_category_out": outside[category].score(profiles[STANDARD])
            if outside
            else None,
            "files": sum(recording.category == category for recording in corpus),
            "windows": at.windows,
            "found": at.found,
            "false_alarms": at.false,
        }
    return Report(
        name,
        {
            each: _sum(tallies[best[each]], categories).score(profile)
            for each, profile in profiles.items()
        },
        {each: float(candidates[place]) for each, place in best.items()},
        _sum(outside, list(outside)).score(profiles[STANDARD]) if outside else None,
        by_category,
    )


def _candidates(scores: Sequence[Floats]) -> Floats:
    """Thresholds to try, closer together where scores are rare; the last one is silence."""
    pool = np.concatenate(scores) if scores else np.zeros(0)
    pool = pool[pool > 0]
    if not len(pool):
        return np.array([0.0])
    shares = np.geomspace(1 / len(pool), 0.15, CANDIDATES)
    tried = np.nextafter(np.quantile(pool, 1 - shares), 0.0)
    return np.unique([*tried, pool.max() + 1])


def _sum(tallies: Mapping[str, Tally], categories: Sequence[str]) -> Tally:
    return sum((tallies[each] for each in categories), NOTHING)


def _curve(
    tallies: Sequence[Mapping[str, Tally]], categories: Sequence[str], profile: Profile
) -> Floats:
    return np.array([_sum(each, categories).raw(profile) for each in tallies])


def _best(
    tallies: Sequence[Mapping[str, Tally]], categories: Sequence[str], profile: Profile
) -> int:
    return int(_curve(tallies, categories, profile).argmax())


def _left_out(
    tallies: Sequence[Mapping[str, Tally]], categories: Sequence[str], profile: Profile
) -> dict[str, Tally]:
    """Each category with the threshold that is best on the others; nothing if there are none."""
    if len(categories) < 2:
        return {}
    found = {}
    for category in categories:
        curve = _curve(tallies, [each for each in categories if each != category], profile)
        width = min(NEIGHBOURS, len(curve))
        padded = np.pad(curve, (width // 2, (width - 1) // 2), mode="edge")
        smooth = np.convolve(padded, np.ones(width) / width, mode="valid")
        found[category] = tallies[int(smooth.argmax())][category]
    return found
