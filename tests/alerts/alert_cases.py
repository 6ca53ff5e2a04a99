from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from alerts.replay import Replay

HERE = Path(__file__).parent
SHARED = HERE.parents[2] / "shared" / "data" / "alerts"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

Told = tuple[float, str, str, dict[str, str], list[list[str]]]


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def lines(name: str) -> list[dict[str, Any]]:
    """All recorded cases where they stand beside the repository, else the sample."""
    whole = SHARED / f"{name}.jsonl"
    path = whole if whole.exists() else HERE / f"{name}_sample.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def played(case: dict[str, Any]) -> list[Told]:
    """What a scenario sends, in the order of groups."""
    return sorted(map(recorded, Replay(case).run()), key=by_group)


def recorded(one: dict[str, Any]) -> Told:
    return one["t"], one["receiver"], one["status"], one["group"], sorted(one["alerts"])


def by_group(one: Told) -> tuple[str, str, float]:
    return one[1], repr(one[3]), one[0]
