from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from alert_cases import NOW
from alert_sinks import Make, Sink
from standardwebhooks import Webhook, WebhookVerificationError

from alerts.receivers import make
from alerts.receivers.base import AnyReceiver
from core.errors import DeliveryError
from core.http import HttpClient

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()


def slack(sink: Sink, http: HttpClient, **config: object) -> AnyReceiver:
    return make("here", "incidents", "slack", {"webhookUrl": sink.url, **config}, http)


def webhook(sink: Sink, http: HttpClient, **config: object) -> AnyReceiver:
    return make("here", "hook", "webhook", {"url": sink.url, **config}, http)


Build = Callable[[Sink, HttpClient], AnyReceiver]
BOTH = pytest.mark.parametrize("build", [slack, webhook])


def test_slack_gets_channel_text_and_a_red_attachment(
    sink: Sink, http: HttpClient, notification: Make
) -> None:
    delivery = slack(sink, http, channel="#incidents").send(notification(), NOW)
    assert (delivery.status, delivery.detail) == (200, "ok")
    body = json.loads(sink.requests[0][2])
    assert body["channel"] == "#incidents"
    assert body["attachments"][0]["title"] == "[FIRING:1] high-cost-alert (shop critical)"
    assert body["attachments"][0]["color"] == "danger"
    assert "7 &lt;b&gt;dollars&lt;/b&gt; &amp; rising" in body["attachments"][0]["text"]


def test_slack_gets_green_and_no_channel_when_resolved(
    sink: Sink, http: HttpClient, notification: Make
) -> None:
    slack(sink, http).send(notification(firing=False, resolved=True), NOW)
    body = json.loads(sink.requests[0][2])
    assert "channel" not in body
    assert body["attachments"][0]["title"].startswith("[RESOLVED] high-cost-alert")
    assert body["attachments"][0]["color"] == "good"


def test_alert_text_cannot_mention_everybody_in_slack(
    sink: Sink, http: HttpClient, notification: Make
) -> None:
    slack(sink, http).send(notification(application="<!channel>"), NOW)
    assert b"<!channel>" not in sink.requests[0][2]


def test_a_webhook_is_signed_so_that_an_independent_reader_believes_it(
    sink: Sink, http: HttpClient, notification: Make
) -> None:
    webhook(sink, http, secret=SECRET).send(notification(application="é"), datetime.now(UTC))
    _, headers, body = sink.requests[0]
    read = Webhook(SECRET).verify(body, headers)
    assert read == json.loads(body)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body + b" ", headers)


def test_every_attempt_has_the_same_id_and_body_and_its_own_time(
    sink: Sink, http: HttpClient, notification: Make
) -> None:
    for moment in (1_800_000_000, 1_800_000_060):
        webhook(sink, http).send(notification(), datetime.fromtimestamp(moment, UTC))
    first, second = sink.requests
    assert first[1]["webhook-id"] == second[1]["webhook-id"] == notification().dedup_key
    assert second[1]["webhook-timestamp"] == "1800000060"
    assert first[2] == second[2]
    assert "webhook-signature" not in first[1]


def test_a_webhook_carries_what_alertmanager_s_carries(
    sink: Sink, http: HttpClient, notification: Make
) -> None:
    webhook(sink, http).send(notification(resolved=True), NOW)
    body = json.loads(sink.requests[0][2])
    assert (body["version"], body["status"], body["receiver"]) == ("4", "firing", "it")
    assert body["commonLabels"]["severity"] == "critical"
    firing, resolved = body["alerts"]
    assert (firing["status"], firing["endsAt"]) == ("firing", "0001-01-01T00:00:00Z")
    assert (resolved["status"], resolved["endsAt"]) == ("resolved", "2026-03-01T12:00:00.000Z")


def test_odd_text_reaches_the_peer_as_valid_utf8(
    sink: Sink, http: HttpClient, notification: Make
) -> None:
    webhook(sink, http).send(notification(application="a\ud800\x00b"), NOW)
    body = json.loads(sink.requests[0][2].decode("utf-8"))
    assert body["commonLabels"]["application"] == "a? b"


@BOTH
@pytest.mark.parametrize(
    ("status", "headers", "permanent", "retry_after"),
    [
        (500, {}, False, None),
        (503, {"Retry-After": "7"}, False, 7),
        (429, {"Retry-After": "30"}, False, 30),
        (429, {}, False, None),
        (400, {}, True, None),
        (404, {}, True, None),
        (408, {}, False, None),
        (410, {}, True, None),
        (302, {"Location": "http://127.0.0.1/"}, True, None),
    ],
)
def test_an_answer_says_what_to_do_next(
    sink: Sink,
    http: HttpClient,
    notification: Make,
    build: Build,
    status: int,
    headers: dict[str, str],
    permanent: bool,
    retry_after: float | None,
) -> None:
    sink.status, sink.headers = status, headers
    with pytest.raises(DeliveryError, match=str(status)) as caught:
        build(sink, http).send(notification(), NOW)
    assert (caught.value.permanent, caught.value.status) == (permanent, status)
    assert caught.value.retry_after == retry_after
    assert len(sink.requests) == 1


@BOTH
def test_no_secret_shows_in_errors_or_representations(
    sink: Sink, http: HttpClient, notification: Make, build: Build
) -> None:
    sink.status, sink.answer = 404, f"no {sink.url} nor hidden-token here".encode()
    receiver = build(sink, http)
    with pytest.raises(DeliveryError) as caught:
        receiver.send(notification(), NOW)
    assert "404" in str(caught.value)
    assert "hidden" not in f"{caught.value} {receiver!r} {receiver.config!r}"
