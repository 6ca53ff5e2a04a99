"""A notification as templates see it, and as Alertmanager's JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from alerts.curves import words
from alerts.nouns import Alert, Notification

SHOWN = 50
"""Alerts written out in one message; the rest is counted."""
TEST = "test:"
"""The beginning of the group key of a test, which no route can have."""

_OURS = frozenset({"alertname", "detector", "metric"})
"""Labels that a title does without: the name says as much."""
_DRAWN = frozenset({"value", "baseline"})
"""Annotations that a curve shows too."""

Escape = Callable[[str], str]


class Words(dict[str, str]):
    """Labels or annotations; one that is missing is the empty text."""

    def __missing__(self, name: str) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class CurveView:
    """A curve in one line of words."""

    metric: str
    words: str


@dataclass(frozen=True, slots=True)
class AlertView:
    """One alert. `notes` are the annotations and `about` the labels that nothing else shows.

    `why`, `link` and `runbook` are URLs or empty; `picture` is what an `img` points to.
    """

    status: str
    name: str
    severity: str
    summary: str
    labels: Words
    annotations: Words
    notes: tuple[tuple[str, str], ...]
    about: tuple[tuple[str, str], ...]
    since: str
    until: str
    fingerprint: str
    id: str
    link: str
    why: str
    runbook: str
    curve: CurveView | None
    picture: str


def clean(text: str) -> str:
    """Text that any channel can carry: no lone surrogates, no control characters but newlines."""
    plain = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(c if c.isprintable() or c == "\n" else " " for c in plain)


def line(text: str, longest: int = 200) -> str:
    """One line of cleaned text."""
    return " ".join(clean(text).split())[:longest]


def is_test(notification: Notification) -> bool:
    """Whether somebody asked for this message to try a receiver."""
    return notification.group_key.startswith(TEST)


def view(
    notification: Notification, escape: Escape = clean, pictures: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What a template knows. `escape` is applied to every text that came with the alerts.

    `pictures` are addresses of pictures by fingerprint.
    """
    said = _Escaped(escape)
    firing, resolved = notification.firing, notification.resolved
    names = sorted({alert.name for alert in notification.alerts if alert.name})
    shared = common([alert.labels for alert in notification.alerts])
    others = [value for name, value in sorted(shared.items()) if name not in _OURS]
    views = {
        heading: tuple(
            _alert(one, notification, said, (pictures or {}).get(one.fingerprint, ""))
            for one in alerts[:SHOWN]
        )
        for heading, alerts in (("firing", firing), ("resolved", resolved))
    }
    return {
        "status": str(notification.status),
        "test": is_test(notification),
        "receiver": said(notification.receiver),
        "names": said(", ".join(names[:3]) + (" and others" if len(names) > 3 else "")),
        "about": said(" ".join(others)),
        **views,
        "alerts": views["firing"] + views["resolved"],
        "firing_count": len(firing),
        "resolved_count": len(resolved),
        "firing_more": max(0, len(firing) - SHOWN),
        "resolved_more": max(0, len(resolved) - SHOWN),
        "group_key": said(notification.group_key),
        "group_labels": said.words(notification.group_labels),
        "common_labels": said.words(shared),
        "common_annotations": said.words(common([a.annotations for a in notification.alerts])),
        "external_url": notification.context.external_url,
        "reason": said(notification.reason),
        "dedup_key": notification.dedup_key,
        "at": stamp(notification.at),
    }


class _Escaped:
    """Applies one escape to texts and mappings."""

    def __init__(self, escape: Escape) -> None:
        self._escape = escape

    def __call__(self, text: str) -> str:
        return self._escape(clean(text))

    def words(self, mapping: Mapping[str, str]) -> Words:
        return Words({self(name): self(value) for name, value in sorted(mapping.items())})


def _alert(one: Alert, notification: Notification, said: _Escaped, picture: str) -> AlertView:
    labels, annotations = said.words(one.labels), said.words(one.annotations)
    runbook = web_url(one.annotations.get("runbook_url", ""))
    curve = notification.context.curves.get(one.fingerprint)
    shown = {"summary", *(("runbook_url",) if runbook else ()), *(_DRAWN if curve else ())}
    ended = not one.firing(notification.at)
    link = alert_url(notification, one)
    return AlertView(
        status=str(one.status(notification.at)),
        name=said(one.name),
        severity=labels["severity"],
        summary=annotations["summary"],
        labels=labels,
        annotations=annotations,
        notes=tuple((name, text) for name, text in annotations.items() if name not in shown),
        about=tuple((name, text) for name, text in labels.items() if name != "alertname"),
        since=stamp(one.starts_at),
        until=stamp(one.ends_at) if ended and one.ends_at else "",
        fingerprint=one.fingerprint,
        id=notification.context.ids.get(one.fingerprint, ""),
        link=link,
        why=f"{link}/why?format=text" if link else "",
        runbook=runbook,
        curve=CurveView(curve.metric, said(words(curve))) if curve else None,
        picture=picture,
    )


def alert_url(notification: Notification, alert: Alert) -> str:
    """Where the API shows an alert; empty where the address of the farm or its id is unknown."""
    base, known = notification.context.external_url, notification.context.ids
    found = known.get(alert.fingerprint)
    return f"{base}/api/v1/alerts/{found}" if base and found else ""


def web_url(text: str) -> str:
    """The text where it is a plain web address that no channel misreads, else nothing."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    plain = text.isascii() and text.isprintable() and not set(text) & set(" <>\"'|`\\{}^")
    return text if plain and parts.scheme in ("http", "https") and parts.netloc else ""


def document(notification: Notification, max_alerts: int = 0) -> dict[str, Any]:
    """The body of Alertmanager's webhook, version 4.

    Only the first `max_alerts` alerts are in it and `truncatedAlerts` counts the rest; 0 means all.
    """
    kept = notification.alerts[: max_alerts or None]
    return {
        "receiver": notification.receiver,
        "status": str(notification.status),
        "alerts": [
            {
                "status": str(alert.status(notification.at)),
                "labels": _cleaned(alert.labels),
                "annotations": _cleaned(alert.annotations),
                "startsAt": stamp(alert.starts_at),
                "endsAt": stamp(alert.ends_at)
                if alert.ends_at and not alert.firing(notification.at)
                else "0001-01-01T00:00:00Z",
                "generatorURL": alert_url(notification, alert),
                "fingerprint": alert.fingerprint,
            }
            for alert in kept
        ],
        "groupLabels": _cleaned(notification.group_labels),
        "commonLabels": _cleaned(common([a.labels for a in notification.alerts])),
        "commonAnnotations": _cleaned(common([a.annotations for a in notification.alerts])),
        "externalURL": notification.context.external_url,
        "version": "4",
        "groupKey": clean(notification.group_key),
        "truncatedAlerts": len(notification.alerts) - len(kept),
    }


def body(content: Mapping[str, Any]) -> bytes:
    """JSON bytes: the ones that are signed and the ones that are sent."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def stamp(moment: datetime) -> str:
    """RFC 3339 with `Z`."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def common(mappings: list[Mapping[str, str]]) -> dict[str, str]:
    """What all of them say alike."""
    if not mappings:
        return {}
    first, *rest = mappings
    return {k: v for k, v in first.items() if all(other.get(k) == v for other in rest)}


def _cleaned(mapping: Mapping[str, str]) -> dict[str, str]:
    return {clean(name): clean(value) for name, value in mapping.items()}
