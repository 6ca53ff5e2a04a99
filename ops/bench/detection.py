"""Measures one tick of many detectors over stored telemetry, on one process.

    python -m ops.bench.detection [--detectors 1000] [--groups 1] [--hours 24] [--json]

Starts a PostgreSQL of its own and stores events of some applications. The first rounds replay that
history for every detector and group; the rounds after them each judge one new window of each. Times
are of the whole round, reading and storing states included.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

from ops.stores import own_stores

WINDOW = 60
ROUNDS = 5
CONFIGS = (
    {"type": "statistical", "strategy": "zscore", "threshold": 4, "metric": "latency_ms"},
    {"type": "statistical", "strategy": "robust_zscore", "threshold": 4, "metric": "latency_ms"},
    {"type": "statistical", "strategy": "ewma", "threshold": 4, "metric": "cost"},
    {"type": "statistical", "strategy": "cusum", "threshold": 5, "metric": "total_tokens"},
    {"type": "statistical", "strategy": "seasonal", "threshold": 4, "metric": "request_rate"},
    {"type": "statistical", "strategy": "zscore", "threshold": 4, "metric": "error_rate"},
    {"type": "statistical", "strategy": "ensemble", "metric": "latency_ms"},
    {"type": "threshold", "condition": "greater_than", "threshold": 9e9, "metric": "latency_ms"},
    {"type": "no_data", "metric": "request_rate"},
    {"type": "budget", "threshold": 9e9, "metric": "cost", "statistic": "sum"},
)


def entries(count: int) -> str:
    """detectors.yaml with so many entries, of every kind in turn."""
    lines = ["detectors:"]
    for number in range(count):
        config = dict(CONFIGS[number % len(CONFIGS)])
        kind = config.pop("type")
        config |= {"window": f"{WINDOW}s", "group_by": ["application"]}
        lines.append(f"  - {json.dumps({'id': f'd{number}', 'type': kind, 'config': config})}")
    return "\n".join(lines)


def fill(now: datetime, hours: int, groups: int) -> int:
    """Ten events a minute for each application; returns how many."""
    from core.telemetry import Event
    from workers import event_lines, storing

    stored = 0
    for hour in range(hours):
        lines = []
        for number in range(600):
            at = now - timedelta(hours=hour + 1) + timedelta(seconds=number * 6)
            for group in range(groups):
                event = Event(
                    event_id=f"{hour}-{number}",
                    timestamp=at,
                    event_type="llm.response",
                    application_id=f"app-{group}",
                    status="error" if number % 50 == 0 else "success",
                    model="m",
                    latency_ms=900.0 + (number * 37 + hour * 11) % 300,
                    prompt_tokens=100,
                    completion_tokens=50,
                    total_tokens=150,
                    cost=0.01 + (number % 7) / 1000,
                    environment="prod",
                )
                lines.append(event_lines.of_event(event, "default", now.isoformat()))
        stored += storing.store(lines)
    return stored


def measured(count: int, groups: int, hours: int) -> dict[str, Any]:
    """Seconds of the replay and of the rounds that follow."""
    from detectors.config import parse_detectors
    from workers import detection
    from workers.rollups import floor

    specs = parse_detectors(entries(count))
    now = floor(datetime.now(UTC), WINDOW)
    events = fill(now, hours, groups)
    first, begun = 0.0, -1
    while begun < (begun := _begun()):
        first += _round(specs, now - ROUNDS * timedelta(seconds=WINDOW), detection)
    later = [
        _round(specs, now - place * timedelta(seconds=WINDOW), detection)
        for place in range(ROUNDS - 1, -1, -1)
    ]
    median = statistics.median(later)
    return {
        "detectors": count,
        "groups": groups,
        "events": events,
        "replay_s": round(first, 2),
        "round_s": round(median, 3),
        "slowest_round_s": round(max(later), 3),
        "ms_per_detector_and_group": round(1000 * median / (count * groups), 3),
    }


def _begun() -> int:
    from core.database import query

    rows = query("SELECT count(until) AS begun FROM detector_progress")
    return int(rows[0]["begun"])


def _round(specs: Sequence[Any], at: datetime, detection: Any) -> float:
    from core.settings import settings

    now = at + timedelta(seconds=settings().detection_lag_seconds)
    begun = time.perf_counter()
    for batch in detection.batches(specs):
        detection.evaluate_all(batch, at, now)
    return time.perf_counter() - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="ops.bench.detection")
    parser.add_argument("--detectors", type=int, default=1000)
    parser.add_argument("--groups", type=int, default=1, help="applications with traffic")
    parser.add_argument("--hours", type=int, default=24, help="history before the first round")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    with own_stores():
        found = measured(chosen.detectors, chosen.groups, chosen.hours)
    if chosen.json:
        print(json.dumps(found))
        return
    table = Table("", "", box=None, show_header=False)
    for name, value in found.items():
        table.add_row(name.replace("_", " "), str(value))
    Console().print(table)


if __name__ == "__main__":
    main()
