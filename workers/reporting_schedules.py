"""Schedules of reports: those of reports.yaml and those stored by API or CLI, as rows.

A stored schedule stands above the file's of its name. What a file no longer names is kept as
removed, so that a worker with an older file for a moment neither forgets nor repeats anything.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from core.database import UnitOfWork, query, unit_of_work
from core.errors import BadInput, ConfigError, Conflict, NotFound
from core.ids import new_id
from core.settings import settings
from reports.config import load_reports
from reports.schedule import Schedule, demand_receivers, nearest, parse
from workers.alert_config import config
from workers.alert_rows import to_json

log = logging.getLogger(__name__)

TENANT = "default"
"""The schedules of the file are this tenant's."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A schedule and its row. Reports due up to `watched_from` are none of its."""

    id: UUID
    tenant: str
    schedule: Schedule
    origin: str
    watched_from: datetime
    created_at: datetime
    updated_at: datetime


def receivers() -> Mapping[str, str]:
    """The types of the receivers of alerts.yaml, by name and in its order."""
    return {name: one.type for name, one in config().receivers.items()}


_lock = threading.Lock()
_read: dict[Path, tuple[object, tuple[Schedule, ...]]] = {}


def of_file() -> tuple[Schedule, ...]:
    """The schedules of REPORTS_FILE, read again when it changes; while it is broken, the last good
    ones stand. Raises ConfigError when they were never good."""
    path = settings().reports_file
    if path is None:
        return ()
    state = _state(path)
    with _lock:
        last = _read.get(path)
        if last is not None and last[0] == state:
            return last[1]
        try:
            found = load_reports(path, receivers())
        except ConfigError as problem:
            if last is None:
                raise
            log.error("schedules of reports stay as they were: %s", problem)
            found = last[1]
        _read[path] = (state, found)
        return found


def _state(path: Path) -> object:
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_size


def take_file(now: datetime) -> None:
    """Bring the rows in line with the file, if there is one."""
    if settings().reports_file is None:
        return
    listed = of_file()
    with unit_of_work() as work:
        work.execute("SELECT pg_advisory_xact_lock(hashtext('report_schedules'))")
        for one in listed:
            _store(work, one, TENANT, "file", now)
        work.execute(
            "UPDATE report_schedules SET removed_at = :now WHERE tenant = :tenant"
            " AND origin = 'file' AND removed_at IS NULL AND name <> ALL(CAST(:names AS text[]))",
            now=now,
            tenant=TENANT,
            names=[one.name for one in listed],
        )


def _store(work: UnitOfWork, one: Schedule, tenant: str, origin: str, now: datetime) -> None:
    """Write a schedule under its name, unless a stored one stands above the file's.

    With another timing, or after it was removed, it counts from now.
    """
    work.execute(
        "INSERT INTO report_schedules AS s (id, tenant, application_id, name, origin, body,"
        " watched_from, created_at, updated_at) VALUES (:id, :tenant, :application, :name, :origin,"
        " CAST(:body AS jsonb), :now, :now, :now) ON CONFLICT (tenant, name) DO UPDATE SET"
        " body = excluded.body, origin = excluded.origin, updated_at = :now,"
        " watched_from = CASE WHEN s.body -> 'cron' = excluded.body -> 'cron' AND"
        "  s.body -> 'timezone' = excluded.body -> 'timezone' AND s.body -> 'period'"
        "  = excluded.body -> 'period' AND (s.origin = 'file' AND :origin = 'file'"
        "  OR s.removed_at IS NULL) THEN s.watched_from ELSE :now END, removed_at = NULL"
        " WHERE (:origin = 'stored' OR s.origin = 'file' OR s.removed_at IS NOT NULL)"
        " AND (s.body <> excluded.body OR s.origin <> :origin OR s.removed_at IS NOT NULL)",
        id=new_id(),
        tenant=tenant,
        application=one.applications[0] if len(one.applications) == 1 else "default",
        name=one.name,
        origin=origin,
        body=to_json(one.body()),
        now=now,
    )


