"""Alerts, group states and notifications as JSON rows and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from psycopg2.extras import Json

from alerts.matchers import Matcher
from alerts.nouns import Alert, Notification
from alerts.plan import GroupState, Phase, Told
from alerts.silences import Silence


def to_json(value: Any) -> str:
    """A JSON text for a `jsonb` parameter."""
    return str(Json(None).dumps(value))


def alert_from_row(row: Any) -> Alert:
    """A row of `alerts`."""
    return Alert(
        labels=row.labels,
        starts_at=row.starts_at,
        updated_at=row.updated_at,
        ends_at=row.ends_at,
        annotations=row.annotations,
        acknowledged_by=row.acknowledged_by,
    )


def _clock(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


def _moment(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


_MOMENTS = ("due", "idle_since", "flushed_at")


def state_to_row(state: GroupState) -> dict[str, Any]:
    """What is remembered of a group."""
    return {
        "receiver": state.receiver,
        "group_key": state.group_key,
        "group_labels": dict(state.group_labels),
        "phase": str(state.phase),
        **{name: _clock(getattr(state, name)) for name in _MOMENTS},
        "told": _told_to_row(state.told),
        "before": _told_to_row(state.before),
        "number": state.number,
        "refusals": state.refusals,
        "scope": state.scope,
    }


def _told_to_row(told: Told) -> dict[str, Any]:
    return {
        "sent_at": _clock(told.sent_at),
        "firing": sorted(told.firing),
        "resolved": sorted(told.resolved),
        "owed": {fingerprint: _clock(since) for fingerprint, since in told.owed.items()},
    }


def state_from_row(row: Mapping[str, Any]) -> GroupState:
    """The state that `state_to_row` wrote, in its older form too."""
    told = _told_from_row(row.get("told", row))
    return GroupState(
        receiver=row["receiver"],
        group_key=row["group_key"],
        group_labels=row["group_labels"],
        phase=Phase(row["phase"]),
        due=_moment(row["due"]),
        idle_since=_moment(row["idle_since"]),
        flushed_at=_moment(row["flushed_at"]),
        told=told,
        before=_told_from_row(row["before"]) if "before" in row else told,
        number=row["number"],
        refusals=row.get("refusals", 0),
        scope=row["scope"],
    )


def _told_from_row(row: Mapping[str, Any]) -> Told:
    sent_at = _moment(row["sent_at"])
    owed = row["owed"]
    if isinstance(owed, list):
        owed = dict.fromkeys(owed, row["sent_at"])
    return Told(
        sent_at=sent_at,
        firing=frozenset(row["firing"]),
        resolved=frozenset(row["resolved"]),
        owed={each: datetime.fromisoformat(since) for each, since in owed.items()},
    )


def silence_from_row(row: Any) -> Silence:
    """A row of `silences`."""
    return Silence(
        id=str(row.id),
        matchers=matchers_from_row(row.matchers),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        created_by=row.created_by,
        comment=row.comment,
    )


def matchers_from_row(rows: Iterable[Mapping[str, Any]]) -> tuple[Matcher, ...]:
    """What `matchers_to_row` made."""
    return tuple(Matcher(**one) for one in rows)


def matchers_to_row(matchers: Iterable[Matcher]) -> list[dict[str, str]]:
    """Name, operator and value of each."""
    return [{"name": one.name, "operator": one.operator, "value": one.value} for one in matchers]


def notification_to_row(notification: Notification) -> dict[str, Any]:
    """Everything a receiver needs."""
    return {
        "receiver": notification.receiver,
        "group_key": notification.group_key,
        "group_labels": dict(notification.group_labels),
        "at": _clock(notification.at),
        "dedup_key": notification.dedup_key,
        "reason": notification.reason,
        "alerts": [
            {
                "labels": dict(alert.labels),
                "annotations": dict(alert.annotations),
                "starts_at": _clock(alert.starts_at),
                "updated_at": _clock(alert.updated_at),
                "ends_at": _clock(alert.ends_at),
            }
            for alert in notification.alerts
        ],
    }


def notification_from_row(row: Mapping[str, Any]) -> Notification:
    """The notification that `notification_to_row` wrote."""
    alerts = tuple(
        Alert(
            labels=each["labels"],
            starts_at=datetime.fromisoformat(each["starts_at"]),
            updated_at=datetime.fromisoformat(each["updated_at"]),
            ends_at=_moment(each["ends_at"]),
            annotations=each["annotations"],
        )
        for each in row["alerts"]
    )
    at = datetime.fromisoformat(row["at"])
    return Notification(**{**row, "alerts": alerts, "at": at})
