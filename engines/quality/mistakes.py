"""The worst mistakes on each side, from sets whose licence lets a page quote them.

`why.yaml` keeps a person's word on each, by the digest of its text, so that it outlives the page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from engines.quality.figures import Scored
from engines.quality.run import Measured
from engines.quality.sets import about

WHY = Path(__file__).with_name("why.yaml")
WORST = 10
LENGTH = 100
GROUP = "injection"
_HEAD = "# Why the texts on the page of quality were judged wrongly: fill in `why` alone.\n"


@dataclass(frozen=True, slots=True)
class Mistake:
    """A text that was judged wrongly, and the set that it is of."""

    of: str
    line: Scored

    @property
    def shown(self) -> str:
        """The text on one line, cut, with everything that does not print made visible."""
        words = " ".join(self.line.text.split())
        signs = "".join(sign if sign.isprintable() else _visible(sign) for sign in words)
        return signs if len(signs) <= LENGTH else f"{signs[: LENGTH - 1]}…"


def worst(sets: Mapping[str, Measured]) -> tuple[list[Mistake], list[Mistake]]:
    """The harmless texts of the highest risk that were flagged; the attacks of the lowest that
    were not. Of equal risks, one of each set comes before a second of any."""
    mistakes = [
        Mistake(name, line)
        for name, one in sets.items()
        if about(name).group == GROUP and about(name).quote
        for line in one.lines
        if line.text
    ]
    harmless = [one for one in mistakes if not one.line.label]
    attacks = [one for one in mistakes if one.line.label]
    return (
        _spread(sorted(harmless, key=lambda one: (-one.line.risk, one.line.digest))),
        _spread(sorted(attacks, key=lambda one: (one.line.risk, one.line.digest))),
    )


def explained(mistakes: Iterable[Mistake], file: Path = WHY) -> dict[str, str]:
    """The word on each of these; the file gets a place for those that have none yet.

    Words on other texts stay: a later version may make their mistakes again.
    """
    kept = {digest: row for digest, row in _kept(file).items() if row["why"]}
    for one in mistakes:
        kept.setdefault(one.line.digest, {"set": one.of, "text": one.shown, "why": ""})
    rows = yaml.safe_dump(kept, allow_unicode=True, sort_keys=True, width=1000)
    file.write_text(_HEAD + rows, encoding="utf-8", errors="replace")
    return {digest: row["why"] for digest, row in kept.items()}


def _kept(file: Path) -> dict[str, dict[str, str]]:
    if not file.exists():
        return {}
    return dict(yaml.safe_load(file.read_text(encoding="utf-8")) or {})


def _spread(ordered: Sequence[Mistake]) -> list[Mistake]:
    """The first few, where of equal risks each set has its turn; no text twice."""
    turns = Counter[tuple[float, str]]()
    ranked = []
    for place, one in enumerate({one.line.digest: one for one in ordered}.values()):
        from_worst = abs(one.line.risk - ordered[0].line.risk)
        ranked.append((from_worst, turns[one.line.risk, one.of], place, one))
        turns[one.line.risk, one.of] += 1
    return [one for *_, one in sorted(ranked, key=lambda row: row[:3])[:WORST]]


def _visible(sign: str) -> str:
    return f"\\u{ord(sign):04x}" if ord(sign) < 0x10000 else f"\\U{ord(sign):08x}"
