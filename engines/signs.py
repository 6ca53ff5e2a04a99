"""A table of rules of which some are weak: several weak signs in one text make a strong one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import ClassVar

from core.analysis import Finding
from engines.base import PatternEngine
from engines.normaliser import View


class SignsEngine(PatternEngine):
    """Adds `several_signs` where at least `enough` rules below `weak` hit different places.

    Its score is 1 - (1 - a)(1 - b)… over those rules, at least `least` and at most `ceiling`. Hits
    below `faint` raise it without counting as a sign: harmless texts are full of them.
    """

    abstract = True
    enough: ClassVar[int] = 2
    weak: ClassVar[float] = 0.5
    faint: ClassVar[float] = 0.2
    least: ClassVar[float] = 0.5
    ceiling: ClassVar[float] = 0.8

    def scan(self, view: View) -> Iterable[Finding]:
        found = list(super().scan(view))
        signs = _apart(finding for finding in found if finding.score < self.weak)
        together = 1 - math.prod(1 - sign.score for sign in signs)
        counted = sum(sign.score >= self.faint for sign in signs)
        if counted >= self.enough and together >= self.least:
            labels = ", ".join(sorted(sign.label for sign in signs))
            found.append(
                Finding(
                    self.name,
                    self.category,
                    min(round(together, 4), self.ceiling),
                    "several_signs",
                    view.field,
                    tuple(sorted(span for sign in signs for span in sign.spans)),
                    f"shows several weak signs at once: {labels}",
                )
            )
        return found


def _apart(findings: Iterable[Finding]) -> list[Finding]:
    """The strongest finding of each label, unless a stronger one of another stands there."""
    taken: dict[str, Finding] = {}
    for finding in sorted(findings, key=lambda finding: -finding.score):
        start, end = finding.spans[0]
        if finding.label not in taken and not any(
            start < sign.spans[0][1] and sign.spans[0][0] < end for sign in taken.values()
        ):
            taken[finding.label] = finding
    return list(taken.values())
