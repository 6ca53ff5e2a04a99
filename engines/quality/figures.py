"""How good scores are, in numbers. A figure that is undefined is None.

Texts are flagged from a threshold upwards, so texts of one score are flagged together or not at
all: the recall at a rate of false positives is what a threshold can really reach.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

DIGITS = 6


@dataclass(frozen=True, slots=True)
class Scored:
    """The verdict over one labelled text. `alarms` are the engines that would flag it alone."""

    label: int
    risk: float
    flagged: bool
    alarms: tuple[str, ...] = ()
    text: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """What is published of a set."""

    n_attack: int
    n_benign: int
    recall: float | None
    false_positive_rate: float | None
    precision: float | None
    auroc: float | None
    recall_at_fpr_1: float | None
    recall_at_fpr_5: float | None
    texts_per_second: float | None


def figures(lines: Sequence[Scored], seconds: float) -> Figures:
    """The figures of these texts, which took so many seconds."""
    attacks, harmless = risks(lines)
    hits = sum(line.flagged for line in lines if line.label)
    alarms = sum(line.flagged for line in lines if not line.label)
    return Figures(
        n_attack=len(attacks),
        n_benign=len(harmless),
        recall=share(hits, len(attacks)),
        false_positive_rate=share(alarms, len(harmless)),
        precision=share(hits, hits + alarms),
        auroc=auroc(attacks, harmless),
        recall_at_fpr_1=recall_at(attacks, harmless, 0.01),
        recall_at_fpr_5=recall_at(attacks, harmless, 0.05),
        texts_per_second=round(len(lines) / seconds, 2) if seconds > 0 else None,
    )


def pooled(sets: Mapping[str, tuple[Sequence[Scored], float]]) -> dict[str, Any]:
    """The figures of all sets as one, and the means over the sets that have the label."""
    every = [line for lines, _ in sets.values() for line in lines]
    each = [figures(lines, seconds) for lines, seconds in sets.values()]
    return {
        **asdict(figures(every, sum(seconds for _, seconds in sets.values()))),
        "macro_recall": mean(one.recall for one in each),
        "macro_false_positive_rate": mean(one.false_positive_rate for one in each),
    }


def macro_recall_at(sets: Iterable[Sequence[Scored]], rate: float) -> float | None:
    """The mean recall over the sets, at the threshold that all their harmless texts fix."""
    parts = [risks(lines) for lines in sets]
    harmless = [risk for _, risky in parts for risk in risky]
    if not harmless:
        return None
    above = bound(harmless, rate)
    return mean(share(sum(risk > above for risk in each), len(each)) for each, _ in parts)


def risks(lines: Iterable[Scored]) -> tuple[list[float], list[float]]:
    """The risks of the attacks, and those of the harmless texts."""
    attacks: list[float] = []
    harmless: list[float] = []
    for line in lines:
        (attacks if line.label else harmless).append(line.risk)
    return attacks, harmless


def auroc(attacks: Sequence[float], harmless: Sequence[float]) -> float | None:
    """The chance that an attack scores above a harmless text; a tie counts half."""
    if not attacks or not harmless:
        return None
    ordered = sorted(harmless)
    won = sum(
        bisect.bisect_left(ordered, score) + bisect.bisect_right(ordered, score)
        for score in attacks
    )
    return round(won / 2 / len(attacks) / len(harmless), DIGITS)


def recall_at(attacks: Sequence[float], harmless: Sequence[float], rate: float) -> float | None:
    """The best recall of a threshold that flags at most this share of the harmless texts."""
    if not attacks or not harmless:
        return None
    above = bound(harmless, rate)
    return share(sum(score > above for score in attacks), len(attacks))


def bound(harmless: Sequence[float], rate: float) -> float:
    """The least score above which at most this share of the harmless texts lies."""
    allowed = math.floor(rate * len(harmless) + 1e-9)
    return -math.inf if allowed >= len(harmless) else sorted(harmless, reverse=True)[allowed]


def roc(attacks: Sequence[float], harmless: Sequence[float]) -> list[tuple[float, float]]:
    """Each reachable pair of false positive rate and recall, from strict to lax."""
    up, down = sorted(attacks), sorted(harmless)
    points = [(0.0, 0.0)]
    for score in sorted({*attacks, *harmless}, reverse=True):
        wrong = len(down) - bisect.bisect_left(down, score)
        right = len(up) - bisect.bisect_left(up, score)
        points.append((wrong / len(down), right / len(up)))
    return points


def share(part: int, whole: int) -> float | None:
    return round(part / whole, DIGITS) if whole else None


def mean(values: Iterable[float | None]) -> float | None:
    """The mean of those that are defined."""
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), DIGITS) if known else None
