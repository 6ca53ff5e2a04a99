"""Tables by day: made ahead of the clock, dropped behind it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import date

from core.database import UnitOfWork, unit_of_work
from core.errors import DatabaseBusy

log = logging.getLogger(__name__)

RAW = ("contents", "telemetry", "telemetry_contents", "telemetry_ids", "telemetry_rejects")
AGGREGATED = ("telemetry_minutes", "telemetry_hours")
PARTITIONED = (*RAW, *AGGREGATED)

_AGE = {"contents": "created_at", "telemetry": "received_at"} | dict.fromkeys(
    AGGREGATED, "updated_at"
)
"""When a row outside the day tables was written; such rows go when that is long ago."""
_ready: set[date] = set()


def ensure(work: UnitOfWork, today: date) -> int:
    """Create the day tables from a week back to two days ahead; returns how many were made."""
    if today in _ready:
        return 0
    made = work.execute(
        "SELECT count(*) FILTER (WHERE sentinel_ensure_partition(parent, day)) FROM"
        " unnest(CAST(:parents AS text[])) AS parent,"
        " (SELECT CAST(:today AS date) + offset_days AS day FROM"
        "  generate_series(-8, 2) AS offset_days) AS days",
        parents=list(PARTITIONED),
        today=today,
    ).scalar_one()
    work.after_commit(lambda: _ready.add(today))
    return int(made)


def make_room(today: date) -> None:
    """Have the day's tables; while somebody's long query forbids it, the spare one serves."""
    if today in _ready:
        return
    try:
        with unit_of_work() as work:
            ensure(work, today)
    except DatabaseBusy as problem:
        log.warning("no new day tables yet: %s", problem)


def drop_before(work: UnitOfWork, oldest: date, parents: Iterable[str] = RAW) -> list[str]:
    """Drop the day tables of all days before `oldest`; returns their names.

    Rows outside the day tables, such as events that came late, go when they were written that
    long ago.
    """
    dropped = []
    for parent in parents:
        for name, day in days(work, parent):
            if day < oldest:
                work.connection.exec_driver_sql(f"DROP TABLE {name}")
                dropped.append(name)
        if parent == "telemetry_contents":
            work.execute(
                "DELETE FROM telemetry_contents_other c WHERE ts < :oldest AND NOT EXISTS"
                " (SELECT FROM telemetry_other t WHERE (t.tenant, t.application_id, t.event_id,"
                " t.ts) = (c.tenant, c.application_id, c.event_id, c.ts))",
                oldest=oldest,
            )
        else:
            age = _AGE.get(parent, "ts")
            work.execute(f"DELETE FROM {parent}_other WHERE {age} < :oldest", oldest=oldest)
    return dropped


def days(work: UnitOfWork, parent: str) -> list[tuple[str, date]]:
    """The day tables of a parent and their days, oldest first."""
    names = work.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = to_regclass(:parent) ORDER BY 1",
        parent=parent,
    ).scalars()
    found = ((name, name.removeprefix(f"{parent}_")) for name in names)
    return [(name, date.fromisoformat(day)) for name, day in found if day.isdigit()]
