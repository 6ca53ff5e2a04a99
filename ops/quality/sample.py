"""The labelled sets of a folder, or an even part of each."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from engines.quality.cases import Case, read
from engines.quality.sets import about


def sets_of(folder: Path, group: str, limit: int | None) -> dict[str, list[Case]]:
    """Each set of this group, with at most `limit` lines. Raises SystemExit when there is none."""
    found = {}
    for path in sorted(folder.glob("*.jsonl")):
        if about(path.stem).group != group:
            continue
        cases, problems = read(path)
        for problem in problems:
            print(problem, file=sys.stderr)
        if cases:
            found[path.stem] = part(cases, limit)
    if not found:
        raise SystemExit(f"there is no set of the group {group!r} in {folder}")
    return found


def part(cases: Sequence[Case], limit: int | None) -> list[Case]:
    """Lines at even distances, in their order, of either label in its share."""
    if limit is None or len(cases) <= limit:
        return list(cases)
    ordered = sorted(cases, key=lambda case: case.label)
    return [ordered[place * len(ordered) // limit] for place in range(limit)]
