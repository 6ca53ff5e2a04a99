"""Events into their tables: what was seen before is left out, the rest is copied and counted.

An event's key is claimed in `telemetry_ids` first, in the day table of the day on which that
happens; its row and its share of the rollups follow in the same transaction.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime

import psycopg2
from sqlalchemy.exc import DBAPIError

from core.database import UnitOfWork, unit_of_work
from core.ids import new_id
from core.telemetry import Reject
from workers import partitions, sampling
from workers.amending import amend, summed
from workers.event_lines import COLUMNS, KEY_LENGTH, REJECT_COLUMNS, of_reject, plain

log = logging.getLogger(__name__)

DAY_LOCK = 0x5E47
"""Class of the advisory locks that stand for days."""
KNOWN_AT_MOST = 10_000
_FIELDS = len(COLUMNS) + 1
_CONTENTS = ("ts", "tenant", "application_id", "event_id", "prompt", "response")

_FAULT_OF_DATA = ("22", "23", "54")
"""PostgreSQL's codes for a value that no table takes: the event's fault, and no outage."""

_settled: set[date] = set()
_known: set[tuple[str, str]] = set()


def store(lines: Iterable[str]) -> int:
    """Store events by their lines, all or none; how many were new.

    Raises DatabaseDown and DatabaseBusy, and what PostgreSQL says of a line that it cannot take.
    """
    given: dict[str, str] = {}
    for line in lines:
        given.setdefault(line[:KEY_LENGTH], line)
    partitions.make_room(datetime.now(UTC).date())
    while True:
        with unit_of_work() as work:
            day = _day(work)
            if day in _settled:
                return _stored(work, given, day)
        _settle(day)


def _stored(work: UnitOfWork, given: dict[str, str], day: date) -> int:
    work.connection.exec_driver_sql("SET LOCAL sentinel.counted = 'on'")
    fresh = _claimed(work, sorted(given), day)
    new = [line for key, line in given.items() if fresh is None or key in fresh]
    events = [line.split("\t") for line in new]
    _copy(work, "telemetry", COLUMNS, map(_row, new, events))
    if texts := [event for event in events if len(event) > _FIELDS]:
        rows = ("\t".join((*event[1:5], *event[_FIELDS:])) for event in texts)
        _copy(work, "telemetry_contents", _CONTENTS, rows, spare=True)
    sampling.choose(work, new)
    _note_applications(work, {(event[2], event[3]) for event in events})
    amend(work, summed(events))
    return len(new)


def store_or_reject(lines: Sequence[str]) -> int:
    """As `store`; a line that PostgreSQL cannot take becomes a reject and costs no neighbour.

    What is not the line's fault, such as a table that is missing, is raised and can be tried again.
    """
    try:
        return store(lines)
    except (psycopg2.Error, DBAPIError, ValueError, LookupError) as problem:
        if not at_fault(problem):
            raise
        if len(lines) > 1:
            half = len(lines) // 2
            return store_or_reject(lines[:half]) + store_or_reject(lines[half:])
        reason = f"could not be stored: {type(problem).__name__}"
        log.error("an event %s", reason)
        tenant = plain([*lines[0].split("\t"), "", ""][2]) or "default"
        reject = Reject(0, reason, "", lines[0][KEY_LENGTH + 1 :], "store")
        store_rejects([of_reject(reject, tenant, datetime.now(UTC), str(new_id()))])
        return 0


def at_fault(problem: Exception) -> bool:
    """Whether what was given is to blame: a line that is none, or a value that no table takes."""
    cause = problem.orig if isinstance(problem, DBAPIError) else problem
    if not isinstance(cause, psycopg2.Error):
        return True
    return str(cause.pgcode or "").startswith(_FAULT_OF_DATA)


def store_rejects(lines: Iterable[str]) -> None:
    """Store rejects by their lines; one that comes twice stands once. Raises DatabaseDown."""
    partitions.make_room(datetime.now(UTC).date())
    with unit_of_work() as work:
        _copy(work, "telemetry_rejects", REJECT_COLUMNS, lines, spare=True)


def _row(line: str, fields: Sequence[str]) -> str:
    return line[KEY_LENGTH + 1 :] if len(fields) == _FIELDS else "\t".join(fields[1:_FIELDS])


def _claimed(work: UnitOfWork, keys: Sequence[str], day: date) -> set[str] | None:
    """The keys that nobody has stored, which are ours now; None for all of them."""
    start = f"'{day.isoformat()} 00:00:00+00'"
    count, fresh = work.connection.exec_driver_sql(
        "WITH fresh AS (INSERT INTO telemetry_ids (id, ts)"
        f" SELECT a.id, {start} FROM unnest(CAST(%(keys)s AS uuid[])) AS a (id)"
        f" WHERE NOT EXISTS (SELECT FROM telemetry_ids k WHERE k.id = a.id AND k.ts < {start})"
        " ON CONFLICT DO NOTHING RETURNING id)"
        " SELECT count(*), string_agg(CAST(id AS text), ',') FROM fresh",
        {"keys": "{" + ",".join(keys) + "}"},
    ).one()
    return None if count == len(keys) else set((fresh or "").replace("-", "").split(","))


def _day(work: UnitOfWork) -> date:
    """The day by PostgreSQL's clock. While this transaction lasts, others who write into the next
    day wait for it, so that they see what it claimed."""
    day: date | None = None
    while True:
        now: date = work.connection.exec_driver_sql(
            "SELECT CAST(clock_timestamp() AT TIME ZONE 'UTC' AS date)"
        ).scalar_one()
        if now == day:
            return now
        day = now
        work.connection.exec_driver_sql(
            f"SELECT pg_advisory_xact_lock_shared({DAY_LOCK}, {day.toordinal()})"
        )


def _settle(day: date) -> None:
    """Once a day: wait for those who still write into the day before."""
    with unit_of_work() as work:
        work.connection.exec_driver_sql(
            f"SELECT pg_advisory_xact_lock({DAY_LOCK}, {day.toordinal() - 1})"
        )
    _settled.add(day)


def _note_applications(work: UnitOfWork, seen: set[tuple[str, str]]) -> None:
    new = seen - _known
    if not new:
        return
    rows = [(plain(tenant), plain(application)) for tenant, application in sorted(new)]
    work.insert_many("INSERT INTO applications (tenant, id) VALUES %s ON CONFLICT DO NOTHING", rows)

    def remember() -> None:
        if len(_known) > KNOWN_AT_MOST:
            _known.clear()
        _known.update(new)

    work.after_commit(remember)


def _copy(
    work: UnitOfWork,
    table: str,
    columns: Sequence[str],
    rows: Iterable[str],
    *,
    spare: bool = False,
) -> None:
    """COPY lines into a table; with `spare` through a temporary one, past rows that are there."""
    listed = ", ".join(columns)
    target = table
    if spare:
        target = f"arriving_{table}"
        work.connection.exec_driver_sql(f"CREATE TEMP TABLE {target} (LIKE {table}) ON COMMIT DROP")
    body = "\n".join(rows)
    cursor = work.connection.connection.cursor()
    try:
        cursor.copy_expert(f"COPY {target} ({listed}) FROM STDIN", io.StringIO(body))
    finally:
        cursor.close()
    if spare:
        work.connection.exec_driver_sql(
            f"INSERT INTO {table} ({listed}) SELECT {listed} FROM {target} ORDER BY {listed}"
            " ON CONFLICT DO NOTHING"
        )
