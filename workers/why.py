"""Why an alert was told as it was: the rows about it, seen with the configuration of now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from alerts.nouns import Alert, fingerprint
from alerts.rounds import Round
from alerts.tree import explain
from alerts.why import Destination, destinations, ways
from alerts.why_words import receiver, route
from core.database import query, unit_of_work
from core.errors import ConfigError
from workers import alert_config, alerting, detection, watching
from workers.alert_rows import alert_from_row, silence_from_row, state_from_row


def why(alert_id: UUID, tenant: str, now: datetime) -> dict[str, Any]:
    """The whole answer, as `alerts.why_words` writes it. Raises NotFound."""
    row = watching.alert(alert_id, tenant)
    alert, view = _seen(row, tenant, now)
    found = destinations(alert, view)
    sent = _by_receiver(list(reversed(watching.notifications(alert_id, tenant))))
    named = {one.target.receiver for one in found}
    told = [receiver(one, sent.get(one.target.receiver, [])) for one in found]
    paths = ways(alert, view)
    anomaly = _anomaly(row["anomaly_id"], tenant)
    return {
        "alert": {name: value for name, value in row.items() if name != "tenant"},
        "answer": _answer(told, sent, named) or explain(view.config.tree, alert.labels),
        "anomaly": anomaly,
        "detector": _detector(anomaly),
        "routes": [route(path, _receivers(path.node.place, found)) for path in paths],
        "receivers": told,
        "elsewhere": [one for name in sorted(set(sent) - named) for one in sent[name]],
        "asked_at": now,
    }


def _seen(row: Mapping[str, Any], tenant: str, now: datetime) -> tuple[Alert, Round]:
    """The alert among all others of its tenant, as a decision now would see them."""
    mark = fingerprint(row["labels"])
    alert = alert_from_row(SimpleNamespace(**row))
    with unit_of_work() as work:
        others = work.execute(
            "SELECT DISTINCT ON (fingerprint) * FROM alerts WHERE tenant = :tenant"
            " AND fingerprint <> :mark AND (status = 'firing' OR ends_at > :since)"
            " ORDER BY fingerprint, status = 'firing' DESC, id DESC",
            tenant=tenant,
            mark=mark,
            since=now - alerting.REMEMBERED,
        ).all()
        states = [
            state_from_row(each.state)
            for each in work.execute(
                "SELECT state FROM alert_groups WHERE tenant = :tenant", tenant=tenant
            )
        ]
        silences = work.execute(
            "SELECT * FROM silences WHERE tenant = :tenant AND starts_at <= :now"
            " AND ends_at > :now ORDER BY id",
            tenant=tenant,
            now=now,
        ).all()
    return alert, Round(
        alert_config.config.router(),
        [alert, *map(alert_from_row, others)],
        {(one.group_key, one.receiver): one for one in states},
        map(silence_from_row, silences),
        now,
        scope=tenant,
    )


def _receivers(place: str, found: Sequence[Destination]) -> list[str]:
    return [one.target.receiver for one in found if one.target.place == place]


def _answer(
    told: Sequence[Mapping[str, Any]], sent: Mapping[str, Sequence[Any]], named: set[str]
) -> str:
    parts = [str(one["outcome"]) for one in told]
    if gone := sorted(set(sent) - named):
        parts.append(f"earlier also sent to {', '.join(gone)}, which its route no longer names")
    return "; ".join(parts)


def _by_receiver(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["receiver"], []).append(dict(row))
    return found


def _anomaly(anomaly_id: UUID | None, tenant: str) -> dict[str, Any] | None:
    if anomaly_id is None:
        return None
    rows = query(
        "SELECT * FROM anomalies WHERE id = :id AND tenant = :tenant", id=anomaly_id, tenant=tenant
    )
    return {name: value for name, value in rows[0].items() if name != "tenant"} if rows else None


def _detector(anomaly: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The entry of detectors.yaml that found it, where it is still there."""
    if anomaly is None:
        return None
    try:
        spec = detection.find(anomaly["detector_id"])
    except ConfigError:
        return None
    return {
        "id": spec.id,
        "type": spec.type,
        "strategy": spec.strategy or None,
        "metric": spec.metric,
        "statistic": spec.statistic,
        "window": spec.window,
        "threshold": spec.threshold,
        "condition": spec.condition or None,
    }
