"""NAB's score (Lavin and Ahmad, 2015): early detection is worth more, false alarms cost.

The first alert inside a window earns its place on a sigmoid: nearly 1 at the left edge, 0 at the
right one. A window without an alert costs 1. Every alert outside costs: little just after a window,
1 far from any. A profile weighs the three; a detector that says nothing gets 0 and one that alerts
on the first row of each window 100.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import BadInput
from detectors.nab.corpus import Recording

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Profile:
    """What a hit earns, a missed window costs and a false alarm costs."""

    hit: float
    missed: float
    false: float


PROFILES: Mapping[str, Profile] = {
    "standard": Profile(1.0, 1.0, 0.11),
    "reward_low_FP_rate": Profile(1.0, 1.0, 0.22),
    "reward_low_FN_rate": Profile(1.0, 2.0, 0.11),
}
"""The weights of NAB 1.1, for a corpus that brings none."""


def load_profiles(folder: Path) -> Mapping[str, Profile]:
    """The weights of `config/profiles.json` below `folder`; those of NAB 1.1 where it is absent.

    Raises BadInput for a file that lacks one of the three profiles.
    """
    path = folder / "config" / "profiles.json"
    if not path.exists():
        return PROFILES
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        costs = {name: document[name]["CostMatrix"] for name in PROFILES}
        return {
            name: Profile(float(c["tpWeight"]), float(c["fnWeight"]), float(c["fpWeight"]))
            for name, c in costs.items()
        }
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise BadInput(f"{path}: not NAB's profiles: {problem}") from None


def sigmoid(place: float) -> float:
    """1 long before the right edge of a window (place < 0), 0 on it, -1 from three widths after."""
    return -1.0 if place > 3 else 2 / (1 + math.exp(5 * place)) - 1


@dataclass(frozen=True, slots=True)
class Marks:
    """What an alert on each row is worth, before weights: `gain` in windows, `loss` outside.

    `window` is the number of the window that the row lies in, -1 outside.
    """

    probation: int
    gain: Floats
    loss: Floats
    window: NDArray[np.int64]
    windows: int


def marks(recording: Recording) -> Marks:
    """The worth of each row of a recording; rows on probation belong to no window."""
    rows = len(recording.values)
    gain, loss = np.zeros(rows), np.ones(rows)
    window = np.full(rows, -1, dtype=np.int64)
    best, known = sigmoid(-1.0), 0
    for number, (first, last) in enumerate(recording.windows):
        width = last - first + 1
        for row in range(first, last + 1):
            gain[row] = sigmoid(-(last - row + 1) / width) / best
        window[first : last + 1] = known
        known += last >= recording.probation
        until = recording.windows[number + 1][0] if number + 1 < len(recording.windows) else rows
        for row in range(last + 1, until):
            loss[row] = -sigmoid((row - last) / max(1, width - 1))
    window[: recording.probation] = -1
    return Marks(recording.probation, gain, loss, window, known)


@dataclass(frozen=True, slots=True)
class Tally:
    """What the alerts of one or several recordings earned, before weights."""

    gained: float
    found: int
    windows: int
    lost: float
    false: int

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.gained + other.gained,
            self.found + other.found,
            self.windows + other.windows,
            self.lost + other.lost,
            self.false + other.false,
        )

    def raw(self, profile: Profile) -> float:
        """The weighted sum, as NAB adds it up."""
        missed = self.windows - self.found
        return profile.hit * self.gained - profile.missed * missed - profile.false * self.lost

    def score(self, profile: Profile) -> float | None:
        """0 for silence, 100 for perfection; None where there is nothing to find."""
        if not self.windows:
            return None
        silent = -profile.missed * self.windows
        return 100 * (self.raw(profile) - silent) / (profile.hit * self.windows - silent)


NOTHING = Tally(0.0, 0, 0, 0.0, 0)


def tally(marks: Marks, alerts: Sequence[int] | NDArray[np.int64]) -> Tally:
    """What alerts on these rows (ascending) are worth; those on probation do not count."""
    rows = np.asarray(alerts, dtype=np.int64)
    rows = rows[rows >= marks.probation]
    outside = rows[marks.window[rows] < 0]
    inside = rows[marks.window[rows] >= 0]
    numbers, first = np.unique(marks.window[inside], return_index=True)
    gained = float(marks.gain[inside[first]].sum())
    lost = float(marks.loss[outside].sum())
    return Tally(gained, len(numbers), marks.windows, lost, len(outside))
