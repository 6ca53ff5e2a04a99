"""One user who is refused again and again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from detectors.base import Detector, DetectorSpec, Judgement, Number, Point, State

MOST = 1_000
"""Users of one window that are remembered, the busiest first."""


class Probing(Detector):
    """Fires when one user has more than `threshold` blocked texts in the last few windows.

    Reads how the blocked analyses of a window divide by user. `over` is how many windows are added
    up (default 3); `threshold` is 5 unless you say otherwise. Who tries one wording after another
    is found however much other traffic there is.

    Flags: 200 users with a blocked text now and then, one of them with nine in ten minutes.
    Passes: forty blocked texts of forty users.
    """

    name = "probing"
    type = "probing"
    threshold = 5.0
    numbers: ClassVar[Mapping[str, Number]] = {
        "over": Number(3, 1, 288, "Windows that are added up.")
    }

    def history(self, spec: DetectorSpec) -> int:
        """How many windows before the current one `evaluate` wants to see."""
        return int(self.number(spec, "over")) - 1

    def begin(self) -> State:
        """Nobody was refused."""
        return {"windows": []}

    def step(
        self, spec: DetectorSpec, state: State, point: Point, now: datetime
    ) -> tuple[State, Judgement]:
        """Add up the last windows by user and look at the busiest."""
        busiest = sorted(point.parts.items(), key=lambda part: (-part[1], part[0]))[:MOST]
        kept = [*state["windows"], dict(busiest)][-int(self.number(spec, "over")) :]
        sums: dict[str, int] = {}
        for window in kept:
            for user, count in window.items():
                sums[user] = sums.get(user, 0) + count
        user, count = max(sums.items(), key=lambda part: (part[1], part[0]), default=("", 0))
        because = f"and user {user[:80]} was blocked {count} times in {len(kept)} windows"
        return {"windows": kept}, Judgement(float(count), spec.threshold, because=because)
