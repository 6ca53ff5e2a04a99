from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from alert_cases import NOW
from alert_sinks import Make, Sink

from alerts.context import Context
from alerts.receivers import make
from core.http import HttpClient

FIELDS = {
    "receiver",
    "status",
    "alerts",
    "groupLabels",
    "commonLabels",
    "commonAnnotations",
    "externalURL",
    "version",
    "groupKey",
    "truncatedAlerts",
}
ALERT = {"status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"}


def posted(sink: Sink, http: HttpClient, notification: Any, **config: object) -> dict[str, Any]:
    receiver = make("here", "am", "alertmanager", {"url": sink.url, **config}, http)
    receiver.send(notification, NOW)
    return dict(json.loads(sink.requests[-1][2]))


def test_the_body_has_alertmanager_s_fields_and_no_others(
    sink: Sink, http: HttpClient, notification: Make
) -> None:
    body = posted(sink, http, notification(resolved=True))
    assert set(body) == FIELDS
    assert set(body["alerts"][0]) == ALERT
    assert (body["version"], body["status"], body["truncatedAlerts"]) == ("4", "firing", 0)
    assert body["commonLabels"]["severity"] == "critical"
    assert body["groupLabels"] == {"alertname": "high-cost-alert"}


def test_links_lead_to_the_farm(sink: Sink, http: HttpClient, notification: Make) -> None:
    one = notification()
    known = Context("https://farm.example.com", ids={one.alerts[0].fingerprint: "0190-id"})
    body = posted(sink, http, replace(one, context=known))
    assert body["externalURL"] == "https://farm.example.com"
    assert body["alerts"][0]["generatorURL"] == "https://farm.example.com/api/v1/alerts/0190-id"


def test_alerts_beyond_the_cap_are_counted(
    sink: Sink, http: HttpClient, notification: Make
) -> None:
    body = posted(sink, http, notification(resolved=True), max_alerts=1)
    assert (len(body["alerts"]), body["truncatedAlerts"]) == (1, 1)
    assert body["status"] == "firing"


@pytest.mark.parametrize(
    ("config", "header"),
    [
        ({"bearer_token": "tok"}, "Bearer tok"),
        ({"username": "u", "password": "p"}, "Basic dTpw"),
        ({}, None),
    ],
)
def test_it_authorizes_itself_as_configured(
    sink: Sink, http: HttpClient, notification: Make, config: dict[str, str], header: str | None
) -> None:
    posted(sink, http, notification(), **config)
    assert sink.requests[0][1].get("authorization") == header


def test_every_attempt_bears_the_same_key(sink: Sink, http: HttpClient, notification: Make) -> None:
    for _ in range(2):
        posted(sink, http, notification())
    keys = {headers["idempotency-key"] for _, headers, _ in sink.requests}
    assert keys == {notification().dedup_key}
