"""Runs that wait for another class: held back until the CPU engines are through with their items.

A held run is queued like any other, in a place that no worker serves: its queue's name with a
prefix. So it is cancelled, expired and counted as open with the rest, but has no message. Who ends
the last CPU run over its items releases it or, where everything is decided, ends it, in the same
transaction; rescue releases what was forgotten.

Lock order as everywhere: runs by id, then their job.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from core.analysis import EngineResult
from core.database import UnitOfWork, single, unit_of_work
from core.errors import BrokerDown
from workers.app import RUN_QUEUES, publish_runs
from workers.runs import Run
from workers.wire import parts_from_text

log = logging.getLogger(__name__)

HELD = "held:"
BATCH = 500

_LOCK = """
SELECT r.id FROM runs r JOIN runs own ON own.id = :id AND r.analysis_id = own.analysis_id
WHERE r.id = own.id OR (r.state = 'queued' AND starts_with(r.queue, :held)
    AND r.first_item <= own.last_item AND r.last_item >= own.first_item)
ORDER BY r.id FOR UPDATE OF r
"""
_READY = """
NOT EXISTS (SELECT FROM runs o WHERE o.analysis_id = r.analysis_id
    AND o.engine_class <> r.engine_class AND o.state IN ('queued', 'running')
    AND o.first_item <= r.last_item AND o.last_item >= r.first_item)
"""
_WAITING = f"""
SELECT r.*, {_READY} AS ready FROM runs r WHERE r.analysis_id = :job AND r.state = 'queued'
    AND starts_with(r.queue, :held) AND r.first_item <= :last AND r.last_item >= :first
ORDER BY r.id
"""
_FORGOTTEN = f"""
SELECT r.id FROM runs r WHERE r.state = 'queued' AND r.queue = ANY(CAST(:queues AS text[]))
    AND {_READY} ORDER BY r.id LIMIT :n FOR UPDATE SKIP LOCKED
"""


def is_held(queue: str) -> bool:
    """Whether this is the place of held runs and no queue."""
    return queue.startswith(HELD)


def lock(work: UnitOfWork, run: UUID) -> None:
    """Lock a run and what is held for its items, before the run is closed and its job is locked."""
    work.execute(_LOCK, id=run, held=HELD)


def waiting_for(work: UnitOfWork, run: Run) -> Sequence[Any]:
    """The rows of the runs that are held for items of this one; `ready` where nothing is left to
    wait for."""
    return work.execute(
        _WAITING, job=run.analysis_id, first=run.first_item, last=run.last_item, held=HELD
    ).all()


def release(work: UnitOfWork, runs: Sequence[UUID]) -> None:
    """Give held runs to their queue; from now on they wait like others. Sent after the commit."""
    rows = work.execute(
        "UPDATE runs SET queue = substr(queue, :skip), created_at = now(), published_at = now()"
        " WHERE id = ANY(CAST(:ids AS uuid[])) RETURNING id, queue",
        ids=list(runs),
        skip=len(HELD) + 1,
    )
    lanes: dict[str, list[UUID]] = defaultdict(list)
    for row in rows:
        lanes[row.queue].append(row.id)
    for queue, ids in lanes.items():
        work.after_commit(partial(_send, queue, ids))


def _send(queue: str, runs: Sequence[UUID]) -> None:
    try:
        publish_runs(queue, runs)
    except BrokerDown as problem:
        log.warning("%d released runs are sent later: %s", len(runs), problem)


def release_forgotten(queues: Sequence[str] = RUN_QUEUES) -> int:
    """Release what nobody did: the worker that ended the CPU part may have been of a version that
    holds nothing back."""
    with unit_of_work() as work:
        found = list(
            work.execute(_FORGOTTEN, queues=[HELD + queue for queue in queues], n=BATCH).scalars()
        )
        if found:
            release(work, found)
    return len(found)


def end(work: UnitOfWork, run: UUID, reason: str) -> None:
    """Close a held run that need not be run; its results are the caller's to store."""
    work.execute(
        "UPDATE runs SET state = 'skipped', finished_at = now(), error = :reason WHERE id = :id",
        id=run,
        reason=reason,
    )


def earlier_results(run: Run) -> dict[int, list[EngineResult]]:
    """What the other classes found on the run's items, by item."""
    found: dict[int, list[EngineResult]] = defaultdict(list)
    rows = single(
        "SELECT first_item, CAST(body AS text) AS body FROM parts WHERE analysis_id = :job"
        " AND engine_class <> :own AND first_item <= :last AND last_item >= :first",
        job=run.analysis_id,
        own=run.engine_class,
        first=run.first_item,
        last=run.last_item,
    )
    for row in rows:
        for index, results in enumerate(parts_from_text(row.body), row.first_item):
            found[index].extend(results)
    return found
