"""Made-up notifications on which templates are tried when they are loaded."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta

from alerts.context import Context, Curve
from alerts.nouns import Alert, Notification

_NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@functools.cache
def samples() -> tuple[Notification, ...]:
    """One of everything: firing and resolved with all that may be there, and bare ones."""
    full, bare = _alert("full", rich=True), _alert("bare", rich=False)
    return (
        _notification(full, _ended(bare)),
        _notification(bare),
        _notification(_ended(full)),
    )


def _alert(name: str, *, rich: bool) -> Alert:
    labels = {"alertname": name, "severity": "critical", "application": "shop", "metric": "cost"}
    told = {"summary": "cost was 7", "value": "7", "runbook_url": "https://example.com/runbook"}
    began = _NOW - timedelta(minutes=3)
    return Alert(labels if rich else {"alertname": name}, began, _NOW, None, told if rich else {})


def _ended(alert: Alert) -> Alert:
    return Alert(alert.labels, alert.starts_at, _NOW, _NOW, alert.annotations)


def _notification(*alerts: Alert) -> Notification:
    window = timedelta(minutes=5)
    points = tuple((_NOW - window * (9 - n), float(n % 3)) for n in range(9))
    curve = Curve("cost", "USD", points, window, 7.0, _NOW - window, baseline=1.0, band=(0.0, 2.0))
    rich = {alert.fingerprint for alert in alerts if alert.annotations}
    return Notification(
        receiver="sample",
        group_key='{}:{"alertname": "sample"}',
        group_labels={"alertname": "sample"},
        alerts=alerts,
        at=_NOW,
        dedup_key="0" * 40,
        reason="first notification",
        context=Context(
            external_url="https://sentinel.example.com" if rich else "",
            ids=dict.fromkeys(rich, "0190c000-0000-7000-8000-000000000000"),
            curves=dict.fromkeys(rich, curve),
        ),
    )
