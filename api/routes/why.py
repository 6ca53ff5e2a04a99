"""Why an alert was told as it was, and who looks after it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from flask import Blueprint, Response, g, jsonify, request
from pydantic import BaseModel, ConfigDict, Field

from alerts.why_words import text
from api import paging
from api.body import read
from api.jobs import moment
from api.operations import Parameter, operation
from api.watch_shapes import Alert, Anomaly, Sent, wire
from workers import acknowledging
from workers import why as reasons

blueprint = Blueprint("why", __name__, url_prefix="/api/v1/alerts")

_FORMATS = ("json", "text")


class WhyAnswered(BaseModel):
    """What one route said: that it matches, why not, or why it was not asked."""

    place: str
    matched: bool
    because: str


class WhyStep(BaseModel):
    """One route on the way, what its matchers met, and what its siblings said."""

    place: str
    because: str
    others: list[WhyAnswered]


class WhyRoute(BaseModel):
    """A way through the tree, to the receivers at its end."""

    place: str
    receivers: list[str]
    steps: list[WhyStep]
    below: list[WhyAnswered]


class WhyGroup(BaseModel):
    """The group that the alert is told in; intervals are in seconds."""

    key: str
    labels: dict[str, str]
    alerts: int
    group_wait: float
    group_interval: float
    repeat_interval: float
    last_look: datetime | None
    next_look: datetime | None
    last_sent: datetime | None
    sent: int
    refusals: int


class WhyNext(BaseModel):
    """When the next message is due if nothing changes, or why there is none."""

    at: datetime | None
    reason: str


class WhyReceiver(BaseModel):
    """What became of it at one receiver."""

    receiver: str
    route: str
    group: WhyGroup
    muted: str | None = Field(description="By which silence, alert or time of day.")
    last_told: str | None = Field(description="What its last message said of this alert.")
    next: WhyNext
    outcome: str
    notifications: list[Sent]


class WhyDetector(BaseModel):
    """The entry of detectors.yaml that found it."""

    id: str
    type: str
    strategy: str | None
    metric: str
    statistic: str
    window: float
    threshold: float
    condition: str | None


class WhyAlert(BaseModel):
    """The whole answer; `answer` is one sentence of it."""

    alert: Alert
    answer: str
    anomaly: Anomaly | None
    detector: WhyDetector | None
    routes: list[WhyRoute]
    receivers: list[WhyReceiver]
    elsewhere: list[Sent] = Field(description="Sent to receivers that its route no longer names.")
    asked_at: datetime


class Acknowledgement(BaseModel):
    """Who looks after the alert; the caller's key where `by` is missing."""

    model_config = ConfigDict(extra="forbid", strict=True)

    by: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    comment: Annotated[str, Field(max_length=1000)] = ""


@blueprint.get("/<uuid:alert_id>/why")
@operation(
    "Why an alert did or did not reach each receiver",
    tag="watch",
    parameters=(
        Parameter(
            "format", {"type": "string", "enum": list(_FORMATS)}, "`text` is for people to read."
        ),
    ),
    answers={
        200: (
            "The answer.",
            {"application/json": WhyAlert, "text/plain": {"type": "string"}},
        )
    },
    problems=(404, 422),
)
def why(alert_id: UUID) -> Response:
    """Anomaly, route, group, what muted it, every attempt, and when the next message is due."""
    chosen = paging.choice("format", _FORMATS)
    answer = reasons.why(alert_id, g.tenant, datetime.now(UTC))
    best = request.accept_mimetypes.best_match(["application/json", "text/plain"])
    if chosen == "text" or (chosen is None and best == "text/plain"):
        return Response(text(answer), content_type="text/plain; charset=utf-8")
    return jsonify(_wired(answer))


@blueprint.post("/<uuid:alert_id>/acknowledge")
@operation(
    "Look after an alert: no repeats and no escalation until something changes",
    tag="watch",
    body=Acknowledgement,
    answers={200: ("Noted.", Alert)},
    problems=(404, 409),
)
def acknowledge(alert_id: UUID) -> Response:
    """The last one to say so counts; 409 for an alert that is over."""
    wanted = read(Acknowledgement)
    by = wanted.by or g.subject or "somebody"
    now = datetime.now(UTC)
    return jsonify(wire(acknowledging.acknowledge(alert_id, g.tenant, by, wanted.comment, now)))


@blueprint.delete("/<uuid:alert_id>/acknowledge")
@operation(
    "Look after an alert no more",
    tag="watch",
    answers={200: ("Noted.", Alert)},
    problems=(404, 409),
)
def withdraw(alert_id: UUID) -> Response:
    """It repeats and escalates as if nobody had seen it."""
    return jsonify(wire(acknowledging.withdraw(alert_id, g.tenant)))


def _wired(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _wired(each) for name, each in value.items() if name != "tenant"}
    if isinstance(value, list | tuple):
        return [_wired(each) for each in value]
    if isinstance(value, datetime):
        return moment(value)
    return str(value) if isinstance(value, UUID) else value
