"""The life of a run: claimed by compare-and-set and kept by a lease.

Lock order everywhere: runs by id, then their job. Where a row is found by its id, its state is
compared as `state || ''`: else PostgreSQL, planning on a small table, may take the index of all
open rows and read every one of them. A worker that lost its lease finds the attempt
counter changed and writes nothing.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from core.analysis import Content
from core.database import TROUBLE, single, unit_of_work
from workers.presence import worker_name
from workers.wire import content_from_row, contents_from_text

log = logging.getLogger(__name__)

LEASE_SECONDS = 5.0
RENEW_SECONDS = 1.5
MAX_DEATHS = 3


@dataclass(frozen=True, slots=True)
class Run:
    """One engine class over one chunk of a job's items, claimed for one attempt."""

    id: UUID
    analysis_id: UUID
    tenant: str
    application_id: str
    engine_class: str
    chunk: int
    first_item: int
    last_item: int
    engines: tuple[str, ...]
    attempt: int
    mode: str
    options: Mapping[str, Any]
    created_at: datetime
    waited_s: float | None

    @property
    def items(self) -> range:
        """The indices of the chunk."""
        return range(self.first_item, self.last_item + 1)


def run_of(
    row: Any,
    mode: str,
    options: Mapping[str, Any],
    accepted_at: datetime,
    waited_s: Any = None,
) -> Run:
    """A row of `runs` with what its job adds to it."""
    return Run(
        id=row.id,
        analysis_id=row.analysis_id,
        tenant=row.tenant,
        application_id=row.application_id,
        engine_class=row.engine_class,
        chunk=row.chunk,
        first_item=row.first_item,
        last_item=row.last_item,
        engines=tuple(row.engines),
        attempt=row.attempt,
        mode=mode,
        options=options,
        created_at=accepted_at,
        waited_s=None if waited_s is None else float(waited_s),
    )


_CLAIMED = """
WITH claimed AS (
    UPDATE runs SET state = 'running', attempt = attempt + 1, worker = :worker, pid = :pid,
        lease_until = now() + make_interval(secs => :lease),
        started_at = coalesce(started_at, now()), claimed_at = now()
    WHERE id = {which} AND state || '' = 'queued'
        AND set_config('synchronous_commit', 'off', true) IS NOT NULL
    RETURNING *
), begun AS (
    UPDATE analyses a SET state = 'running', started_at = now()
    FROM claimed c WHERE a.id = c.analysis_id AND a.state || '' = 'queued' AND a.runs_left > 1
)
SELECT c.id, c.analysis_id, c.tenant, c.application_id, c.engine_class, c.chunk, c.first_item,
    c.last_item, c.engines, c.attempt, a.mode, a.options, a.created_at AS accepted_at,
    CASE WHEN c.attempt = 1 THEN extract(epoch FROM now() - c.created_at) END AS waited_s,
    CAST(t.bodies AS text) AS bodies
FROM claimed c JOIN analyses a ON a.id = c.analysis_id
LEFT JOIN contents t ON t.created_at = a.created_at AND t.analysis_id = a.id
    AND t.item_index = c.first_item
"""
_CLAIM = _CLAIMED.format(which=":id")
_CLAIM_NEXT = _CLAIMED.format(
    which="(SELECT id FROM runs WHERE queue = :queue AND state = 'queued'"
    " ORDER BY published_at LIMIT 1 FOR UPDATE SKIP LOCKED)"
)
_CONTENTS = """
SELECT item_index, CAST(bodies AS text) AS bodies, body FROM contents
WHERE created_at = :at AND analysis_id = :job AND item_index BETWEEN :first AND :last
ORDER BY item_index
"""
_CHUNK_START = """
SELECT max(item_index) AS first FROM contents
WHERE created_at = :at AND analysis_id = :job AND item_index <= :first
"""


def claim(run_id: UUID) -> tuple[Run, list[Content]] | None:
    """Take a queued run and its content; None when somebody else has it or it is over.

    The job begins with it, but one of a single run is told so when its lease is first renewed:
    most are over by then.

    The claim need not reach the disk: what is lost with a crash is claimed again.
    """
    return _claimed(_CLAIM, id=run_id)


