"""What detectors ask: one metric over equal windows, from rollups where they can tell.

They can for windows of whole minutes, grouped by application, model or environment: counts, sums,
means and ratios exactly, percentiles of the latency within `core.sketch.RELATIVE_ERROR`. What else
is asked is computed from the events, which are kept for RETENTION_RAW.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import add
from typing import Any

from core.database import UnitOfWork
from core.sketch import Sketch, decoded

MINUTE, HOUR = 60, 3600
LABELS = {
    "application": "application_id",
    "model": "model",
    "environment": "environment",
    "user": "user_id",
    "session": "session_id",
    "key": "tags ->> 'key'",
}
"""Where each label stands in an event; the key that paid for a call is its tag `key`."""
ROLLED_UP = frozenset({"application", "model", "environment"})
AMOUNTS = ("cost", "prompt_tokens", "completion_tokens", "total_tokens")
SHARES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class Window:
    """One window of one group. `value` is None where nothing was measured, `count` its events."""

    labels: dict[str, str]
    start: datetime
    value: float | None
    count: int


@dataclass(slots=True)
class Total:
    """Rollup rows added up."""

    sums: list[float] = field(default_factory=list)
    sketch: Sketch = field(default_factory=Sketch)
    least: float = float("inf")
    most: float = float("-inf")

    def add(self, sums: Sequence[float], sketched: Sequence[Any] = ()) -> None:
        """Add one row's sums, and what it says in the columns SKETCH."""
        self.sums = list(map(add, self.sums, sums)) if self.sums else list(sums)
        if sketched and sketched[0] is not None:
            low, counts, least, most = sketched
            self.sketch.add(low, decoded(counts))
            self.least = min(self.least, least)
            self.most = max(self.most, most)

    def merge(self, other: Total) -> None:
        """Add another's rows."""
        self.add(other.sums)
        self.sketch.merge(other.sketch)
        self.least, self.most = min(self.least, other.least), max(self.most, other.most)

    def percentiles(self, *shares: float) -> list[float | None]:
        """Of the latency, in milliseconds."""
        return self.sketch.percentiles(shares, self.least, self.most)


def source(since: datetime, until: datetime, *, hours: bool, cut: bool = False) -> str:
    """The rollup rows of these whole minutes, as a subquery; whole hours come as one row where
    `hours` allows, but for the hours in the parameter `cut` where that is true. Other parameters:
    since, until, first and last, of `bounds`."""
    if not hours:
        return "(SELECT * FROM telemetry_minutes WHERE ts >= :since AND ts < :until)"
    first, last = bounds(since, until)
    if first >= last:
        return "(SELECT * FROM telemetry_minutes WHERE ts >= :since AND ts < :until)"
    return (
        "(SELECT * FROM telemetry_hours WHERE ts >= :first AND ts < :last"
        + (_CUT if cut else "")
        + " UNION ALL SELECT * FROM telemetry_minutes WHERE ts >= :since AND ts < :first"
        " UNION ALL SELECT * FROM telemetry_minutes WHERE ts >= :last AND ts < :until)"
    )


def bounds(since: datetime, until: datetime) -> tuple[datetime, datetime]:
    """The whole hours between."""
    last = floor(until, HOUR)
    if since >= last:
        return last, last
    first = floor(since, HOUR)
    return (first if first == since else first + timedelta(seconds=HOUR)), last


def floor(moment: datetime, seconds: float) -> datetime:
    """The last multiple of so many seconds since the epoch."""
    epoch = datetime(1970, 1, 1, tzinfo=moment.tzinfo)
    width = timedelta(seconds=seconds)
    return epoch + (moment - epoch) // width * width


def windows(
    work: UnitOfWork,
    tenant: str,
    metric: str,
    statistic: str,
    window_s: float,
    since: datetime,
    until: datetime,
    group_by: Sequence[str] = (),
) -> list[Window]:
    """The aggregate of each window `[since + k * window_s, … + window_s)` before `until` that has
    events, by group and time.

    `metric` is latency_ms, one of AMOUNTS, error_rate or request_rate, `statistic` one that
    `detectors.metrics` lists for it, `group_by` words of LABELS; a label that an event lacks is "".
    """
    asked = _Asked(work, tenant, metric, statistic, window_s, since, until, tuple(group_by))
    return asked.from_rollups() if asked.rolled_up else asked.from_events()


