"""Silences: made, changed, ended early. Nobody deletes one: what it muted stays on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from alerts.silences import Silence, SilenceState, demand_usable
from core.database import UnitOfWork, query, unit_of_work
from core.errors import Conflict, NotFound
from core.ids import new_id
from workers.alert_rows import matchers_to_row, silence_from_row, to_json


def listed(
    tenant: str, now: datetime, *, state: str | None, before: UUID | None, limit: int
) -> Sequence[Mapping[str, Any]]:
    """Newest first, each with its `state`."""
    return query(
        f"SELECT * FROM (SELECT *, {_STATE} AS state FROM silences WHERE tenant = :tenant) AS found"
        " WHERE (CAST(:state AS text) IS NULL OR state = :state)"
        " AND (CAST(:before AS uuid) IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit",
        tenant=tenant,
        now=now,
        state=state,
        before=before,
        limit=limit,
    )


_STATE = (
    f"CASE WHEN ends_at <= :now THEN '{SilenceState.EXPIRED}'"
    f" WHEN starts_at > :now THEN '{SilenceState.PENDING}' ELSE '{SilenceState.ACTIVE}' END"
)


def one(silence_id: UUID, tenant: str, now: datetime) -> Mapping[str, Any]:
    """One with its `state`. Raises NotFound."""
    rows = query(
        f"SELECT *, {_STATE} AS state FROM silences WHERE id = :id AND tenant = :tenant",
        id=silence_id,
        tenant=tenant,
        now=now,
    )
    if not rows:
        raise _unknown(silence_id)
    return rows[0]


def create(silence: Silence, tenant: str, now: datetime) -> UUID:
    """Store a new one, whatever its `id` says; returns its id. Raises BadInput."""
    demand_usable(silence, now)
    with unit_of_work() as work:
        return _insert(work, silence, tenant, None, now)


def change(silence_id: UUID, wanted: Silence, tenant: str, now: datetime) -> UUID:
    """Give one other matchers, times or words; returns its id, or that of the one in its place.

    What an active silence has muted stays on record: with other matchers it ends and a new one
    begins. Raises NotFound, BadInput, and Conflict for one that is over.
    """
    demand_usable(wanted, now)
    with unit_of_work() as work:
        old = silence_from_row(_locked(work, silence_id, tenant))
        state = old.state(now)
        if state is SilenceState.EXPIRED:
            raise Conflict(f"silence {silence_id} is over; make a new one by POST")
        if state is SilenceState.ACTIVE:
            if set(wanted.matchers) != set(old.matchers):
                _end(work, silence_id, now)
                begun = replace(wanted, starts_at=max(wanted.starts_at, now))
                return _insert(work, begun, tenant, silence_id, now)
            wanted = replace(wanted, starts_at=old.starts_at)
        work.execute(
            "UPDATE silences SET matchers = CAST(:matchers AS jsonb), starts_at = :start,"
            " ends_at = :end, created_by = :by, comment = :comment, updated_at = :now"
            " WHERE id = :id",
            id=silence_id,
            now=now,
            **_values(wanted),
        )
        return silence_id


def expire(silence_id: UUID, tenant: str, now: datetime) -> None:
    """End it now; one that has not begun will not. Raises NotFound; ended ones stay as they are."""
    with unit_of_work() as work:
        old = silence_from_row(_locked(work, silence_id, tenant))
        if old.state(now) is not SilenceState.EXPIRED:
            _end(work, silence_id, now)


def _end(work: UnitOfWork, silence_id: UUID, now: datetime) -> None:
    work.execute(
        "UPDATE silences SET starts_at = least(starts_at, :now), ends_at = :now, updated_at = :now"
        " WHERE id = :id",
        id=silence_id,
        now=now,
    )


def _locked(work: UnitOfWork, silence_id: UUID, tenant: str) -> Any:
    row = work.execute(
        "SELECT * FROM silences WHERE id = :id AND tenant = :tenant FOR UPDATE",
        id=silence_id,
        tenant=tenant,
    ).one_or_none()
    if row is None:
        raise _unknown(silence_id)
    return row


def _insert(
    work: UnitOfWork, silence: Silence, tenant: str, replaces: UUID | None, now: datetime
) -> UUID:
    made = new_id()
    work.execute(
        "INSERT INTO silences (id, tenant, matchers, starts_at, ends_at, created_by, comment,"
        " replaces, created_at, updated_at) VALUES (:id, :tenant, CAST(:matchers AS jsonb), :start,"
        " :end, :by, :comment, :replaces, :now, :now)",
        id=made,
        tenant=tenant,
        replaces=replaces,
        now=now,
        **_values(silence),
    )
    return made


def _values(silence: Silence) -> dict[str, Any]:
    return {
        "matchers": to_json(matchers_to_row(silence.matchers)),
        "start": silence.starts_at,
        "end": silence.ends_at,
        "by": silence.created_by,
        "comment": silence.comment,
    }


def _unknown(silence_id: UUID) -> NotFound:
    return NotFound(f"there is no silence {silence_id}; list GET /api/v1/silences")
