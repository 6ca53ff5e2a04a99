"""Detectors, anomalies, alerts and receivers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, g, jsonify

from api import paging
from api.body import read
from api.jobs import moment
from api.operations import Parameter, operation
from api.problems import Problem
from api.watch_shapes import (
    AlertDetail,
    AlertPage,
    AnomalyPage,
    Detectors,
    TestAnswer,
    Tested,
    TestRequest,
    wire,
)
from core.errors import ConfigError, DeliveryError, NotFound
from core.telemetry import parse_event
from detectors.base import Anomaly as FoundAnomaly
from detectors.base import DetectorSpec
from workers import delivery, detection, detection_past, watching

blueprint = Blueprint("watch", __name__, url_prefix="/api/v1")

_WORD = {"type": "string", "minLength": 1, "maxLength": 256, "pattern": "^[^\\x00]+$"}


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
        *paging.PLACE,
    ),
    answers={200: ("One page.", AnomalyPage)},
    problems=(422,),
)
def anomalies() -> Response:
    """One page of anomalies."""
    rows = partial(watching.anomalies, g.tenant, detector=paging.word("detector"))
    return jsonify(paging.listing(rows, wire))


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
        *paging.PLACE,
    ),
    answers={200: ("One page.", AlertPage)},
    problems=(422,),
)
def alerts() -> Response:
    """One page of alerts."""
    status = paging.choice("status", ("firing", "resolved"))
    return jsonify(paging.listing(partial(watching.alerts, g.tenant, status=status), wire))


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
