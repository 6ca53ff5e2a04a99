"""A labelled corpus in NAB's format: `data/**/*.csv` and `labels/combined_windows.json`."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import BadInput

PROBATION = 0.15
"""Share of a file that is not scored: a detector may learn in peace."""

PROBATION_ROWS = 750
"""Most rows that are not scored."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One labelled file. `windows` are first and last row of each anomaly, both inside."""

    name: str
    category: str
    times: tuple[datetime, ...]
    values: NDArray[np.float64]
    windows: tuple[tuple[int, int], ...]

    @property
    def probation(self) -> int:
        """Rows at the beginning that are not scored."""
        return min(int(PROBATION * len(self.values)), PROBATION_ROWS)


def load_corpus(
    folder: Path, progress: Callable[[str], None] = lambda _: None
) -> tuple[Recording, ...]:
    """Every labelled file below `folder`, sorted by name; the category is its first folder.

    A file that the labels do not name cannot be scored; it is left out, and `progress` is told.
    Raises BadInput naming the file to mend.
    """
    labels = _labels(folder / "labels" / "combined_windows.json")
    root = folder / "data"
    found = []
    for path in sorted(root.rglob("*.csv")):
        name = path.relative_to(root).as_posix()
        if name in labels:
            found.append(_recording(path, name, labels[name]))
        else:
            progress(f"{name}: not in the labels, left out")
    if not found:
        raise BadInput(f"{root} holds no CSV file that labels/combined_windows.json names")
    return tuple(found)


def _labels(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise BadInput(f"{path} cannot be read: {problem.strerror}") from None
    except ValueError as problem:
        raise BadInput(f"{path} is not JSON: {problem}") from None
    if not isinstance(document, dict):
        raise BadInput(f"{path} must be an object: file name to a list of [start, end]")
    return document


def _recording(path: Path, name: str, windows: Any) -> Recording:
    times, values = [], []
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                times.append(datetime.fromisoformat(row["timestamp"]))
                values.append(float(row["value"]) if row["value"].strip() else math.nan)
        spans = [(datetime.fromisoformat(a), datetime.fromisoformat(b)) for a, b in windows]
    except (KeyError, ValueError, TypeError, AttributeError) as problem:
        raise BadInput(f"{path}: not timestamp,value with NAB's windows: {problem}") from None
    rows = []
    for start, end in sorted(spans):
        inside = [row for row, time in enumerate(times) if start <= time <= end]
        if inside:
            rows.append((inside[0], inside[-1]))
    category = name.split("/")[0] if "/" in name else "all"
    return Recording(name, category, tuple(times), np.array(values, dtype=np.float64), tuple(rows))
