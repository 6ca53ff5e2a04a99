"""The JSON shapes of detectors, anomalies, alerts and what was sent about them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.jobs import moment


class DetectorAction(BaseModel):
    """What an anomaly sets off."""

    alert: str
    severity: str
    annotations: dict[str, str]


class LastTick(BaseModel):
    """The last finished evaluation."""

    tick: datetime
    evaluations: int | None
    anomalies: int | None
    error: str | None


class Detector(BaseModel):
    """One entry of detectors.yaml. `window` and `hold` (its `for`) are in seconds.

    `judged_until` is the end of the last complete window that was judged, `groups` how many groups
    are remembered; `threshold` needs neither and has null and 0.
    """

    id: str
    name: str
    type: str
    strategy: str | None
    enabled: bool
    metric: str
    statistic: str
    window: float
    threshold: float
    floor: float | None
    condition: str | None
    direction: str
    scale: str
    seasonality: str | None
    hold: float
    no_data: str
    min_samples: int
    numbers: dict[str, float]
    group_by: list[str]
    actions: list[DetectorAction]
    last: LastTick | None
    judged_until: datetime | None
    groups: int


class Detectors(BaseModel):
    """Every detector of this farm."""

    items: list[Detector]


class TestRequest(BaseModel):
    """Events to judge instead of the stored ones; absent means the window that ends now."""

    model_config = ConfigDict(extra="forbid", strict=True)

    events: list[dict[str, Any]] | None = Field(default=None, max_length=10_000)


class Found(BaseModel):
    """An anomaly that a dry run found; nothing was recorded."""

    detector_id: str
    severity: str
    metric: str
    labels: dict[str, str]
    window_start: datetime
    window_end: datetime
    value: float
    baseline: float | None
    threshold: float | None
    score: float | None
    message: str


class TestAnswer(BaseModel):
    """What the detector would have raised."""

    anomalies: list[Found]


class Anomaly(Found):
    """An anomaly from its beginning to its end.

    Value, baseline and score are those of its worst window, whose size gives the severity;
    `event_ids` are that window's worst events, or analyses where the metric is of verdicts. `told`
    is false for what came back so soon that it belongs to the trouble before.
    """

    id: UUID
    application_id: str
    created_at: datetime
    ended_at: datetime | None
    peak_score: float | None
    told: bool
    event_ids: list[str]


class AnomalyPage(BaseModel):
    """Anomalies, newest first."""

    items: list[Anomaly]
    next_cursor: str | None


class Alert(BaseModel):
    """An alert; its labels are its identity."""

    id: UUID
    fingerprint: str
    name: str
    severity: str
    status: str
    labels: dict[str, str]
    annotations: dict[str, str]
    application_id: str
    anomaly_id: UUID | None
    starts_at: datetime
    ends_at: datetime | None
    updated_at: datetime
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    acknowledgement: str | None


class AlertPage(BaseModel):
    """Alerts, newest first."""

    items: list[Alert]
    next_cursor: str | None


class Attempt(BaseModel):
    """One attempt to deliver."""

    attempt: int
    at: datetime
    delivered: bool
    status_code: int | None
    detail: str
    duration_ms: float


class Sent(BaseModel):
    """One notification about the alert, and every attempt to deliver it."""

    id: UUID
    receiver: str
    status: str
    state: str
    reason: str
    dedup_key: str
    created_at: datetime
    delivered_at: datetime | None
    next_attempt_at: datetime | None
    attempts: list[Attempt]


class AlertDetail(Alert):
    """An alert and what was sent about it."""

    notifications: list[Sent]


class Tested(BaseModel):
    """The test notification was delivered."""

    receiver: str
    delivered: bool


def wire(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the database as JSON carries it."""
    return {
        name: moment(value)
        if isinstance(value, datetime)
        else str(value)
        if isinstance(value, UUID)
        else value
        for name, value in row.items()
        if name != "tenant"
    }
