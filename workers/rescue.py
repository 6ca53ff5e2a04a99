"""Rescue: what lost its message, its worker or its time is found in PostgreSQL and moved on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from core.analysis import EngineClass, EngineResult, Outcome
from core.database import UnitOfWork, single, unit_of_work
from core.ids import new_id
from engines.catalogue import catalogue
from workers import canary, holding, presence, waiting
from workers.app import BATCH_QUEUES, RUN_QUEUES, app, publish_runs
from workers.folding import store_results
from workers.queues import queue_lengths
from workers.runs import MAX_DEATHS, RENEW_SECONDS, Run, run_of
from workers.submission import NO_GPU_WORKER
from workers.task import periodic

log = logging.getLogger(__name__)

LOST_AFTER_SECONDS = 2.0
"""A worker takes a message only when a process is free, so that one taken is claimed at once."""
RESEND_AFTER_SECONDS = 60.0
AGED_SECONDS = 30.0
BATCH = 500
SUSPECT_DEATHS = 2


@periodic(lambda: 1.0, "control")
@app.task(name="rescue.sweep")
def sweep() -> dict[str, int]:
    """One round; returns what it changed."""
    changed = {
        "expired": expire(),
        "orphaned": release_orphans(),
        "skipped": skip_without_gpu(),
        "released": holding.release_forgotten(),
        "resent": resend(),
        "promoted": promote(),
    }
    canary.send_due()
    if any(changed.values()):
        log.info("rescue", extra=changed)
    return changed


def expire() -> int:
    """End jobs past their deadline."""
    with unit_of_work() as work:
        late = work.execute(
            "SELECT id FROM analyses WHERE finished_at IS NULL AND deadline_at < now() LIMIT :n",
            n=BATCH,
        ).scalars()
        jobs = list(late)
    return sum(end_job(job, "expired", "the deadline passed") for job in jobs)


def end_job(job: UUID, state: str, reason: str) -> bool:
    """Bring an open job and its runs to `cancelled` or `expired`; False when it was over."""
    with unit_of_work() as work:
        _lock_runs(work, job)
        row = work.execute(
            "UPDATE analyses SET state = :state, finished_at = clock_timestamp(), error = :reason"
            " WHERE id = :id AND state || '' IN ('queued', 'running') RETURNING watched",
            id=job,
            state=state,
            reason=reason,
        ).one_or_none()
        if row is None:
            return False
        work.execute(
            "UPDATE runs SET state = :state, finished_at = now(), lease_until = NULL"
            " WHERE analysis_id = :id AND state IN ('queued', 'running')",
            id=job,
            state=state,
        )
        if row.watched:
            work.after_commit(lambda: waiting.wake(job))
    return True


def _lock_runs(work: UnitOfWork, job: UUID) -> None:
    work.execute("SELECT id FROM runs WHERE analysis_id = :id ORDER BY id FOR UPDATE", id=job)


def release_orphans() -> int:
    """Give runs whose lease ran out another attempt, and close in on what kills their workers.

    The second death of a run with many items halves it, so that after some deaths the guilty item
    stands alone and its neighbours are done; alone, it is given up after the third. After
    PostgreSQL's own restart the workers first have time to renew their leases.
    """
    worn = []
    with unit_of_work() as work:
        dead = work.execute(
            "SELECT * FROM runs WHERE state = 'running' AND lease_until < now()"
            " AND pg_postmaster_start_time() < now() - make_interval(secs => :grace)"
            " ORDER BY id LIMIT :n FOR UPDATE SKIP LOCKED",
            grace=2 * RENEW_SECONDS,
            n=BATCH,
        ).all()
        for row in dead:
            deaths = row.deaths + 1
            if deaths >= SUSPECT_DEATHS and row.last_item > row.first_item:
                _halve(work, row)
            elif deaths >= MAX_DEATHS:
                worn.append(row.id)
            else:
                _requeue(work, row.id, row.last_item, deaths, whole=True)
    reason = f"the worker died {MAX_DEATHS} times over this run"
    for run in worn:
        conclude(run, "running", "failed", Outcome.FAILURE, reason)
    return len(dead)


def _requeue(work: UnitOfWork, run: UUID, last_item: int, deaths: int, whole: bool) -> None:
    """Queue a run again: after its first death in the lane of single inputs, so that it does not
    wait a second time; a suspect goes back to where it killed its workers."""
    work.execute(
        "UPDATE runs SET state = 'queued', lease_until = NULL, published_at = NULL,"
        " last_item = :last, deaths = :deaths, queue = CASE WHEN :deaths = 1 AND :whole"
        " THEN engine_class WHEN last_item > first_item THEN engine_class || '-batch'"
        " ELSE queue END, cost = CASE WHEN :whole THEN cost ELSE cost / 2 END WHERE id = :id",
        id=run,
        last=last_item,
        deaths=deaths,
        whole=whole,
    )


def _halve(work: UnitOfWork, row: Any) -> None:
    """Two runs for one, each one death short of being halved again."""
    middle = (row.first_item + row.last_item) // 2
    _requeue(work, row.id, middle, SUSPECT_DEATHS - 1, whole=False)
    work.execute(
        "INSERT INTO runs (id, tenant, application_id, analysis_id, engine_class, queue, chunk,"
        " first_item, last_item, engines, state, deaths, created_at, cost)"
        " SELECT :new, tenant, application_id, analysis_id, engine_class, queue, chunk, :first,"
        " :last, engines, 'queued', :deaths, created_at, cost FROM runs WHERE id = :id",
        new=new_id(),
        id=row.id,
        first=middle + 1,
        last=row.last_item,
        deaths=SUSPECT_DEATHS - 1,
    )
    work.execute(
        "UPDATE analyses SET runs_left = runs_left + 1, options = jsonb_set(options, '{runs}',"
        " to_jsonb(CAST(options ->> 'runs' AS int) + 1)) WHERE id = :job",
        job=row.analysis_id,
    )
    log.warning("run %s killed its worker again; halved at item %d", row.id, middle)


def skip_without_gpu(job: UUID | None = None) -> int:
    """Close queued GPU runs while no GPU worker is up, or those of one job that cannot wait.

    The statement that finds the runs looks for workers, too: who accepted one had seen a worker.
    """
    gpu = str(EngineClass.GPU)
    with unit_of_work() as work:
        rows = work.execute(
            "SELECT id FROM runs WHERE state = 'queued' AND engine_class = :gpu"
            + (" AND analysis_id = :job" if job else f" AND NOT EXISTS ({presence.UP})")
            + " ORDER BY id LIMIT :n",
            gpu=gpu,
            n=BATCH,
            **({"job": job} if job else {"class": gpu, "recent": presence.RECENT_SECONDS}),
        ).scalars()
        waiting_runs = list(rows)
    reason = "no GPU worker took it within the mode's time" if job else NO_GPU_WORKER
    return sum(conclude(run, "queued", "skipped", Outcome.SKIPPED, reason) for run in waiting_runs)


def conclude(run_id: UUID, old: str, new: str, outcome: Outcome, reason: str) -> bool:
    """Close a run that no worker will finish, with the same outcome for each of its engines."""
    with unit_of_work() as work:
        holding.lock(work, run_id)
        row = work.execute(
            "UPDATE runs SET state = :new, finished_at = now(), lease_until = NULL, error = :reason"
            " WHERE id = :id AND state = :old AND (state = 'queued' OR lease_until < now())"
            " RETURNING *",
            id=run_id,
            old=old,
            new=new,
            reason=reason,
        ).one_or_none()
        if row is None:
            return False
        run = run_of(row, "", {}, row.created_at)
        store_results(work, run, [_outcomes(run, outcome, reason) for _ in run.items])
    return True


def _outcomes(run: Run, outcome: Outcome, reason: str) -> Sequence[EngineResult]:
    versions = {name: engine.version for name, engine in catalogue().items()}
    return [
        EngineResult(name, versions.get(name, ""), outcome, reason=reason) for name in run.engines
    ]


def resend() -> int:
    """Send queued runs again whose message is certainly gone or suspiciously old.

    While a queue holds a message for each queued run, nothing is missing, however long it waits.
    """
    lengths = queue_lengths()
    sent = 0
    for queue in RUN_QUEUES:
        if lengths[queue] and lengths[queue] >= _queued(queue):
            continue
        age = LOST_AFTER_SECONDS if lengths[queue] == 0 else RESEND_AFTER_SECONDS
        with unit_of_work() as work:
            lost = list(
                work.execute(
                    "UPDATE runs SET published_at = now() WHERE id IN (SELECT id FROM runs"
                    " WHERE state = 'queued' AND queue = :queue AND (published_at IS NULL"
                    " OR published_at < now() - make_interval(secs => :age))"
                    " ORDER BY id LIMIT :n FOR UPDATE SKIP LOCKED) RETURNING id",
                    queue=queue,
                    age=age,
                    n=BATCH,
                ).scalars()
            )
        publish_runs(queue, lost)
        sent += len(lost)
    return sent


def promote() -> int:
    """Move the oldest chunk of each batch lane that has waited too long to the lane of single
    inputs, one a sweep, so that batches get on even where nobody serves their lane."""
    moved = 0
    for queue in BATCH_QUEUES:
        single_lane = queue.removesuffix("-batch")
        rows = single(
            "UPDATE runs SET queue = :lane, published_at = now() WHERE id IN (SELECT id FROM runs"
            " WHERE state = 'queued' AND queue = :queue"
            " AND published_at < now() - make_interval(secs => :age)"
            " ORDER BY published_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id",
            lane=single_lane,
            queue=queue,
            age=AGED_SECONDS,
        )
        publish_runs(single_lane, [row.id for row in rows])
        moved += len(rows)
    return moved


def _queued(queue: str) -> int:
    return int(
        single(
            "SELECT count(*) AS n FROM runs WHERE state = 'queued' AND queue = :queue",
            queue=queue,
        )[0].n
    )
