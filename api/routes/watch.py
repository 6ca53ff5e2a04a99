"""Detectors, anomalies, alerts and receivers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, g, jsonify
from pydantic import BaseModel, ConfigDict, Field

from api import paging
from api.body import read
from api.jobs import moment
from api.operations import Parameter, operation
from api.problems import Problem
from core.errors import ConfigError, DeliveryError, NotFound
from core.telemetry import parse_event
from detectors.base import Anomaly as FoundAnomaly
from detectors.base import DetectorSpec
from workers import delivery, detection, detection_past, watching

blueprint = Blueprint("watch", __name__, url_prefix="/api/v1")

_WORD = {"type": "string", "minLength": 1, "maxLength": 256, "pattern": "^[^\\x00]+$"}


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


@blueprint.get("/detectors")
@operation("All detectors", tag="watch", answers={200: ("Detectors.", Detectors)})
def detectors() -> Response:
    """The entries of detectors.yaml and their last evaluation."""
    ticks, progress = watching.ticks(), watching.progress(g.tenant)
    return jsonify(
        items=[
            _detector(spec, ticks.get(spec.id), progress.get(spec.id, {}))
            for spec in detection.specs()
        ]
    )


def _detector(
    spec: DetectorSpec, tick: Mapping[str, Any] | None, progress: Mapping[str, Any]
) -> dict[str, Any]:
    until = progress.get("until")
    return {
        "id": spec.id,
        "name": spec.name,
        "type": spec.type,
        "strategy": spec.strategy or None,
        "enabled": spec.enabled,
        "metric": spec.metric,
        "statistic": spec.statistic,
        "window": spec.window,
        "threshold": spec.threshold,
        "floor": spec.floor,
        "condition": spec.condition or None,
        "direction": spec.direction,
        "scale": spec.scale,
        "seasonality": spec.seasonality or None,
        "hold": spec.hold,
        "no_data": spec.no_data,
        "min_samples": spec.min_samples,
        "numbers": dict(spec.numbers),
        "judged_until": None if until is None else moment(until),
        "groups": progress.get("groups", 0),
        "group_by": list(spec.group_by),
        "actions": [
            {
                "alert": act.alert,
                "severity": act.severity,
                "annotations": dict(act.annotations),
            }
            for act in spec.actions
        ],
        "last": None
        if tick is None
        else {
            "tick": moment(tick["tick"]),
            "evaluations": tick["evaluations"],
            "anomalies": tick["anomalies"],
            "error": tick["error"],
        },
    }


@blueprint.post("/detectors/<name>/test")
@operation(
    "Try a detector on given events or on the window that ends now",
    tag="watch",
    body=TestRequest,
    answers={200: ("What it would raise.", TestAnswer)},
    problems=(404,),
)
def test(name: str) -> Response:
    """A dry run: nothing is recorded and nobody is told."""
    try:
        spec = detection.find(name)
    except ConfigError as problem:
        raise NotFound(str(problem)) from None
    now = datetime.now(UTC)
    given = read(TestRequest).events
    if given is None:
        found = detection.over_past(spec, now, g.tenant)
    else:
        found = detection.over_events(spec, [parse_event(raw, now=now) for raw in given], now)
    return jsonify(anomalies=[_found(one) for one in found])


def _found(one: FoundAnomaly) -> dict[str, Any]:
    return {
        "detector_id": one.detector_id,
        "severity": one.severity,
        "metric": one.metric,
        "labels": dict(one.labels),
        "window_start": moment(one.window_start),
        "window_end": moment(one.window_end),
        "value": one.observed,
        "baseline": one.baseline,
        "threshold": one.threshold,
        "score": one.score,
        "message": one.message,
    }


@blueprint.get("/anomalies")
@operation(
    "Anomalies, newest first",
    tag="watch",
    parameters=(
        Parameter("detector", _WORD, "Only of this detector."),
        paging.LIMIT,
        paging.CURSOR,
    ),
    answers={200: ("One page.", AnomalyPage)},
    problems=(422,),
)
def anomalies() -> Response:
    """One page of anomalies."""
    wanted = paging.limit()
    rows = watching.anomalies(
        g.tenant,
        detector=paging.word("detector"),
        before=paging.cursor(),
        limit=wanted + 1,
    )
    return jsonify(paging.page([wire(row) for row in rows], wanted))


@blueprint.get("/anomalies/<uuid:anomaly_id>/sparkline.svg")
@operation(
    "The metric around an anomaly, its band and what was odd, as a small picture",
    tag="watch",
    answers={200: ("SVG, with its text as title.", {"image/svg+xml": {"type": "string"}})},
    problems=(404,),
)
def sparkline(anomaly_id: UUID) -> Response:
    """Drawn from what is stored now; 404 where the detector is gone from detectors.yaml."""
    picture = detection_past.picture(anomaly_id, g.tenant, datetime.now(UTC))
    answer = Response(picture, content_type="image/svg+xml")
    answer.headers["Content-Security-Policy"] = "default-src 'none'"
    return answer


@blueprint.get("/alerts")
@operation(
    "Alerts, newest first",
    tag="watch",
    parameters=(
        Parameter("status", {"type": "string", "enum": ["firing", "resolved"]}, "Only these."),
        paging.LIMIT,
        paging.CURSOR,
    ),
    answers={200: ("One page.", AlertPage)},
    problems=(422,),
)
def alerts() -> Response:
    """One page of alerts."""
    wanted = paging.limit()
    rows = watching.alerts(
        g.tenant,
        status=paging.choice("status", ("firing", "resolved")),
        before=paging.cursor(),
        limit=wanted + 1,
    )
    return jsonify(paging.page([wire(row) for row in rows], wanted))


@blueprint.get("/alerts/<uuid:alert_id>")
@operation(
    "One alert, and every attempt to tell people about it",
    tag="watch",
    answers={200: ("The alert.", AlertDetail)},
    problems=(404,),
)
def alert(alert_id: UUID) -> Response:
    """The alert with its notifications and their attempts."""
    row = wire(watching.alert(alert_id, g.tenant))
    row["notifications"] = [wire(sent) for sent in watching.notifications(alert_id, g.tenant)]
    return jsonify(row)


@blueprint.post("/receivers/<name>/test")
@operation(
    "Send a marked test notification",
    tag="watch",
    answers={200: ("Delivered.", Tested)},
    problems=(404, 502),
)
def test_receiver(name: str) -> Response:
    """One recorded attempt; 502 says why the peer did not take it."""
    try:
        delivery.send_test(name, g.tenant)
    except ConfigError as problem:
        raise NotFound(str(problem)) from None
    except DeliveryError as problem:
        raise Problem(502, f"not delivered: {problem}") from None
    return jsonify(receiver=name, delivered=True)


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
