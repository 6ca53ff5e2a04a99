"""The tables of a report, for CSV: everything that was measured, one fact a row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reports.figures import ACTIONS, Figures, Line, Usage

Cell = Any
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_USAGE = (
    "calls",
    "errors",
    "timeouts",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cost",
)
ATTACHED = ("summary", "traffic", "series", "verdicts", "anomalies", "alerts")
"""The tables that go along with a mail."""


@dataclass(frozen=True, slots=True)
class Table:
    """A header and rows of plain values."""

    name: str
    header: tuple[str, ...]
    rows: tuple[Sequence[Cell], ...]

    def csv(self) -> str:
        """RFC 4180. A text that a spreadsheet would take for a formula gets an apostrophe."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(self.header)
        writer.writerows([_plain(cell) for cell in row] for row in self.rows)
        return out.getvalue()


def tables(figures: Figures) -> Mapping[str, Table]:
    """Every table by name; those of an empty period have a header alone."""
    made = (
        _table("summary", ("figure", "now", "before"), _summary(figures)),
        _table("traffic", _traffic_header(), map(_traffic, figures.lines)),
        _table("series", _series_header(), _series(figures)),
        _table("verdicts", ("category", "found", "blocked", "found_before"), _categories(figures)),
        _table("engines", ("engine", "flagged", "ran", "failed", "mean_ms"), _engines(figures)),
        _table("examples", _EXAMPLES, _examples(figures)),
        _table("anomalies", _ANOMALIES, _anomalies(figures)),
        _table("alerts", _ALERTS, _alerts(figures)),
        _table("farm", ("subject", "name", "figure", "value"), _farm(figures)),
    )
    return {table.name: table for table in made}


NAMES = (
    "summary",
    "traffic",
    "series",
    "verdicts",
    "engines",
    "examples",
    "anomalies",
    "alerts",
    "farm",
)
_EXAMPLES = ("at", "application", "analysis_id", "risk", "findings", "text")
_ANOMALIES = (
    "began",
    "ended",
    "detector",
    "severity",
    "metric",
    "labels",
    "value",
    "baseline",
    "threshold",
    "score",
    "message",
)
_ALERTS = (
    "alert",
    "severity",
    "fired",
    "firing",
    "acknowledged",
    "median_to_acknowledge_s",
    "median_to_resolve_s",
)


def _table(name: str, header: Iterable[str], rows: Iterable[Sequence[Cell]]) -> Table:
    return Table(name, tuple(header), tuple(rows))


def _plain(cell: Cell) -> Cell:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="seconds")
    if isinstance(cell, float):
        return repr(round(cell, 6))
    if isinstance(cell, str) and cell.startswith(_FORMULA):
        return f"'{cell}"
    return cell


def _summary(figures: Figures) -> Iterable[Sequence[Cell]]:
    total = figures.total
    for name in _USAGE:
        yield name, getattr(total.now, name), total.before and getattr(total.before, name)
    for count in figures.verdicts.actions:
        yield f"inputs_{count.name}", count.now, count.before
    for count in (figures.alerting.anomalies, figures.alerting.alerts):
        yield count.name, count.now, count.before
    for count in figures.health.jobs:
        yield f"jobs_{count.name}", count.now, count.before


def _traffic_header() -> tuple[str, ...]:
    before = [f"{name}_before" for name in _USAGE]
    return ("application", "model", *_USAGE, *before)


def _traffic(line: Line) -> Sequence[Cell]:
    return (line.application, line.model, *_usage(line.now), *_usage(line.before))


def _usage(usage: Usage | None) -> Sequence[Cell]:
    return [None if usage is None else getattr(usage, name) for name in _USAGE]


def _series_header() -> tuple[str, ...]:
    return ("start", "calls", "errors", "p50_ms", "p95_ms", "p99_ms", "cost", *ACTIONS)


def _series(figures: Figures) -> Iterable[Sequence[Cell]]:
    for one in figures.series:
        latencies = (one.p50_ms, one.p95_ms, one.p99_ms)
        yield (one.start, one.calls, one.errors, *latencies, one.cost, *one.actions)


def _categories(figures: Figures) -> Iterable[Sequence[Cell]]:
    for one in figures.verdicts.categories:
        yield one.name, one.found, one.blocked, one.found_before


def _engines(figures: Figures) -> Iterable[Sequence[Cell]]:
    for one in figures.verdicts.engines:
        yield one.name, one.flagged, one.ran, one.failed, one.mean_ms


def _examples(figures: Figures) -> Iterable[Sequence[Cell]]:
    for one in figures.verdicts.examples:
        found = "; ".join(one.findings)
        yield one.at, one.application, one.analysis_id, one.risk, found, one.text


def _anomalies(figures: Figures) -> Iterable[Sequence[Cell]]:
    for one in figures.alerting.worst:
        yield (
            one.at,
            one.ended_at,
            one.detector,
            one.severity,
            one.metric,
            one.labels,
            one.value,
            one.baseline,
            one.threshold,
            one.score,
            one.message,
        )


def _alerts(figures: Figures) -> Iterable[Sequence[Cell]]:
    for one in figures.alerting.by_name:
        yield (
            one.name,
            one.severity,
            one.fired,
            one.firing,
            one.acknowledged,
            one.to_acknowledge_s,
            one.to_resolve_s,
        )


def _farm(figures: Figures) -> Iterable[Sequence[Cell]]:
    health = figures.health
    for count in (*health.jobs, health.retried):
        yield "jobs", count.name, "count", count.now
    for lane in health.lanes:
        for name in ("runs", "wait_p50_s", "wait_p95_s", "wait_max_s", "deaths", "failed"):
            yield "queue", lane.queue, name, getattr(lane, name)
    for count in health.workers:
        yield "workers", count.name, "up", count.now
    for told in figures.alerting.told:
        for name in ("delivered", "failed", "open"):
            yield "receiver", told.receiver, name, getattr(told, name)
