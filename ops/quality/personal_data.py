"""How well the personal data engines find what a labelled file marks.

`python -m ops.quality.personal_data FILE [--half first|second]` reads lines
`{"text", "label", "spans": [[start, end, type], …]}` and prints precision, recall and F1:

- by line: does the text hold personal data (`label`) and was anything found;
- by span: a marked span counts as found when a finding of any kind overlaps it, a finding counts
  as right when it overlaps a marked span of any type;
- by character: characters inside marked spans against characters inside findings.

All types of the file count and are pooled; the recall of each type stands below. Findings are those
of the engines of the category `personal_data`, whatever their score.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.analysis import Content
from engines.base import Engine
from engines.catalogue import catalogue
from engines.runner import run

Span = tuple[int, int]


@dataclass
class Tally:
    """Right, wrong and missed ones of one kind."""

    right: int = 0
    wrong: int = 0
    missed: int = 0
    found: int = 0
    """Marked ones that were met; differs from `right` where one finding covers two."""

    def figures(self) -> tuple[float, float, float]:
        """Precision, recall, F1."""
        precision = self.right / max(1, self.right + self.wrong)
        recall = self.found / max(1, self.found + self.missed)
        return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


@dataclass
class Quality:
    """What one file showed."""

    lines: Tally = field(default_factory=Tally)
    spans: Tally = field(default_factory=Tally)
    characters: Tally = field(default_factory=Tally)
    met: Counter[str] = field(default_factory=Counter)
    marked: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)


def engines() -> list[Engine]:
    """Those that look for personal data."""
    return [engine for engine in catalogue().values() if engine.category == "personal_data"]


def findings(readers: Sequence[Engine], text: str) -> list[tuple[int, int, str]]:
    """Every span found, with its label; equal spans once."""
    spans = {
        (*span, finding.label)
        for result in run(readers, [Content(text=text)])[0]
        for finding in result.findings
        for span in finding.spans
    }
    labels = {(start, end): label for start, end, label in sorted(spans)}
    return [(start, end, label) for (start, end), label in sorted(labels.items())]


def overlaps(one: Span, others: Iterable[Span]) -> bool:
    """Whether it shares a character with one of them."""
    return any(one[0] < end and start < one[1] for start, end in others)


def measure(rows: Iterable[dict[str, Any]]) -> Quality:
    """Run the engines over the rows and count."""
    quality, readers = Quality(), engines()
    for row in rows:
        marked = [(start, end, kind) for start, end, kind in row["spans"]]
        found = findings(readers, row["text"])
        _count(quality, int(row["label"]), marked, found)
    return quality


def _count(
    quality: Quality,
    label: int,
    marked: list[tuple[int, int, str]],
    found: list[tuple[int, int, str]],
) -> None:
    hit = bool(found)
    quality.lines.right += hit and label == 1
    quality.lines.found += hit and label == 1
    quality.lines.wrong += hit and label == 0
    quality.lines.missed += not hit and label == 1
    true_spans = [(start, end) for start, end, _ in marked]
    found_spans = [(start, end) for start, end, _ in found]
    for start, end, kind in found:
        right = overlaps((start, end), true_spans)
        quality.spans.right += right
        quality.spans.wrong += not right
        if not right:
            quality.wrong[kind] += 1
    for start, end, kind in marked:
        met = overlaps((start, end), found_spans)
        quality.spans.found += met
        quality.spans.missed += not met
        quality.marked[kind] += 1
        quality.met[kind] += met
    true_places = {place for start, end in true_spans for place in range(start, end)}
    found_places = {place for start, end in found_spans for place in range(start, end)}
    quality.characters.right += len(true_places & found_places)
    quality.characters.found += len(true_places & found_places)
    quality.characters.wrong += len(found_places - true_places)
    quality.characters.missed += len(true_places - found_places)


def report(quality: Quality) -> str:
    """The figures as text."""
    lines = []
    for name in ("lines", "spans", "characters"):
        precision, recall, both = getattr(quality, name).figures()
        lines.append(f"{name:<12} precision {precision:.3f}  recall {recall:.3f}  F1 {both:.3f}")
    lines += [
        f"  {kind:<20} {quality.met[kind]}/{total}" for kind, total in quality.marked.most_common()
    ]
    lines += [f"  found beside a mark: {kind} {n}" for kind, n in quality.wrong.most_common(12)]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures of a file, or of the even (`first`) or odd (`second`) lines of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("file", type=Path)
    parser.add_argument("--half", choices=("first", "second"))
    given = parser.parse_args(arguments)
    rows = [json.loads(line) for line in given.file.read_text(encoding="utf-8").splitlines()]
    if given.half:
        rows = rows[0 if given.half == "first" else 1 :: 2]
    print(report(measure(rows)))


if __name__ == "__main__":
    main()
