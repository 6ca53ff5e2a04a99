"""What can be watched: one row per metric, read by the configuration and by the SQL layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["up", "down", "both"]
DIRECTIONS: tuple[Direction, ...] = ("up", "down", "both")

SPREAD = ("p50", "p90", "p95", "p99", "mean", "min", "max")
"""Statistics of single events; a window without events has none."""

ZERO_WHEN_EMPTY = frozenset({"sum", "rate"})
"""Aggregates that are 0, not unknown, in a window without events."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One watchable quantity.

    `statistics[0]` is the aggregate over a window when the operator names none. `direction` is the
    side on which a statistical detector looks: a low latency is no spike, but silence is as odd as
    a flood. `source` says which rows feed it: telemetry events or verdicts of analyses.
    """

    name: str
    unit: str
    statistics: tuple[str, ...]
    direction: Direction
    source: Literal["telemetry", "verdicts"]
    about: str

    @property
    def default(self) -> str:
        """The aggregate when none is named."""
        return self.statistics[0]


_EVERY = (
    Metric(
        "latency_ms",
        "ms",
        ("p95", "p50", "p90", "p99", "mean", "min", "max"),
        "up",
        "telemetry",
        "Duration of a call. p95, so that one slow call among a hundred wakes nobody.",
    ),
    Metric("cost", "USD", ("sum", *SPREAD), "up", "telemetry", "Money spent in the window."),
    Metric(
        "prompt_tokens", "tokens", ("sum", *SPREAD), "up", "telemetry", "Tokens sent to models."
    ),
    Metric(
        "completion_tokens",
        "tokens",
        ("sum", *SPREAD),
        "up",
        "telemetry",
        "Tokens written by models.",
    ),
    Metric(
        "total_tokens", "tokens", ("sum", *SPREAD), "up", "telemetry", "Tokens sent and written."
    ),
    Metric(
        "error_rate",
        "share",
        ("ratio",),
        "up",
        "telemetry",
        "Share of events whose status is not success, 0 to 1.",
    ),
    Metric(
        "request_rate", "1/s", ("rate",), "both", "telemetry", "Events per second of the window."
    ),
    Metric(
        "block_rate",
        "share",
        ("ratio",),
        "up",
        "verdicts",
        "Share of analyses whose action is block, 0 to 1.",
    ),
    Metric(
        "risk_score",
        "0-1",
        ("p95", "p50", "p90", "p99", "mean", "min", "max"),
        "up",
        "verdicts",
        "Risk of the analyses. p95: an attack is rarely the greater part of the traffic.",
    ),
)

METRICS = {metric.name: metric for metric in _EVERY}

DIMENSIONS = {
    "application": "application",
    "application_id": "application",
    "model": "model",
    "environment": "environment",
    "user": "user",
    "user_id": "user",
    "session": "session",
    "session_id": "session",
    "key": "key",
}
"""Words allowed in `group_by` and the label each becomes."""