@dataclass(frozen=True)
class _Asked:
    work: UnitOfWork
    tenant: str
    metric: str
    statistic: str
    window_s: float
    since: datetime
    until: datetime
    group_by: tuple[str, ...]

    @property
    def rolled_up(self) -> bool:
        """Whether rollups can tell."""
        whole = not self.window_s % MINUTE and floor(self.since, MINUTE) == self.since
        whole = whole and floor(self.until, MINUTE) == self.until
        told = self.statistic in ("sum", "mean", "rate", "ratio") or self.metric == "latency_ms"
        return whole and told and set(self.group_by) <= ROLLED_UP

    @property
    def _sketched(self) -> bool:
        return self.statistic in SHARES or self.statistic in ("min", "max")

    def from_rollups(self) -> list[Window]:
        """From minutes, or hours where the windows lie on them."""
        hours = not self.window_s % HOUR and floor(self.since, HOUR) == self.since
        first, last = bounds(self.since, self.until)
        names = self._names()
        wanted = [*(f"r.{name}" for name in names), *SKETCH]
        groups = [f"r.{LABELS[name]} AS g{place}" for place, name in enumerate(self.group_by)]
        grouping = ""
        if not self._sketched:
            wanted = [f"sum(r.{name}) AS {name}" for name in names]
            grouping = " GROUP BY " + ", ".join(str(place + 1) for place in range(len(groups) + 1))
        rows = self.work.execute(
            f"SELECT {', '.join([_PLACE, *groups, *wanted])}"
            f" FROM {source(self.since, self.until, hours=hours)} AS r WHERE r.tenant = :tenant"
            + grouping,
            tenant=self.tenant,
            window=self.window_s,
            since=self.since,
            until=self.until,
            **({"first": first, "last": last} if hours and first < last else {}),
        )
        totals: dict[tuple[Any, ...], Total] = {}
        for row in rows:
            total = totals.setdefault((*row[1 : len(groups) + 1], row.place), Total())
            start = len(groups) + 1
            total.add(row[start : start + len(names)], row[start + len(names) :])
        return [
            self._window(key, self._value(total), int(total.sums[0]))
            for key, total in sorted(totals.items())
        ]

    def _names(self) -> tuple[str, ...]:
        if self.metric == "error_rate":
            return ("events", "errors")
        if self.metric == "request_rate":
            return ("events",)
        many = "latencies" if self.metric == "latency_ms" else f"with_{self.metric}"
        return ("events", many, self.metric)

    def _value(self, total: Total) -> float | None:
        events, *rest = map(float, total.sums)
        if self.statistic == "rate":
            return events / self.window_s
        if self.statistic == "ratio":
            return rest[0] / events
        if self.statistic in SHARES:
            return total.percentiles(SHARES[self.statistic])[0]
        if self.statistic in ("min", "max"):
            found = total.least if self.statistic == "min" else total.most
            return found if total.sketch else None
        many, amount = rest
        if not many:
            return None
        return amount if self.statistic == "sum" else amount / many

    def from_events(self) -> list[Window]:
        """From the events themselves."""
        groups = [
            f"coalesce(r.{LABELS[name]}, '') AS g{place}"
            for place, name in enumerate(self.group_by)
        ]
        by = ", ".join(str(place + 1) for place in range(len(groups) + 1))
        rows = self.work.execute(
            f"SELECT {', '.join([_PLACE, *groups])}, count(*) AS events, {self._aggregate()} AS"
            " value FROM telemetry r WHERE r.tenant = :tenant AND r.ts >= :since AND r.ts < :until"
            f" GROUP BY {by}",
            tenant=self.tenant,
            window=self.window_s,
            since=self.since,
            until=self.until,
        )
        found = [
            ((*row[1 : len(groups) + 1], row.place), row.value, int(row.events)) for row in rows
        ]
        return [
            self._window(key, None if value is None else float(value), events)
            for key, value, events in sorted(found, key=lambda one: one[0])
        ]

    def _aggregate(self) -> str:
        if self.statistic == "rate":
            return f"count(*) / {float(self.window_s)!r}"
        if self.statistic == "ratio":
            return "avg(CASE WHEN r.status <> 'success' THEN 1.0 ELSE 0.0 END)"
        if self.statistic in SHARES:
            share = SHARES[self.statistic]
            return f"percentile_cont({share}) WITHIN GROUP (ORDER BY r.{self.metric})"
        function = {"sum": "sum", "mean": "avg", "min": "min", "max": "max"}[self.statistic]
        return f"{function}(r.{self.metric})"

    def _window(self, key: tuple[Any, ...], value: float | None, events: int) -> Window:
        labels = dict(zip(self.group_by, key[:-1], strict=True))
        return Window(
            labels, self.since + timedelta(seconds=self.window_s * key[-1]), value, events
        )


_CUT = (
    " AND ts <> ALL(CAST(:cut AS timestamptz[]))"
    " UNION ALL SELECT m.* FROM unnest(CAST(:cut AS timestamptz[])) AS c (hour)"
    " JOIN telemetry_minutes m ON m.ts >= c.hour AND m.ts < c.hour + interval '1 hour'"
)
_PLACE = "CAST(floor(extract(epoch FROM r.ts - :since) / :window) AS integer) AS place"
SKETCH = ("latency_low", "array_send(latency_counts)", "latency_min", "latency_max")
