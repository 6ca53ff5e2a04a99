"""PagerDuty's Events API, version 2."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from alerts import message
from alerts.nouns import Alert, Delivery, Notification, Status
from alerts.receivers.base import Receiver, Settings, accepted
from core.errors import DeliveryError

ENQUEUE = "/v2/enqueue"
_SEVERITIES = ("info", "warning", "error", "critical")
"""Mildest first; PagerDuty knows no others."""
_CALLED = {"page": "critical", "fatal": "critical", "high": "error", "low": "info", "none": "info"}
_LONGEST = 1024
_DETAILS = 20
"""Alerts whose facts are in an event, which may have half a megabyte."""


def _enqueue(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError("must be a URL such as https://events.pagerduty.com")
    return value if parts.path.strip("/") else value.rstrip("/") + ENQUEUE


class PagerdutyConfig(Settings):
    """`routing_key` is the integration's key; `url` the API's address, for its European one."""

    routing_key: Annotated[SecretStr, Field(min_length=1)]
    url: Annotated[str, AfterValidator(_enqueue)] = f"https://events.pagerduty.com{ENQUEUE}"


class Pagerduty(Receiver[PagerdutyConfig]):
    """One incident a group: opened and updated by `trigger`, closed by `resolve`.

    Its `dedup_key` follows from tenant, receiver and group, so that every attempt, every repeat and
    the end name the same incident. A test is closed as soon as it is open.
    """

    type = "pagerduty"
    Config = PagerdutyConfig
    parts: ClassVar[Mapping[str, str]] = {"title": "title.txt"}

    def send(self, notification: Notification, now: datetime) -> Delivery:
        """One attempt. Raises DeliveryError saying whether another can help."""
        firing = notification.status is Status.FIRING
        delivery = self._post(self._event(notification, "trigger" if firing else "resolve"))
        if message.is_test(notification):
            self._post(self._event(notification, "resolve"))
        return delivery

    def _post(self, event: dict[str, object]) -> Delivery:
        headers = {"Content-Type": "application/json"}
        try:
            answer = self.http.post(self.config.url, message.body(event), headers)
            return accepted(answer, "PagerDuty")
        except DeliveryError as problem:
            raise DeliveryError(
                str(problem).replace(self.config.routing_key.get_secret_value(), "***"),
                permanent=problem.permanent,
                status=problem.status,
                retry_after=problem.retry_after,
            ) from None

    def _event(self, notification: Notification, action: str) -> dict[str, object]:
        event: dict[str, object] = {
            "routing_key": self.config.routing_key.get_secret_value(),
            "event_action": action,
            "dedup_key": incident(notification),
        }
        if action == "resolve":
            return event
        context = notification.context
        shared = message.common([alert.labels for alert in notification.alerts])
        event["payload"] = {
            "summary": self.view(notification)["title"][:_LONGEST],
            "source": message.clean(shared.get("application") or "sentinel"),
            "severity": _gravest(notification.firing),
            "timestamp": message.stamp(min(alert.starts_at for alert in notification.firing)),
            "component": message.clean(shared.get("detector", "")) or None,
            "group": message.clean(shared.get("alertname", "")) or None,
            "class": message.clean(shared.get("metric", "")) or None,
            "custom_details": {
                "reason": message.clean(notification.reason),
                "num_firing": len(notification.firing),
                "num_resolved": len(notification.resolved),
                "firing": [_facts(alert) for alert in notification.firing[:_DETAILS]],
            },
        }
        event["client"] = "Sentinel"
        if context.external_url:
            event["client_url"] = context.external_url
        event["links"] = _links(notification)
        return event


def incident(notification: Notification) -> str:
    """The identity of the incident: equal in every message about this group."""
    named = (notification.context.scope, notification.receiver, notification.group_key)
    return hashlib.sha256("\0".join(named).encode("utf-8", "replace")).hexdigest()


def _gravest(alerts: tuple[Alert, ...]) -> str:
    found = {alert.labels.get("severity", "").lower() for alert in alerts}
    known = {_CALLED.get(one, one) for one in found}
    return max(known & set(_SEVERITIES), key=_SEVERITIES.index, default="error")


def _facts(alert: Alert) -> dict[str, str]:
    told = {**alert.labels, **alert.annotations}
    return {message.clean(name): message.line(value, 1000) for name, value in told.items()}


def _links(notification: Notification) -> list[dict[str, str]]:
    links: dict[str, str] = {}
    for alert in notification.firing[:_DETAILS]:
        if runbook := message.web_url(alert.annotations.get("runbook_url", "")):
            links.setdefault(runbook, "What to do")
        if link := message.alert_url(notification, alert):
            links.setdefault(f"{link}/why?format=text", f"Why {message.line(alert.name, 80)}")
    return [{"href": href, "text": text} for href, text in links.items()]