def claim_next(queue: str) -> tuple[Run, list[Content]] | None:
    """As `claim`, of the run that has waited longest in a queue."""
    return _claimed(_CLAIM_NEXT, queue=queue)


def _claimed(statement: str, **which: Any) -> tuple[Run, list[Content]] | None:
    rows = single(statement, worker=worker_name(), pid=os.getpid(), lease=LEASE_SECONDS, **which)
    if not rows:
        return None
    row = rows[0]
    run = run_of(row, row.mode, row.options, row.accepted_at, row.waited_s)
    chunk = contents_from_text(row.bodies)[: len(run.items)] if row.bodies else []
    return run, chunk if len(chunk) == len(run.items) else contents_of(run)


def contents_of(run: Run) -> list[Content]:
    """The run's content in the order of its items; shorter when retention has dropped some."""
    return contents_between(run.created_at, run.analysis_id, run.first_item, run.last_item)


def contents_between(accepted_at: datetime, job: UUID, first: int, last: int) -> list[Content]:
    """A job's content from item `first` to `last`.

    A row holds a chunk, of which a run may want a part: one that killed its workers is halved.
    """
    rows = single(_CONTENTS, at=accepted_at, job=job, first=first, last=last)
    if not rows or rows[0].item_index != first:
        start = single(_CHUNK_START, at=accepted_at, job=job, first=first)[0].first
        rows = single(_CONTENTS, at=accepted_at, job=job, first=start, last=last)
    found: dict[int, Content] = {}
    for row in rows:
        chunk = (
            [content_from_row(row.body)] if row.bodies is None else contents_from_text(row.bodies)
        )
        found.update(enumerate(chunk, row.item_index))
    return [found[index] for index in range(first, last + 1) if index in found]


def still_mine(run: Run) -> bool:
    """False once the run was cancelled, expired or given to another attempt."""
    return bool(
        single(
            "SELECT 1 FROM runs WHERE id = :id AND attempt = :attempt AND state || '' = 'running'",
            id=run.id,
            attempt=run.attempt,
        )
    )


_RENEW = """
WITH renewed AS (
    UPDATE runs SET lease_until = now() + make_interval(secs => :lease)
    WHERE id IN (SELECT r.id FROM runs r JOIN
        unnest(CAST(:ids AS uuid[]), CAST(:attempts AS int[])) AS h (id, attempt)
        ON r.id = h.id AND r.attempt = h.attempt
        WHERE r.state = 'running' ORDER BY r.id FOR UPDATE OF r SKIP LOCKED)
    RETURNING analysis_id, started_at
)
UPDATE analyses a SET state = 'running', started_at = r.started_at
FROM renewed r WHERE a.id = r.analysis_id AND a.state || '' = 'queued'
"""


class _Leases:
    """One thread per process that renews what the process is working on."""

    def __init__(self) -> None:
        self.held: dict[UUID, int] = {}
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None

    def add(self, run: Run) -> None:
        with self.lock:
            self.held[run.id] = run.attempt
            if self.thread is None or not self.thread.is_alive():
                self.thread = threading.Thread(target=self._renew, name="leases", daemon=True)
                self.thread.start()

    def drop(self, run: Run) -> None:
        with self.lock:
            self.held.pop(run.id, None)

    def _renew(self) -> None:
        pause = threading.Event()
        while not pause.wait(RENEW_SECONDS):
            with self.lock:
                held = dict(self.held)
            if not held:
                continue
            try:
                with unit_of_work() as work:
                    work.relax()
                    work.execute(
                        _RENEW,
                        lease=LEASE_SECONDS,
                        ids=[str(run) for run in held],
                        attempts=list(held.values()),
                    )
            except TROUBLE as problem:
                log.warning("leases not renewed: %s", problem)


_leases = _Leases()


@contextmanager
def lease(run: Run) -> Iterator[None]:
    """Renew the run's lease in the background while the block works."""
    _leases.add(run)
    try:
        yield
    finally:
        _leases.drop(run)
