"""The promises against the tables, after the farm had time to settle."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from ops.chaos.farm import Farm
from ops.chaos.promises import COMPLETED, Promises

SETTLE_SECONDS = 120.0
OPEN = ("queued", "running")
TERMINAL = ("completed", "completed_with_errors", "failed", "cancelled", "expired")
FLAWS = (
    "lost",
    "doubled",
    "stuck",
    "unknown and still open",
    "ended otherwise than told",
    "attacks let pass",
    "keys with two jobs",
    "events lost",
    "events doubled",
    "events counted otherwise than stored",
    "written by woken workers",
    "programs that ended by themselves",
)
"""Each must be 0."""

_VERDICTS = """
SELECT analysis_id::text, sum(last_item - first_item + 1),
    coalesce(bool_or(following <= last_item), false)
        OR bool_or(cardinality(risks) <> last_item - first_item + 1)
FROM (SELECT *, lead(first_item) OVER (PARTITION BY analysis_id ORDER BY first_item) AS following
    FROM verdicts) AS v
GROUP BY 1
"""
_ANY_OPEN = "SELECT EXISTS (SELECT FROM analyses WHERE state = ANY(%s))"
_COUNTED = "SELECT coalesce(sum(events), 0) FROM telemetry_{}s WHERE application_id = 'chaos'"
_EVENTS = "SELECT event_id, count(*) FROM telemetry WHERE application_id = 'chaos' GROUP BY 1"


@dataclass(frozen=True)
class Tables:
    """What PostgreSQL holds at the end."""

    jobs: dict[str, tuple[str, int]]
    """State and number of items by job."""
    judged: dict[str, int]
    overlapping: set[str]
    """Jobs with two verdicts over one item."""
    events: dict[str, int]
    counted: tuple[int, ...] = ()
    """Events by the rollups of minutes and of hours."""


def settle(farm: Farm, owed: set[str]) -> float:
    """Wait until no job is open and these events are stored; the seconds that took."""
    begun = time.monotonic()
    connection = farm.database()
    with connection.cursor() as cursor:
        while (spent := time.monotonic() - begun) < SETTLE_SECONDS:
            cursor.execute(_ANY_OPEN, [list(OPEN)])
            if not cursor.fetchone()[0]:
                cursor.execute(_EVENTS)
                if not owed - dict(cursor.fetchall()).keys():
                    break
            time.sleep(1)
    connection.close()
    return round(spent, 1)


def read(farm: Farm) -> Tables:
    """The tables as they are."""
    connection = farm.database()
    with connection.cursor() as cursor:
        cursor.execute("SELECT id::text, state, item_count FROM analyses")
        jobs = {row[0]: (row[1], row[2]) for row in cursor.fetchall()}
        cursor.execute(_VERDICTS)
        verdicts = cursor.fetchall()
        cursor.execute(_EVENTS)
        events = dict(cursor.fetchall())
        counted = []
        for level in ("minute", "hour"):
            cursor.execute(_COUNTED.format(level))
            counted.append(int(cursor.fetchone()[0]))
    connection.close()
    return Tables(
        jobs,
        {job: int(items) for job, items, _ in verdicts},
        {job for job, _, overlap in verdicts if overlap},
        events,
        tuple(counted),
    )


def audit(promises: Promises, tables: Tables, destroyed: set[str]) -> dict[str, Any]:
    """What was promised, how each promise ended, and every flaw.

    Events that were `destroyed` with the broker had no other copy, by contract.
    """
    jobs = tables.jobs
    states = Counter(jobs[job][0] for job in promises.jobs if job in jobs)
    beside = {job: state for job, (state, _) in jobs.items() if job not in promises.jobs}
    missing = promises.events - tables.events.keys()
    found: dict[str, Any] = {
        "accepted": len(promises.jobs),
        "of these": ", ".join(f"{n} {kind}" for kind, n in Counter(promises.jobs.values()).items()),
        **{state: states[state] for state in TERMINAL},
        "lost": len(lost(promises, tables)),
        "doubled": len(tables.overlapping | _overfull(tables)),
        "stuck": sum(states[state] for state in OPEN),
        "of unknown outcome": sum(promises.unknown.values()),
        "jobs nobody was promised": len(beside),
        "unknown and still open": sum(1 for state in beside.values() if state in OPEN),
        "ended otherwise than told": sum(
            1 for job, told in promises.told.items() if job in jobs and jobs[job][0] not in told
        ),
        "attacks let pass": len(promises.wrong),
        "sent again with the same key": promises.repeated,
        "keys with two jobs": len(promises.broken_keys),
        "events accepted": len(promises.events),
        "events stored": len(promises.events & tables.events.keys()),
        "events in the broker when it was emptied": len(missing & destroyed),
        "events lost": len(missing - destroyed),
        "events doubled": sum(1 for times in tables.events.values() if times > 1),
        "events counted otherwise than stored": sum(
            1 for count in tables.counted if count != sum(tables.events.values())
        ),
    }
    found["conserved"] = found["accepted"] == sum(found[state] for state in TERMINAL)
    return found


def lost(promises: Promises, tables: Tables) -> list[str]:
    """Promised jobs without a row, or completed without a verdict on every item."""
    return [
        job
        for job in promises.jobs
        if job not in tables.jobs
        or (tables.jobs[job][0] in COMPLETED and tables.judged.get(job, 0) < tables.jobs[job][1])
    ]


def _overfull(tables: Tables) -> set[str]:
    return {job for job, items in tables.judged.items() if items > tables.jobs[job][1]}


def kept(found: dict[str, Any]) -> bool:
    """Whether every promise was kept, once."""
    return bool(found["conserved"]) and not any(found[flaw] for flaw in FLAWS)
