"""Acknowledgements: somebody looks after an alert, so it is not repeated and not escalated.

It holds until the alert ends; one that fires again is nobody's. Whatever else changes in the group,
such as another alert, is told as ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from core.database import query
from core.errors import BadInput, Conflict
from workers import watching


def acknowledge(
    alert_id: UUID, tenant: str, by: str, comment: str, now: datetime
) -> Mapping[str, Any]:
    """Note who looks after a firing alert; the alert as it stands then. The newest name stands.

    Raises BadInput without a name, NotFound, and Conflict for an alert that is over.
    """
    if not by.strip():
        raise BadInput("by: missing; say who looks after it", field="by")
    rows = query(
        "UPDATE alerts SET acknowledged_by = :by, acknowledged_at = :now,"
        " acknowledgement = :comment WHERE id = :id AND tenant = :tenant AND status = 'firing'"
        " RETURNING *",
        by=by.strip(),
        comment=comment,
        now=now,
        id=alert_id,
        tenant=tenant,
    )
    return rows[0] if rows else _over(alert_id, tenant)


def withdraw(alert_id: UUID, tenant: str) -> Mapping[str, Any]:
    """Nobody looks after it any more: repeats and escalation go on.

    Raises NotFound, and Conflict for an alert that is over.
    """
    rows = query(
        "UPDATE alerts SET acknowledged_by = NULL, acknowledged_at = NULL, acknowledgement = NULL"
        " WHERE id = :id AND tenant = :tenant AND status = 'firing' RETURNING *",
        id=alert_id,
        tenant=tenant,
    )
    return rows[0] if rows else _over(alert_id, tenant)


def _over(alert_id: UUID, tenant: str) -> Mapping[str, Any]:
    watching.alert(alert_id, tenant)
    raise Conflict(f"alert {alert_id} is resolved; there is nothing to look after")
