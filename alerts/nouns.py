"""The nouns of alerting."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from alerts.context import NO_CONTEXT, Context


class Status(StrEnum):
    """Whether an alert, or a whole notification, still burns."""

    FIRING = "firing"
    RESOLVED = "resolved"


def fingerprint(labels: Mapping[str, str]) -> str:
    """The identity of an alert: equal for equal labels in any order; empty labels do not count."""
    pairs = sorted((name, value) for name, value in labels.items() if value)
    return hashlib.sha256(json.dumps(pairs).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing that is, or was, wrong. Its labels are its identity.

    `ends_at` may lie ahead: an alert that is not renewed by then counts as resolved.
    `acknowledged_by` is whoever looks after it, if anyone.
    """

    labels: Mapping[str, str]
    starts_at: datetime
    updated_at: datetime
    ends_at: datetime | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    acknowledged_by: str | None = None
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprint", fingerprint(self.labels))

    @property
    def name(self) -> str:
        """The label `alertname`."""
        return self.labels.get("alertname", "")

    def status(self, now: datetime) -> Status:
        """Firing, or resolved once its end has come."""
        ended = self.ends_at is not None and self.ends_at <= now
        return Status.RESOLVED if ended else Status.FIRING

    def firing(self, now: datetime) -> bool:
        """True while it burns."""
        return self.status(now) is Status.FIRING


@dataclass(frozen=True, slots=True)
class Notification:
    """One message to one receiver about one group, decided at `at`.

    `dedup_key` is the same in every attempt to deliver it and in no other notification. `context`
    is looked up for each attempt and not part of what was decided.
    """

    receiver: str
    group_key: str
    group_labels: Mapping[str, str]
    alerts: tuple[Alert, ...]
    at: datetime
    dedup_key: str
    reason: str
    context: Context = field(default=NO_CONTEXT, compare=False, repr=False)

    @property
    def status(self) -> Status:
        """Firing as long as one alert is."""
        return Status.FIRING if self.firing else Status.RESOLVED

    @property
    def firing(self) -> tuple[Alert, ...]:
        """The alerts that burned when this was decided."""
        return tuple(alert for alert in self.alerts if alert.firing(self.at))

    @property
    def resolved(self) -> tuple[Alert, ...]:
        """The alerts that had ended when this was decided."""
        return tuple(alert for alert in self.alerts if not alert.firing(self.at))


@dataclass(frozen=True, slots=True)
class Delivery:
    """An accepted notification: the peer's answer code and a word about it."""

    status: int
    detail: str
