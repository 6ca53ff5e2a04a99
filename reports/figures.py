"""What a report says, before it is put into words: frozen figures of one period and the one before.

Latencies and waits are as their names say, `_ms` or `_s`; costs are US dollars. None stands for
what is not known, which is not the same as nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reports.period import Period

ACTIONS = ("allow", "audit", "warn", "block")


@dataclass(frozen=True, slots=True)
class Usage:
    """Calls of models added up. `calls` are telemetry events, `errors` those without success;
    `timeouts` those of the errors that retention has left."""

    calls: int = 0
    errors: int = 0
    timeouts: int | None = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    cost: float = 0.0

    @property
    def error_rate(self) -> float | None:
        """Share of calls that failed, 0 to 1."""
        return self.errors / self.calls if self.calls else None


@dataclass(frozen=True, slots=True)
class Line:
    """One application and model, now and in the period before; empty names stand for all.

    `before` is None where nothing is known of that period.
    """

    application: str
    model: str
    now: Usage
    before: Usage | None


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bar of the charts, from `start` to the next one's."""

    start: datetime
    calls: int = 0
    errors: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    cost: float = 0.0
    actions: tuple[int, ...] = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Count:
    """How many, now and before."""

    name: str
    now: int
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Category:
    """A category of findings: inputs in which it was found, and those of them that were blocked."""

    name: str
    found: int
    blocked: int
    found_before: int | None = None


@dataclass(frozen=True, slots=True)
class EngineCount:
    """How one engine ended, in inputs."""

    name: str
    flagged: int
    ran: int
    failed: int
    mean_ms: float | None


@dataclass(frozen=True, slots=True)
class Example:
    """One blocked input. `text` is a redacted passage, None where none may be shown."""

    at: datetime
    application: str
    analysis_id: str
    risk: float
    findings: tuple[str, ...]
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Inputs judged by action (in the order of ACTIONS), and what was found in them."""

    actions: tuple[Count, ...] = ()
    degraded: int = 0
    categories: tuple[Category, ...] = ()
    engines: tuple[EngineCount, ...] = ()
    examples: tuple[Example, ...] = ()

    @property
    def judged(self) -> int:
        """Every input that was judged."""
        return sum(count.now for count in self.actions)

    @property
    def judged_before(self) -> int | None:
        """The same of the period before."""
        known = [count.before for count in self.actions if count.before is not None]
        return sum(known) if known else None

    def of(self, action: str) -> Count:
        """The count of one action."""
        return next((count for count in self.actions if count.name == action), Count(action, 0))


@dataclass(frozen=True, slots=True)
class Oddity:
    """An anomaly. `ended_at` is None while it lasts."""

    at: datetime
    ended_at: datetime | None
    detector: str
    severity: str
    metric: str
    labels: str
    value: float
    baseline: float | None
    threshold: float | None
    score: float | None
    message: str


@dataclass(frozen=True, slots=True)
class AlertCount:
    """Alerts of one name and severity that began in the period; times are medians in seconds."""

    name: str
    severity: str
    fired: int
    firing: int
    acknowledged: int
    to_acknowledge_s: float | None
    to_resolve_s: float | None


@dataclass(frozen=True, slots=True)
class Told:
    """Notifications to one receiver."""

    receiver: str
    delivered: int
    failed: int
    open: int


@dataclass(frozen=True, slots=True)
class Alerting:
    """Anomalies and alerts."""

    anomalies: Count = Count("anomalies", 0)
    worst: tuple[Oddity, ...] = ()
    alerts: Count = Count("alerts", 0)
    by_name: tuple[AlertCount, ...] = ()
    to_acknowledge_s: float | None = None
    to_resolve_s: float | None = None
    told: tuple[Told, ...] = ()


@dataclass(frozen=True, slots=True)
class Lane:
    """One queue of runs: how many, how long they waited, how often a worker died over one."""

    queue: str
    runs: int
    wait_p50_s: float | None
    wait_p95_s: float | None
    wait_max_s: float | None
    deaths: int
    failed: int


@dataclass(frozen=True, slots=True)
class Health:
    """The farm itself. `workers` are those up when the report was made, by class."""

    jobs: tuple[Count, ...] = ()
    retried: Count = Count("retried", 0)
    lanes: tuple[Lane, ...] = ()
    workers: tuple[Count, ...] = ()

    @property
    def finished(self) -> int:
        """Jobs accepted in the period that have ended."""
        return sum(count.now for count in self.jobs if count.name not in ("queued", "running"))


@dataclass(frozen=True, slots=True)
class Figures:
    """The whole report. `applications` is empty for all; `notes` say what is missing and why."""

    title: str
    period: Period
    applications: tuple[str, ...]
    made_at: datetime
    total: Line
    lines: tuple[Line, ...] = ()
    by_application: tuple[Line, ...] = ()
    by_model: tuple[Line, ...] = ()
    series: tuple[Bucket, ...] = ()
    verdicts: Verdicts = Verdicts()
    alerting: Alerting = Alerting()
    health: Health = Health()
    notes: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing at all happened."""
        judged, calls = self.verdicts.judged, self.total.now.calls
        return not (judged or calls or self.alerting.anomalies.now or self.alerting.alerts.now)