def _kept(row: Mapping[str, Any]) -> Kept:
    return Kept(
        id=row["id"],
        tenant=row["tenant"],
        schedule=parse(row["body"]),
        origin=row["origin"],
        watched_from=row["watched_from"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def watched() -> list[Kept]:
    """Every tenant's schedules that are in force; one that this version cannot read is left out."""
    found = []
    for row in query("SELECT * FROM report_schedules WHERE removed_at IS NULL ORDER BY id"):
        try:
            kept = _kept(row)
        except BadInput as problem:
            log.error("schedule %s cannot be used: %s", row["name"], problem)
            continue
        if kept.schedule.enabled:
            found.append(kept)
    return found


def listed(tenant: str, *, before: UUID | None, limit: int) -> Sequence[Kept]:
    """The schedules of a tenant, newest first."""
    rows = query(
        "SELECT * FROM report_schedules WHERE tenant = :tenant AND removed_at IS NULL"
        " AND (CAST(:before AS uuid) IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit",
        tenant=tenant,
        before=before,
        limit=limit,
    )
    return [_kept(row) for row in rows]


def find(schedule_id: UUID, tenant: str) -> Kept:
    """One schedule. Raises NotFound."""
    rows = query(
        "SELECT * FROM report_schedules WHERE id = :id AND tenant = :tenant AND removed_at IS NULL",
        id=schedule_id,
        tenant=tenant,
    )
    if not rows:
        raise NotFound(f"there is no schedule {schedule_id}; list GET /api/v1/reports/schedules")
    return _kept(rows[0])


def named(name: str, tenant: str) -> Kept:
    """The schedule of this name. Raises NotFound with the nearest one."""
    rows = query(
        "SELECT * FROM report_schedules WHERE tenant = :tenant AND removed_at IS NULL",
        tenant=tenant,
    )
    for row in rows:
        if row["name"] == name:
            return _kept(row)
    hint = nearest(name, [row["name"] for row in rows])
    raise NotFound(f"there is no schedule {name!r}{hint or '; see GET /api/v1/reports/schedules'}")


def create(one: Schedule, tenant: str, now: datetime) -> Kept:
    """Store a new schedule. Raises BadInput, or Conflict where the name is taken."""
    demand_receivers(one.receivers, one.mail_by, receivers())
    with unit_of_work() as work:
        work.execute("SELECT pg_advisory_xact_lock(hashtext('report_schedules'))")
        taken = work.execute(
            "SELECT id FROM report_schedules WHERE tenant = :tenant AND name = :name"
            " AND removed_at IS NULL",
            tenant=tenant,
            name=one.name,
        ).scalar()
        if taken:
            raise Conflict(
                f"the schedule {one.name!r} exists; PUT /api/v1/reports/schedules/{taken} changes"
                " it"
            )
        _store(work, one, tenant, "stored", now)
    return named(one.name, tenant)


def put(one: Schedule, tenant: str, now: datetime) -> Kept:
    """Store a schedule under its name, in place of the one that stands there. Raises BadInput."""
    demand_receivers(one.receivers, one.mail_by, receivers())
    with unit_of_work() as work:
        _store(work, one, tenant, "stored", now)
    return named(one.name, tenant)


def remove(schedule_id: UUID, tenant: str, now: datetime) -> None:
    """Take a stored schedule away; the file's of its name is in force again, if there is one.

    Raises NotFound, or Conflict for a schedule of the file.
    """
    kept = find(schedule_id, tenant)
    if kept.origin == "file":
        raise Conflict(
            f"{kept.schedule.name!r} stands in reports.yaml; take it out there, or PUT it with"
            " `enabled` false"
        )
    with unit_of_work() as work:
        work.execute(
            "UPDATE report_schedules SET removed_at = :now WHERE id = :id", id=kept.id, now=now
        )
