"""The table at the end, and the same and more as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from ops.chaos.audit import FLAWS
from ops.chaos.faults import Strike
from ops.chaos.promises import Promises
from ops.chaos.recovery import BACKLOG_TARGET, KILLED, KILLED_TARGET, Recovery
from ops.chaos.sampling import Sample, summary

SHOWN = ("median", "p99", "slowest")
ODDITIES = ("halved", "finished in the act", "still waiting")


def story(
    title: str,
    begun: float,
    found: Mapping[str, Any],
    recovery: Recovery,
    promises: Promises,
    strikes: Sequence[Strike],
    samples: Sequence[Sample],
) -> dict[str, Any]:
    """Everything that was seen; moments are seconds since the load began."""
    return {
        "title": title,
        **found,
        "recovery": recovery.figures(),
        "refused": dict(promises.refused.most_common()),
        "unknown": dict(promises.unknown),
        "strikes": dict(Counter(strike.name for strike in strikes)),
        "summary": summary(samples, promises.guards),
        "log": [{**asdict(strike), "at": round(strike.at - begun, 2)} for strike in strikes],
        "waits": [
            {
                "at": round(watch.since - begun, 2),
                "kind": watch.kind,
                "seconds": [round(second, 2) for second in watch.seconds],
            }
            for watch in recovery.watches
        ],
        "samples": [{**asdict(one), "at": round(one.at - begun, 2)} for one in samples],
        "guards": [[round(at - begun, 2), round(spent, 4)] for at, spent in promises.guards],
        "refusals": [[round(at - begun, 2), reason] for at, reason in promises.refusals],
    }


def table(told: Mapping[str, Any], found: Mapping[str, Any]) -> Table:
    """For reading: counts, seconds until recovery beside their targets, refusals, strikes."""
    shown = Table(title=str(told["title"]), show_header=False, title_justify="left")
    shown.add_column()
    shown.add_column(justify="right")
    for name, value in found.items():
        flawed = (name in FLAWS and value) or (name == "conserved" and not value)
        shown.add_row(_words(name), f"[bold red]{value}[/]" if flawed else _words(value))
    shown.add_section()
    for kind, figures in told["recovery"].items():
        shown.add_row(kind, _recovered(kind, figures))
    shown.add_section()
    latency = told["summary"]["guard latency, ms"]
    shown.add_row("guard latency, ms", ", ".join(f"{k} {v}" for k, v in latency.items()))
    for name in ("refused", "unknown", "strikes"):
        shown.add_section()
        for what, count in told[name].items():
            shown.add_row(f"{name}: {what}", str(count))
    return shown


def _words(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _recovered(kind: str, figures: Mapping[str, Any]) -> str:
    said = f"strikes {figures['strikes']}, runs hit {figures['runs']}"
    if figures["runs"]:
        said += ", s: " + ", ".join(f"{name} {figures[name]}" for name in SHOWN)
        if kind == KILLED:
            said += f" (target p99 {KILLED_TARGET:g})"
        elif kind.startswith("Valkey"):
            said += f" (target slowest {BACKLOG_TARGET:g})"
    return said + "".join(f", {name} {figures[name]}" for name in ODDITIES if figures[name])
