"""From an engine's raw score to a probability: one monotone piecewise-linear map per engine.

The maps are in `weights/calibration.json`; an engine without one keeps its scores. They exist for
engines whose labelled data allow it. Scores of secrets and personal data are degrees of severity,
and learned engines answer with probabilities already.

`fit` makes a map from labelled scores by isotonic regression. The share of attacks in labelled
sets says nothing about traffic, so the counts are first weighted to a stated `prior`. Around each
score stand a few imagined hits that agree with the engine's author: where data are scarce, the
author's score stays.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.errors import ConfigError

FILE = Path(__file__).parent / "weights" / "calibration.json"
PRIOR = 0.1
"""Share of attacks in traffic that `fit` assumes unless told."""
IMAGINED = 20.0
"""Weight of the author's opinion on one score, in texts that hit."""
DIGITS = 4

Points = tuple[tuple[float, float], ...]


class Calibration:
    """The maps of several engines. `digest` tells one set of maps from another."""

    def __init__(self, points: Mapping[str, Points]) -> None:
        self.points = {name: _checked(name, some) for name, some in points.items()}
        text = json.dumps(self.points, sort_keys=True)
        self.digest = hashlib.sha256(text.encode()).hexdigest()[:12] if self.points else ""

    def __call__(self, engine: str, score: float) -> float:
        """The probability that this engine's score stands for."""
        points = self.points.get(engine)
        return score if points is None else interpolated(points, score)


def _checked(name: str, points: Iterable[Sequence[float]]) -> Points:
    found = tuple((float(raw), float(value)) for raw, value in points)
    pairs = list(itertools.pairwise(found))
    rising = all(a[0] < b[0] and a[1] <= b[1] for a, b in pairs)
    within = all(0 <= part <= 1 for point in found for part in point)
    if not (found and rising and within):
        raise ConfigError(f"the calibration of {name} must rise from point to point within 0..1")
    return found


def interpolated(points: Points, score: float) -> float:
    """The value at `score`: straight between two points, flat before the first and after the last.

    Rises with `score`, rounding included.
    """
    if score <= points[0][0]:
        return points[0][1]
    for (left, low), (right, high) in itertools.pairwise(points):
        if score <= right:
            return min(low + (high - low) * ((score - left) / (right - left)), high)
    return points[-1][1]


@functools.cache
def shipped() -> Calibration:
    """The maps of `weights/calibration.json`; none where there is no such file."""
    if not FILE.exists():
        return Calibration({})
    try:
        engines: Mapping[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))["engines"]
        return Calibration({name: about["points"] for name, about in engines.items()})
    except (ValueError, KeyError, TypeError) as problem:
        raise ConfigError(f"{FILE.name} is damaged ({problem}); make it anew") from problem


def fit(scored: Iterable[tuple[float, bool]], prior: float = PRIOR) -> Points:
    """The map for one engine, from its top score on each text (0 for none) and whether it attacks.

    Nothing stays nothing and certainty certainty: the map goes through (0, 0) and (1, 1) where no
    score was seen there. Raises ConfigError without texts of both kinds.
    """
    hits: dict[float, list[int]] = defaultdict(lambda: [0, 0])
    for score, attack in scored:
        hits[round(score, DIGITS)][attack] += 1
    harmless, attacks = (sum(each[kind] for each in hits.values()) for kind in (0, 1))
    if not harmless or not attacks:
        raise ConfigError("a calibration needs attacks and harmless texts")
    blocks = []
    for score in sorted(hits.keys() - {0.0}):
        bad = prior * (harmless + attacks) * hits[score][1] / attacks
        good = (1 - prior) * (harmless + attacks) * hits[score][0] / harmless
        weight = bad + good + IMAGINED
        blocks.append((score, (bad + IMAGINED * score) / weight, weight))
    points = {score: round(value, DIGITS) for score, value in _isotonic(blocks)}
    return tuple(sorted(({0.0: 0.0, 1.0: 1.0} | points).items()))


def _isotonic(blocks: Sequence[tuple[float, float, float]]) -> list[tuple[float, float]]:
    """The rising values nearest to `(place, value, weight)`, by pooling neighbours that fall."""
    pools: list[tuple[list[float], float, float]] = []
    for place, value, weight in blocks:
        pools.append(([place], value, weight))
        while len(pools) > 1 and pools[-2][1] > pools[-1][1]:
            right, left = pools.pop(), pools.pop()
            together = left[2] + right[2]
            mean = (left[1] * left[2] + right[1] * right[2]) / together
            pools.append((left[0] + right[0], mean, together))
    return [(place, value) for places, value, _ in pools for place in places]
