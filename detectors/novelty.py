"""Something of a kind that was not seen before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from detectors.base import Detector, DetectorSpec, Judgement, Number, Point, State

MOST = 1_000
"""Kinds that are remembered."""


class Novelty(Detector):
    """Fires when a kind turns up that the series has not shown before: a new attack category.

    Reads how the count of a window divides by kind. A kind is new when it has `min_samples` events
    (default 3) in one window and was in none of the earlier ones; for the first `learn` windows
    (default 12) everything is learned and nothing is new. Each kind fires once.

    Flags: weeks of prompt injection, then five findings of data exfiltration in one window.
    Passes: twice as many prompt injections as ever.
    """

    name = "novelty"
    type = "novelty"
    threshold = 1.0
    min_samples = 3
    numbers: ClassVar[Mapping[str, Number]] = {
        "learn": Number(12, 1, 10_000, "Windows in which everything is learned.")
    }

    def begin(self) -> State:
        """Nothing is known."""
        return {"seen": 0, "kinds": {}}

    def step(
        self, spec: DetectorSpec, state: State, point: Point, now: datetime
    ) -> tuple[State, Judgement]:
        """Look for kinds that are not known, then know them."""
        if not point.parts:
            return state, Judgement(verdict=False)
        number, known = state["seen"] + 1, state["kinds"]
        enough = {name: n for name, n in sorted(point.parts.items()) if n >= spec.min_samples}
        fresh = [name for name in enough if name not in known]
        fires = bool(fresh) and number > self.number(spec, "learn")
        kinds = {name: when for name, when in known.items() if name not in enough}
        kinds |= dict.fromkeys(enough, number)
        after = {"seen": number, "kinds": dict(list(kinds.items())[-MOST:])}
        names = ", ".join(name[:80] for name in fresh[:5])
        because = f"with a kind not seen before: {names}"
        return after, Judgement(float(len(fresh)) - 1, because=because, verdict=fires)
