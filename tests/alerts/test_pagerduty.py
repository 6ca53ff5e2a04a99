from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from alert_cases import NOW
from alert_sinks import Make, Sink

from alerts.context import Context
from alerts.receivers import make
from alerts.receivers.base import AnyReceiver
from core.errors import ConfigError, DeliveryError
from core.http import HttpClient


@pytest.fixture
def pagerduty(sink: Sink, http: HttpClient) -> AnyReceiver:
    base = sink.url.partition("/services")[0]
    return make("here", "pd", "pagerduty", {"routing_key": "R0UT1NG", "url": base}, http)


def events(sink: Sink) -> list[dict[str, Any]]:
    return [json.loads(body) for _, _, body in sink.requests]


def test_an_alert_triggers_an_incident(
    sink: Sink, pagerduty: AnyReceiver, notification: Make
) -> None:
    sink.status = 202
    assert pagerduty.send(notification(detector="d1", metric="cost"), NOW).status == 202
    (event,) = events(sink)
    assert sink.requests[0][0] == "/v2/enqueue"
    assert (event["routing_key"], event["event_action"]) == ("R0UT1NG", "trigger")
    payload = event["payload"]
    assert payload["summary"].startswith("[FIRING:1] high-cost-alert")
    assert [payload[key] for key in ("source", "severity", "component", "class")] == [
        "shop",
        "critical",
        "d1",
        "cost",
    ]
    assert payload["timestamp"] == "2026-03-01T11:57:00.000Z"


def test_trigger_repeat_and_resolve_name_the_same_incident(
    sink: Sink, pagerduty: AnyReceiver, notification: Make
) -> None:
    pagerduty.send(notification(), NOW)
    pagerduty.send(replace(notification(resolved=True), dedup_key="another"), NOW)
    pagerduty.send(notification(firing=False, resolved=True), NOW)
    assert [one["event_action"] for one in events(sink)] == ["trigger", "trigger", "resolve"]
    assert len({one["dedup_key"] for one in events(sink)}) == 1


def test_groups_receivers_and_tenants_have_incidents_of_their_own(
    sink: Sink, pagerduty: AnyReceiver, notification: Make
) -> None:
    one = notification()
    tenant = Context(scope="other")
    for each in (one, replace(one, group_key="{}/x"), replace(one, receiver="b")):
        pagerduty.send(each, NOW)
    pagerduty.send(replace(one, context=tenant), NOW)
    assert len({each["dedup_key"] for each in events(sink)}) == 4


def test_a_test_is_closed_as_soon_as_it_is_open(
    sink: Sink, pagerduty: AnyReceiver, notification: Make
) -> None:
    pagerduty.send(replace(notification(), group_key="test:pd"), NOW)
    opened, closed = events(sink)
    assert opened["payload"]["summary"].startswith("[TEST]")
    assert [opened["event_action"], closed["event_action"]] == ["trigger", "resolve"]


@pytest.mark.parametrize(
    ("severity", "told"),
    [("critical", "critical"), ("warning", "warning"), ("page", "critical"), ("odd", "error")],
)
def test_severities_become_those_that_pagerduty_knows(
    sink: Sink, pagerduty: AnyReceiver, notification: Make, severity: str, told: str
) -> None:
    pagerduty.send(notification(severity=severity), NOW)
    assert events(sink)[0]["payload"]["severity"] == told


def test_a_refused_event_is_permanent_and_the_key_is_not_shown(
    sink: Sink, pagerduty: AnyReceiver, notification: Make
) -> None:
    sink.status, sink.answer = 400, b'{"status": "invalid event", "key": "R0UT1NG"}'
    with pytest.raises(DeliveryError, match="invalid event") as caught:
        pagerduty.send(notification(), NOW)
    assert caught.value.permanent
    assert "R0UT1NG" not in f"{caught.value} {pagerduty!r} {pagerduty.config!r}"


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"url: must be a URL"):
        make("here", "pd", "pagerduty", {"routing_key": "x", "url": "ftp://h"}, HttpClient())
