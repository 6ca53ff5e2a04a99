"""The life of a run: claimed by compare-and-set, kept by a lease, finished exactly once.

Lock order everywhere: runs by id, then their job. A worker that lost its lease finds the attempt
counter changed and writes nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg2.extras import Json

from core.analysis import Content, EngineResult, Judgement, Outcome, Thresholds
from core.database import UnitOfWork, unit_of_work
from core.errors import SentinelError
from core.metrics import ANALYSIS_SECONDS, ENGINES_TRIGGERED
from engines.verdict import judge
from workers import waiting
from workers.presence import worker_name
from workers.wire import (
    content_from_row,
    judgement_to_row,
    result_from_row,
    result_to_row,
)

log = logging.getLogger(__name__)

LEASE_SECONDS = 6.0
RENEW_SECONDS = 2.0
MAX_ATTEMPTS = 3


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
    waited_s: float

    @property
    def items(self) -> range:
        """The indices of the chunk."""
        return range(self.first_item, self.last_item + 1)


_CLAIM = """
WITH claimed AS (
    UPDATE runs SET state = 'running', attempt = attempt + 1, worker = :worker,
        lease_until = now() + make_interval(secs => :lease),
        started_at = coalesce(started_at, now())
    WHERE id = :id AND state = 'queued' RETURNING *
), begun AS (
    UPDATE analyses a SET state = 'running', started_at = now()
    FROM claimed c WHERE a.id = c.analysis_id AND a.state = 'queued'
)
SELECT c.*, a.mode, a.options, a.created_at AS accepted_at,
    extract(epoch FROM now() - c.published_at) AS waited_s,
    (SELECT jsonb_agg(k.body ORDER BY k.item_index) FROM contents k
     WHERE k.created_at = a.created_at AND k.analysis_id = a.id
       AND k.item_index BETWEEN c.first_item AND c.last_item) AS bodies
