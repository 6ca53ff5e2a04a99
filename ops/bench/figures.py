"""What is reported: percentiles, the ratios with their targets, medians over rounds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

Row = Mapping[str, float]
COLUMNS = ("/s", "p50 ms", "p95 ms", "p99 ms")

ROWS = (
    "GET /health, one client",
    "guard, one client",
    "guard, many clients",
    "guard, repeated prompts, one client",
    "guard, repeated prompts, many clients",
    "single by the database's clock, one client",
    "single, polled, one client",
    "single, polled, many clients",
    "single, Prefer: wait, one client",
    "single, Prefer: wait, many clients",
    "single, not waited for, many clients",
    "bare Celery, waited for, many clients",
    "bare Celery, doing nothing, not waited for",
    "Flask inline, one client",
    "Flask inline, many clients",
    "engines alone, balanced, one process",
    "engines alone, fast, one process",
    "batch, fast",
    "guard beside a batch, one client",
)
TARGETS = {
    "batch / (engines alone x processes)": ">= 0.70",
    "guard p50 over the engines' time, one client, ms": "<= 15",
    "guard p99 over the engines' time, one client, ms": "<= 40",
    "guard p50 / GET /health p50, one client": "",
    "guard p50 over the engines' time, many clients, ms": "",
    "guard p99 over the engines' time, many clients, ms": "",
    "single, Prefer: wait / bare Celery, waited for": ">= 0.60",
    "single, polled / bare Celery, waited for": "",
    "single, not waited for / bare Celery, waited for": ">= 0.60",
    "single, not waited for / bare Celery, doing nothing": "",
    "guard / Flask inline, many clients": "",
    "guard, repeated / distinct prompts, many clients": "",
    "guard p95 beside a batch / idle": "<= 3",
}
"""Every ratio, with what it should reach. A client that polls pauses and asks again, which is not
the farm's doing: no target."""


def percentile(values: Sequence[float], part: float) -> float:
    """The nearest-rank percentile."""
    ranked = sorted(values)
    return ranked[max(math.ceil(len(ranked) * part / 100) - 1, 0)]


def latencies(ms: Sequence[float]) -> dict[str, float]:
    """The columns of a row of latencies."""
    if not ms:
        raise SystemExit("not one request was answered as it should be; see the farm's logs")
    return {f"p{part} ms": percentile(ms, part) for part in (50, 95, 99)}


def ratios(rows: Mapping[str, Row], processes: int) -> dict[str, float]:
    """The ratios of one round, in the order of TARGETS."""

    def rate(name: str) -> float:
        return rows[name]["/s"]

    bare = rate("bare Celery, waited for, many clients")
    one, many = rows["guard, one client"], rows["guard, many clients"]
    own = rows["engines alone, balanced, one process"]["p50 ms"]
    unwaited = rate("single, not waited for, many clients")
    beside = rows["guard beside a batch, one client"]
    found = (
        rate("batch, fast") / (rate("engines alone, fast, one process") * processes),
        one["p50 ms"] - own,
        one["p99 ms"] - own,
        one["p50 ms"] / rows["GET /health, one client"]["p50 ms"],
        many["p50 ms"] - own,
        many["p99 ms"] - own,
        rate("single, Prefer: wait, many clients") / bare,
        rate("single, polled, many clients") / bare,
        unwaited / bare,
        unwaited / rate("bare Celery, doing nothing, not waited for"),
        many["/s"] / rate("Flask inline, many clients"),
        rate("guard, repeated prompts, many clients") / many["/s"],
        beside["p95 ms"] / one["p95 ms"],
    )
    return dict(zip(TARGETS, found, strict=True))


def over_rounds(rounds: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Median, least and most of each figure."""
    return {
        name: {
            "median": statistics.median(values),
            "least": min(values),
            "most": max(values),
        }
        for name in rounds[0]
        if (values := [one[name] for one in rounds])
    }
