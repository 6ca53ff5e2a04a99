"""A notification in words: title, text, HTML, and Alertmanager's JSON."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from alerts.nouns import Alert, Notification

SHOWN = 50
"""Alerts written out in one message; the rest is counted."""


def clean(text: str) -> str:
    """Text that any channel can carry: no lone surrogates, no control characters but newlines."""
    plain = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(c if c.isprintable() or c == "\n" else " " for c in plain)


def title(notification: Notification) -> str:
    """One line such as `[FIRING:2] high-cost-alert (app1 critical)`."""
    firing = len(notification.firing)
    state = f"FIRING:{firing}" if firing else "RESOLVED"
    names = sorted({alert.name for alert in notification.alerts if alert.name})
    subject = ", ".join(names[:3]) + (" and others" if len(names) > 3 else "")
    others = [v for k, v in sorted(_shared(notification).items()) if k != "alertname"]
    about = f" ({' '.join(others)})" if others else ""
    line = f"[{state}] {subject or 'alert'}{about}"
    return " ".join(clean(line).split())[:200]


def text(notification: Notification) -> str:
    """The whole message as plain text."""
    lines = [title(notification), ""]
    for heading, alerts in _parts(notification):
        for alert in alerts[:SHOWN]:
            lines += [f"{heading}: {alert.name or alert.fingerprint}", *_facts(alert), ""]
        if len(alerts) > SHOWN:
            lines += [f"{len(alerts) - SHOWN} more {heading.lower()}", ""]
    lines.append(f"Why this message: {notification.reason}")
    return clean("\n".join(lines))


def page(notification: Notification) -> str:
    """The whole message as simple HTML."""
    rows = []
    for heading, alerts in _parts(notification):
        colour = "#b3261e" if heading == "Firing" else "#2e7d32"
        for alert in alerts[:SHOWN]:
            facts = "<br>".join(html.escape(clean(line)) for line in _facts(alert))
            name = html.escape(clean(alert.name or alert.fingerprint))
            rows.append(f'<p><b style="color:{colour}">{heading}: {name}</b><br>{facts}</p>')
        if len(alerts) > SHOWN:
            rows.append(f"<p>{len(alerts) - SHOWN} more {heading.lower()}</p>")
    reason = html.escape(clean(notification.reason))
    return (
        '<!doctype html><html><body style="font-family:sans-serif">'
        f"<h2>{html.escape(title(notification))}</h2>{''.join(rows)}"
        f"<p><small>Why this message: {reason}</small></p></body></html>"
    )


def document(notification: Notification) -> dict[str, Any]:
    """The body that Alertmanager's webhook version 4 sends, with the reason and key added."""
    return {
        "version": "4",
        "receiver": notification.receiver,
        "status": str(notification.status),
        "groupKey": clean(notification.group_key),
        "groupLabels": _cleaned(notification.group_labels),
        "commonLabels": _cleaned(_shared(notification)),
        "commonAnnotations": _cleaned(_common([a.annotations for a in notification.alerts])),
        "externalURL": "",
        "truncatedAlerts": 0,
        "dedupKey": notification.dedup_key,
        "reason": clean(notification.reason),
        "alerts": [
            {
                "status": str(alert.status(notification.at)),
                "labels": _cleaned(alert.labels),
                "annotations": _cleaned(alert.annotations),
                "startsAt": stamp(alert.starts_at),
                "endsAt": stamp(alert.ends_at) if alert.ends_at else "0001-01-01T00:00:00Z",
                "generatorURL": "",
                "fingerprint": alert.fingerprint,
            }
            for alert in notification.alerts
        ],
    }


def body(content: Mapping[str, Any]) -> bytes:
    """JSON bytes: the ones that are signed and the ones that are sent."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def stamp(moment: datetime) -> str:
    """RFC 3339 with `Z`."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _parts(notification: Notification) -> tuple[tuple[str, tuple[Alert, ...]], ...]:
    return ("Firing", notification.firing), ("Resolved", notification.resolved)


def _facts(alert: Alert) -> list[str]:
    lines = [f"{name}: {value}" for name, value in sorted(alert.annotations.items())]
    lines += [f"{k} = {v}" for k, v in sorted(alert.labels.items()) if k != "alertname"]
    lines.append(f"since {stamp(alert.starts_at)}")
    return lines


def _shared(notification: Notification) -> dict[str, str]:
    return _common([alert.labels for alert in notification.alerts])


def _common(mappings: list[Mapping[str, str]]) -> dict[str, str]:
    if not mappings:
        return {}
    first, *rest = mappings
    return {k: v for k, v in first.items() if all(other.get(k) == v for other in rest)}


def _cleaned(mapping: Mapping[str, str]) -> dict[str, str]:
    return {clean(name): clean(value) for name, value in mapping.items()}