FROM claimed c JOIN analyses a ON a.id = c.analysis_id
"""


def claim(run_id: UUID) -> tuple[Run, list[Content]] | None:
    """Take a queued run and its content; None when somebody else has it or it is over."""
    with unit_of_work() as work:
        work.relax()
        row = work.execute(
            _CLAIM, id=run_id, worker=worker_name(), lease=LEASE_SECONDS
        ).one_or_none()
    if row is None:
        return None
    run = Run(
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
        mode=row.mode,
        options=row.options,
        created_at=row.accepted_at,
        waited_s=float(row.waited_s or 0.0),
    )
    return run, [content_from_row(body) for body in row.bodies or ()]


def still_mine(run: Run) -> bool:
    """False once the run was cancelled, expired or given to another attempt."""
    with unit_of_work() as work:
        row = work.execute(
            "SELECT 1 FROM runs WHERE id = :id AND attempt = :attempt AND state = 'running'",
            id=run.id,
            attempt=run.attempt,
        ).one_or_none()
    return row is not None


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
                        "UPDATE runs r SET lease_until = now() + make_interval(secs => :lease)"
                        " FROM unnest(CAST(:ids AS uuid[]), CAST(:attempts AS int[]))"
                        " AS h (id, attempt)"
                        " WHERE r.id = h.id AND r.attempt = h.attempt AND r.state = 'running'",
                        lease=LEASE_SECONDS,
                        ids=[str(run) for run in held],
                        attempts=list(held.values()),
                    )
            except SentinelError as problem:
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


def finish(
    run: Run, results: Sequence[Sequence[EngineResult]], *, state: str = "done", error: str = ""
) -> bool:
    """Store a run's results, one list per item, and fold what is complete.

    False, with nothing written, when the attempt is no longer the current one.
    """
    with unit_of_work() as work:
        closed = work.execute(
            "UPDATE runs SET state = :state, finished_at = now(), lease_until = NULL,"
            " error = nullif(:error, '')"
            " WHERE id = :id AND attempt = :attempt AND state = 'running'",
            id=run.id,
            attempt=run.attempt,
            state=state,
            error=error,
        )
        if closed.rowcount != 1:
            log.info("late result of run %s attempt %d discarded", run.id, run.attempt)
            return False
        store_results(work, run, results)
    return True


def store_results(work: UnitOfWork, run: Run, results: Sequence[Sequence[EngineResult]]) -> None:
    """Write the results of a run that this transaction has closed, and fold chunk and job."""
    job = work.execute(
        "UPDATE analyses SET runs_left = runs_left - 1 WHERE id = :id"
        " AND state IN ('queued', 'running') RETURNING *",
        id=run.analysis_id,
    ).one_or_none()
    if job is None:
        return
    owner = (run.tenant, run.application_id)
    work.insert_many(
        "INSERT INTO results (analysis_id, item_index, engine_class, tenant, application_id,"
        " run_id, attempt, engines) VALUES %s ON CONFLICT DO NOTHING",
        [
            (
                str(run.analysis_id),
                index,
                run.engine_class,
                *owner,
                str(run.id),
                run.attempt,
                Json([result_to_row(result) for result in item]),
            )
            for index, item in zip(run.items, results, strict=True)
        ],
    )
    if job.runs_left == 0 or _chunk_complete(work, run):
        judged = _fold_chunk(work, run, job, results)
    else:
        judged = []
    if job.runs_left == 0:
        _fold_job(work, job, judged)
    elif judged:
        work.execute(
            "UPDATE analyses SET items_done = items_done + :n WHERE id = :id",
            n=len(judged),
            id=job.id,
        )


def _chunk_complete(work: UnitOfWork, run: Run) -> bool:
    left = work.execute(
        "SELECT count(*) FROM runs WHERE analysis_id = :job AND chunk = :chunk"
        " AND state IN ('queued', 'running')",
        job=run.analysis_id,
        chunk=run.chunk,
    ).scalar_one()
    return bool(left == 0)


def _fold_chunk(
    work: UnitOfWork, run: Run, job: Any, results: Sequence[Sequence[EngineResult]]
) -> list[Judgement]:
    skipped = [
        EngineResult(name, about["version"], Outcome.SKIPPED, reason=about["reason"])
        for name, about in job.options.get("skipped", {}).items()
    ]
    together = {index: [*item, *skipped] for index, item in zip(run.items, results, strict=True)}
    for row in work.execute(
        "SELECT item_index, engines FROM results WHERE analysis_id = :job"
        " AND engine_class <> :class AND item_index BETWEEN :first AND :last",
        **{
            "job": run.analysis_id,
            "class": run.engine_class,
            "first": run.first_item,
            "last": run.last_item,
        },
    ):
        together[row.item_index].extend(result_from_row(result) for result in row.engines)
    audit, warn, block = job.options["thresholds"]
    thresholds = Thresholds(audit, warn, block)
    judged = {index: judge(item, thresholds) for index, item in together.items()}
    for judgement in judged.values():
        for engine in judgement.engines_triggered:
            work.after_commit(ENGINES_TRIGGERED.labels(engine).inc)
    work.insert_many(
        "INSERT INTO items (analysis_id, item_index, tenant, application_id, risk_score, verdict,"
        " action, degraded, judgement) VALUES %s ON CONFLICT DO NOTHING",
        [
            (
                str(job.id),
                index,
                run.tenant,
                run.application_id,
                judgement.risk_score,
                str(judgement.verdict),
                str(judgement.action),
                judgement.degraded,
                Json(judgement_to_row(judgement)),
            )
            for index, judgement in judged.items()
        ],
    )
    return list(judged.values())


_FOLD_JOB = """
UPDATE analyses a SET items_done = item_count, finished_at = clock_timestamp(),
    risk_score = f.risk_score, verdict = f.verdict, action = f.action, degraded = f.degraded,
    state = CASE WHEN f.judged = 0 THEN 'failed'
                 WHEN f.degraded THEN 'completed_with_errors' ELSE 'completed' END,
    error = CASE WHEN f.judged = 0 THEN 'no engine gave an answer' END
FROM (
    SELECT bool_or(degraded) AS degraded,
        (array_agg(verdict ORDER BY risk_score DESC, item_index))[1] AS verdict,
        (array_agg(action ORDER BY risk_score DESC, item_index))[1] AS action,
        max(risk_score) AS risk_score,
        count(*) FILTER (WHERE judgement -> 'engines_run' <> '[]') AS judged
    FROM items WHERE analysis_id = :id
) f WHERE a.id = :id RETURNING a.created_at, a.finished_at, a.watched
"""


def _fold_job(work: UnitOfWork, job: Any, judged: Sequence[Judgement]) -> None:
    row = work.execute(_FOLD_JOB, id=job.id).one()
    seconds = (row.finished_at - row.created_at).total_seconds()
    work.after_commit(lambda: ANALYSIS_SECONDS.observe(seconds))
    if row.watched:
        work.after_commit(lambda: waiting.announce(job.id))
