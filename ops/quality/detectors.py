"""How often the shipped detectors alarm on clean traffic, and how soon they find faults.

    python -m ops.quality.detectors [--days N] [--seeds N] [--json]

Simulates an application whose calls are log-normal in latency and cost, with the hours of a day,
and judges its windows with the shipped detectors.yaml as a farm does: a window at a time, state
kept from one to the next. Clean traffic is counted in windows out of the ordinary, and in anomalies
told of.
Faults are put in after 1, 6, 24 and 72 hours: latency times 4, cost times 10, error rate times 2,
and silence. Found means that an entry watching that metric fires in the first two windows.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.base import DetectorSpec, Point, Series
from detectors.config import load_detectors
from detectors.stream import begin, proceed

START = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = 60.0
HOUR = 3600.0
DAY = 86_400.0
FAULTS: Mapping[str, tuple[str, ...]] = {
    "latency": ("latency_ms",),
    "cost": ("cost",),
    "errors": ("error_rate",),
    "silence": ("request_rate",),
}
"""Each fault, and the metrics that show it."""

AFTER = (1.0, 6.0, 24.0, 72.0)
"""Hours of clean traffic before a fault."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What is simulated: calls per minute at the daily mean, and what a call is like.

    `swing` is how far the hours of the day move the rate, as a share; `sigma` is of the logarithm
    of latency and cost.
    """

    sigma: float
    rate: float = 60.0
    swing: float = 0.5
    latency_ms: float = 900.0
    cost: float = 0.0004
    errors: float = 0.02


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls in the order of their time: seconds from the start, and one column per metric."""

    time: NDArray[np.float64]
    latency_ms: NDArray[np.float64]
    cost: NDArray[np.float64]
    failed: NDArray[np.bool_]

    def cut(self, keep: NDArray[np.bool_]) -> Calls:
        """Only some of the calls."""
        return Calls(self.time[keep], self.latency_ms[keep], self.cost[keep], self.failed[keep])


def calls(traffic: Traffic, seconds: float, dice: np.random.Generator) -> Calls:
    """Clean traffic over that time."""
    minutes = np.arange(0, seconds, MINUTE)
    rate = traffic.rate * (1 + traffic.swing * np.sin(2 * np.pi * minutes / DAY))
    each = dice.poisson(rate)
    time = np.sort(np.repeat(minutes, each) + dice.uniform(0, MINUTE, int(each.sum())))
    size = len(time)
    return Calls(
        time,
        traffic.latency_ms * dice.lognormal(0, traffic.sigma, size),
        traffic.cost * dice.lognormal(0, traffic.sigma, size),
        dice.random(size) < traffic.errors,
    )


def broken(clean: Calls, fault: str, since: float, dice: np.random.Generator) -> Calls:
    """The same calls with a fault from `since` seconds on."""
    late = clean.time >= since
    if fault == "latency":
        return replace(clean, latency_ms=np.where(late, 4.0, 1.0) * clean.latency_ms)
    if fault == "cost":
        return replace(clean, cost=np.where(late, 10.0, 1.0) * clean.cost)
    if fault == "errors":
        again = dice.random(len(late)) < np.mean(clean.failed)
        return replace(clean, failed=clean.failed | (late & again))
    return clean.cut(~late)


def windows(spec: DetectorSpec, data: Calls, seconds: float) -> Iterator[Point]:
    """The entry's metric in each of its windows; those without calls are left out."""
    edges = np.arange(0, seconds + spec.window / 2, spec.window)
    places = np.searchsorted(data.time, edges)
    for left, right, at in zip(places, places[1:], edges, strict=False):
        if right > left:
            start = START + timedelta(seconds=float(at))
            yield Point(start, _value(spec, data, int(left), int(right)), int(right - left))


def _value(spec: DetectorSpec, data: Calls, left: int, right: int) -> float:
    if spec.statistic == "rate":
        return (right - left) / spec.window
    if spec.statistic == "ratio":
        return float(np.mean(data.failed[left:right]))
    values = {"latency_ms": data.latency_ms, "cost": data.cost}[spec.metric][left:right]
    if spec.statistic == "sum":
        return float(values.sum())
    if spec.statistic == "mean":
        return float(values.mean())
    return float(np.quantile(values, int(spec.statistic[1:]) / 100))


@dataclass(frozen=True, slots=True)
class Clean:
    """One entry on clean traffic; `told` counts anomalies that asked for an alert."""

    entry: str
    sigma: float
    windows: int
    odd: int
    told: int

    @property
    def share(self) -> float:
        """Share of windows out of the ordinary."""
        return self.odd / max(1, self.windows)


