"""Flap damping: when an anomaly begins, is told of again, and ends.

An anomaly begins with the first window out of the ordinary and ends once `calm` windows in a row
have scored below `release` thresholds. After it was told of, nothing of this series is told again
for `silence` windows, and for a series with a long history for `share` of the windows it has seen:
what comes back within that time belongs to the same trouble.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from detectors.base import Judgement, State

Event = Literal["", "told", "ended"]


@dataclass(frozen=True, slots=True)
class Damping:
    """`release` is a share of the threshold; the others count windows."""

    release: float = 0.8
    calm: int = 1
    silence: int = 40
    share: float = 0.035

    def pause(self, seen: int) -> int:
        """Windows from being told of until the next time, for a series of `seen` windows."""
        return max(self.silence, int(self.share * seen))


DAMPING = Damping()


def begin() -> State:
    """Nothing is wrong and nothing was told."""
    return {"seen": 0, "open": False, "calm": 0, "told": None, "since": None, "peak": 0.0}


def advance(
    damping: Damping, state: State, judgement: Judgement, start: str
) -> tuple[State, Event]:
    """The next window's part in the anomaly; `start` is its time, kept as the beginning.

    `told` asks for a new alert, `ended` says that the anomaly is over.
    """
    row = state["seen"]
    after = {**state, "seen": row + 1}
    size = abs(judgement.score)
    if judgement.odd:
        after |= {"open": True, "calm": 0, "peak": max(state["peak"], size)}
        if not state["open"]:
            after |= {"since": start, "peak": size}
        if state["told"] is None or row >= state["told"] + damping.pause(state["told"]):
            return {**after, "told": row}, "told"
        return after, ""
    if not state["open"]:
        return after, ""
    below = judgement.verdict is False or size <= damping.release * judgement.threshold
    after["calm"] = state["calm"] + 1 if below else 0
    if after["calm"] < damping.calm:
        return after, ""
    return {**after, "open": False, "calm": 0}, "ended"


def told(
    damping: Damping, scores: NDArray[np.float64], threshold: float, first: int = 0
) -> Sequence[int]:
    """The rows of a whole history, from `first`, that `advance` would answer `told` for."""
    hot = np.flatnonzero(scores > threshold)
    place = int(np.searchsorted(hot, first))
    rows = []
    while place < len(hot):
        row = int(hot[place])
        rows.append(row)
        place = int(np.searchsorted(hot, row + damping.pause(row)))
    return rows
