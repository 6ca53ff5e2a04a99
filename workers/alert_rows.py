"""Alerts, group states and notifications as JSON rows and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from psycopg2.extras import Json

from alerts.nouns import Alert, Notification
from alerts.plan import GroupState, Phase


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
    )


def _clock(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


def _moment(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


_MOMENTS = ("due", "idle_since", "flushed_at", "sent_at")
_SETS = ("firing", "resolved", "owed")


def state_to_row(state: GroupState) -> dict[str, Any]:
    """What is remembered of a group."""
    row = asdict(state)
    row |= {name: _clock(row[name]) for name in _MOMENTS}
    row |= {name: sorted(row[name]) for name in _SETS}
    return {**row, "phase": str(state.phase)}


def state_from_row(row: Mapping[str, Any]) -> GroupState:
    """The state that `state_to_row` wrote."""
    changed = {name: _moment(row[name]) for name in _MOMENTS}
    sets = {name: frozenset(row[name]) for name in _SETS}
    return GroupState(**{**row, **changed, **sets, "phase": Phase(row["phase"])})


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