def clean(spec: DetectorSpec, traffic: Traffic, days: float, seed: int) -> Clean:
    """Judge clean traffic with one entry."""
    dice = np.random.default_rng(seed)
    data = calls(traffic, days * DAY, dice)
    outcomes = _judged(spec, data, days * DAY)
    odd = sum(outcome.judgement.odd for outcome in outcomes)
    told = sum(outcome.event == "told" for outcome in outcomes)
    return Clean(spec.id, traffic.sigma, len(outcomes), odd, told)


def _judged(spec: DetectorSpec, data: Calls, seconds: float) -> list[Any]:
    series = Series({}, tuple(windows(spec, data, seconds)))
    now = START + timedelta(seconds=seconds)
    return proceed(spec, begin(spec), series, now)[1]


@dataclass(frozen=True, slots=True)
class Fault:
    """How often a fault was found in the first two windows by any entry that watches its metric."""

    fault: str
    sigma: float
    after_hours: float
    tries: int
    found: int


def fault(
    specs: Sequence[DetectorSpec], name: str, traffic: Traffic, hours: float, seeds: int
) -> Fault:
    """Put a fault in after `hours` of clean traffic, `seeds` times."""
    watching = [spec for spec in specs if spec.metric in FAULTS[name]]
    found = 0
    for seed in range(seeds):
        dice = np.random.default_rng([seed, int(hours * 10)])
        longest = max((spec.window for spec in watching), default=0.0)
        seconds = hours * HOUR + 2 * longest
        data = broken(calls(traffic, seconds, dice), name, hours * HOUR, dice)
        found += any(_fires(spec, data, hours * HOUR) for spec in watching)
    return Fault(name, traffic.sigma, hours, seeds, found)


def _fires(spec: DetectorSpec, data: Calls, since: float) -> bool:
    outcomes = _judged(spec, data, since + 2 * spec.window)
    start = START + timedelta(seconds=since)
    return any(each.judgement.odd for each in outcomes if each.point.start >= start)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="ops.quality.detectors", description=__doc__)
    parser.add_argument("--days", type=float, default=30.0)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    found = measured(chosen.days, chosen.seeds)
    if chosen.json:
        print(json.dumps(found, indent=2))
        return
    for line in tables(found):
        print(line)


KINDS = (Traffic(0.5), Traffic(0.7), Traffic(0.7, rate=10.0))


def measured(days: float, seeds: int, kinds: Sequence[Traffic] = KINDS) -> dict[str, Any]:
    """Both measurements, as JSON."""
    specs = [spec for spec in load_detectors() if spec.enabled]
    calm, faults = [], []
    for traffic in kinds:
        for spec in specs:
            print(f"clean, {named(traffic)}: {spec.id}", file=sys.stderr)
            one = clean(spec, traffic, days, seed=1)
            calm.append({**asdict(one), "share": one.share, "traffic": named(traffic)})
        for name in FAULTS:
            print(f"fault, {named(traffic)}: {name}", file=sys.stderr)
            for hours in AFTER:
                one_fault = fault(specs, name, traffic, hours, seeds)
                faults.append({**asdict(one_fault), "traffic": named(traffic)})
    return {"days": days, "clean": calm, "faults": faults}


def named(traffic: Traffic) -> str:
    """How tables call it."""
    return f"sigma {traffic.sigma:g}, {traffic.rate:g} calls/min"


def tables(found: Mapping[str, Any]) -> list[str]:
    """Both measurements, as Markdown."""
    kinds = list(dict.fromkeys(each["traffic"] for each in found["clean"]))
    lines = [f"| entry | {' | '.join(kinds)} |", f"| --- |{' ---: |' * len(kinds)}"]
    for name in dict.fromkeys(each["entry"] for each in found["clean"]):
        row = [each for each in found["clean"] if each["entry"] == name]
        cells = " | ".join(
            f"{each['odd']} of {each['windows']} ({100 * each['share']:.2f} %)" for each in row
        )
        lines.append(f"| `{name}` | {cells} |")
    after = dict.fromkeys(each["after_hours"] for each in found["faults"])
    lines += ["", "| fault | traffic | " + " | ".join(f"after {h:g} h" for h in after) + " |"]
    lines.append("| --- | --- |" + " ---: |" * len(after))
    for fault_, kind in dict.fromkeys((each["fault"], each["traffic"]) for each in found["faults"]):
        row = [e for e in found["faults"] if (e["fault"], e["traffic"]) == (fault_, kind)]
        cells = " | ".join(f"{each['found']} of {each['tries']}" for each in row)
        lines.append(f"| {fault_} | {kind} | {cells} |")
    return lines


if __name__ == "__main__":
    main()
