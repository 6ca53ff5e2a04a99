"""The measurements of `ops.quality.detectors` through the workers, from stored events to alerts.

    python -m ops.quality.worker_path [--days 30] [--seeds 5] [--json | --write]

Starts PostgreSQL for each part, stores the same simulated calls by the code that io workers run
(rows and rollups), has the shipped detectors.yaml evaluated tick by tick as at simulated moments,
and reads anomalies and alerts from their tables. `--write` keeps the figures in
ops/quality/worker_path.json and renews their section of docs/detectors.md.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from detectors.base import DetectorSpec
from detectors.config import load_detectors
from ops.quality.detectors import (
    DAY,
    FAULTS,
    HOUR,
    MINUTE,
    START,
    Clean,
    Fault,
    Traffic,
    broken,
    calls,
    named,
    tables,
)
from ops.stores import own_stores

FIGURES = Path(__file__).with_name("worker_path.json")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "detectors.md"
HEADING = "### Through the workers"
AFTER = (1.0, 24.0)
"""Hours of clean traffic before a fault."""
HISTORY = 30 * MINUTE
"""Seconds between two ticks before a fault; going tick by tick is as one replay, by test."""
PROCESSES = 2


@dataclass(frozen=True, slots=True)
class Part:
    """What one process measures on stores of its own: clean traffic, or, with `hours`, every fault
    after so many hours. `step` is the seconds between two ticks."""

    traffic: Traffic
    days: float
    seeds: int
    step: float
    hours: float | None = None

    @property
    def name(self) -> str:
        """For who watches."""
        what = "clean" if self.hours is None else f"faults after {self.hours:g} h"
        return f"{what}, {named(self.traffic)}"

    def say(self, share: float) -> None:
        """How far it is."""
        print(f"{self.name}: {share:.0%}", file=sys.stderr, flush=True)


def measured(part: Part) -> dict[str, Any]:
    """The figures of a part."""
    os.environ.pop("DETECTORS_FILE", None)
    logging.getLogger("workers").setLevel(logging.ERROR)
    with own_stores(durable=False):
        return _clean(part) if part.hours is None else _faults(part, part.hours)


def _clean(part: Part) -> dict[str, Any]:
    from ops.quality import simulated_farm as farm

    seconds = part.days * DAY
    one = farm.Application("default", calls(part.traffic, seconds, np.random.default_rng(1)))
    ticks = farm.run([one], _ticks(0, seconds, part.step, farm.lag()), part.say)
    found, rows = farm.anomalies(one.tenant), []
    until = START + timedelta(seconds=seconds + farm.lag() + part.step)
    for spec in _entries():
        alerts = sum(each["alerted"] for each in found if each["detector_id"] == spec.id)
        windows = ticks if spec.type == "threshold" else int(seconds / spec.window)
        odd = farm.alarmed(spec, found, part.step, until)
        row = Clean(spec.id, part.traffic.sigma, windows, odd, alerts)
        rows.append({**asdict(row), "share": row.share, "traffic": named(part.traffic)})
    return {"clean": rows, "faults": [], "ticks": ticks, "events": one.stored}


def _faults(part: Part, hours: float) -> dict[str, Any]:
    from ops.quality import simulated_farm as farm

    since = hours * HOUR
    longest = max(spec.window for spec in _entries())
    until = since + 2 * longest
    applications = {}
    for name in FAULTS:
        for seed in range(part.seeds):
            dice = np.random.default_rng([seed, int(hours * 10)])
            data = broken(calls(part.traffic, until, dice), name, since, dice)
            applications[name, seed] = farm.Application(f"{name}-{seed}", data)
    moments = [
        *_ticks(0, since, HISTORY, farm.lag()),
        *_ticks(since, until, MINUTE, farm.lag()),
    ]
    ticks = farm.run(list(applications.values()), moments, part.say)
    rows = []
    for name, metrics in FAULTS.items():
        watching = [spec for spec in _entries() if spec.metric in metrics]
        seen = [
            farm.seen_in_time(watching, farm.anomalies(one.tenant), since)
            for (fault, _), one in applications.items()
            if fault == name
        ]
        row = Fault(name, part.traffic.sigma, hours, len(seen), sum(map(bool, seen)))
        alerted = sum(any(each["alerted"] for each in one) for one in seen)
        rows.append({**asdict(row), "alerted": alerted, "traffic": named(part.traffic)})
    stored = sum(one.stored for one in applications.values())
    return {"clean": [], "faults": rows, "ticks": ticks, "events": stored}


def _entries() -> list[DetectorSpec]:
    return [spec for spec in load_detectors() if spec.enabled]


def _ticks(since: float, until: float, step: float, lag: float) -> Iterator[float]:
    """Every `step` seconds after `since`, late by as much as windows are judged late."""
    for number in range(1, int((until - since) / step) + 1):
        yield since + number * step + lag


def everything(parts: Sequence[Part]) -> dict[str, Any]:
    """All parts, some side by side, each in a process that serves no other."""
    with ProcessPoolExecutor(
        PROCESSES, mp_context=get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        done = list(pool.map(measured, parts))
    return {
        "days": parts[0].days,
        "step_s": parts[0].step,
        "clean": [row for one in done for row in one["clean"]],
        "faults": [row for one in done for row in one["faults"]],
        "ticks": sum(one["ticks"] for one in done),
        "events": sum(one["events"] for one in done),
    }


def section(found: Mapping[str, Any]) -> list[str]:
    """The section of docs/detectors.md, up to the next heading."""
    tries, seen, alerted = (
        sum(one[name] for one in found["faults"]) for name in ("tries", "found", "alerted")
    )
    alerts = sum(one["told"] for one in found["clean"])
    return [
        HEADING,
        "",
        "The same calls, from the same seeds, stored by the code that io workers run (rows and"
        " rollups in PostgreSQL) and judged by theirs, tick by tick as at simulated moments;"
        " anomalies and alerts are read from their tables. Clean traffic:"
        f" {found['days']:g} days, a tick every {found['step_s'] / MINUTE:g} minutes; counted are"
        " the windows that lie in an anomaly, which ends only with a window well below the"
        " threshold, and of bounds, which are judged in each tick, the ticks. Faults: a tick every"
        f" {HISTORY / MINUTE:g} minutes before, every minute from the fault on; found when an entry"
        " that watches the metric has begun an anomaly by the time its second window is judged."
        f" {found['ticks']:,} ticks over {found['events']:,} events, {tries} faults, of which"
        f" {seen} were found and {alerted} raised an alert; all clean traffic raised {alerts}."
        " Percentiles come from rollups here, within their relative error, which is what decides"
        " on a window that is odd by a hair. Made by `python -m ops.quality.worker_path --write`.",
        "",
        *tables(found),
        "",
    ]


def kept_section() -> list[str]:
    """The section from the figures that were kept."""
    return section(json.loads(FIGURES.read_text(encoding="utf-8")))


def renewed(page: str, lines: Iterable[str]) -> str:
    """The page with this section in the place of the one that it has."""
    before, heading, rest = page.partition(f"{HEADING}\n")
    if not heading:
        raise SystemExit(f"{PAGE} has no section {HEADING!r}")
    return before + "\n".join(lines) + "\n" + rest[rest.index("\n## ") + 1 :]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, then print or write."""
    parser = argparse.ArgumentParser(prog="ops.quality.worker_path", description=__doc__)
    parser.add_argument("--days", type=float, default=30.0, help="of clean traffic")
    parser.add_argument("--seeds", type=int, default=5, help="runs of each fault")
    parser.add_argument("--after", type=float, nargs="+", default=AFTER, help="hours before faults")
    parser.add_argument("--sigma", type=float, nargs="+", default=(0.5, 0.7))
    parser.add_argument("--step", type=float, default=5 * MINUTE, help="seconds between two ticks")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args(arguments)
    own = (chosen.days, chosen.seeds, chosen.step)
    kinds = [Traffic(sigma) for sigma in chosen.sigma]
    found = everything(
        [Part(traffic, *own, hours) for hours in (None, *chosen.after) for traffic in kinds]
    )
    if chosen.json:
        print(json.dumps(found, indent=2))
    elif chosen.write:
        FIGURES.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8"), kept_section()), encoding="utf-8")
    else:
        print("\n".join(section(found)))


if __name__ == "__main__":
    main()
