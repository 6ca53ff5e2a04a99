"""The end of a run: stored once, and folded into items and job by whoever brings the last part.

Lock order everywhere: runs by id, then their job.
"""

from __future__ import annotations

import functools
import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from core.analysis import EngineClass, EngineResult, Outcome
from core.database import UnitOfWork, single, unit_of_work
from core.metrics import ANALYSIS_SECONDS, CASCADE_ITEMS, ENGINES_TRIGGERED
from engines.cascade import Decided, Decision
from workers import cache, cascade, holding, policies, verdicts, waiting
from workers.runs import Run, run_of
from workers.verdicts import Verdicts
from workers.wire import parts_from_text, parts_to_text

log = logging.getLogger(__name__)

UNEXAMINED = "no engine gave an answer"


def finish(
    run: Run,
    results: Sequence[Sequence[EngineResult]],
    *,
    state: str = "done",
    error: str = "",
    decided: Sequence[Decision] = (),
) -> bool:
    """Store a run's results, one list per item, and fold what is complete.

    `decided` says of each item whether another class that waits need not be asked. False, with
    nothing written, when the attempt is no longer the current one.
    """
    if run.options.get("runs") == 1:
        stored = _finish_sole(run, results, state, error)
    else:
        stored = _finish_part(run, results, state, error, decided)
    if stored:
        return True
    log.info("late result of run %s attempt %d discarded", run.id, run.attempt)
    return False


_FINISH_SOLE = f"""
WITH closed AS (
    UPDATE runs SET state = :run_state, finished_at = now(), lease_until = NULL,
        error = nullif(:run_error, '')
    WHERE id = :run AND attempt = :attempt AND state || '' = 'running'
    RETURNING analysis_id, started_at
), job AS (
    UPDATE analyses SET runs_left = 0, items_done = item_count, state = :state,
        started_at = coalesce(analyses.started_at, c.started_at),
        finished_at = clock_timestamp(), risk_score = :risk_score, verdict = :verdict,
        action = :action, degraded = :degraded, error = :error
    FROM closed c WHERE id = c.analysis_id AND state || '' IN ('queued', 'running')
    RETURNING analyses.*
), judged AS (
    {verdicts.INSERT.format(owner="id, tenant, application_id", source="FROM job")}
)
SELECT created_at, finished_at, watched FROM job
"""


def _finish_sole(
    run: Run, results: Sequence[Sequence[EngineResult]], state: str, error: str
) -> bool:
    """The whole job is this run: fold it here and write everything in one statement."""
    judged = _judged(run.first_item, results, run.options)
    job_state = "completed_with_errors" if judged.degraded else "completed"
    written = single(
        _FINISH_SOLE,
        run=run.id,
        attempt=run.attempt,
        run_state=state,
        run_error=error,
        state=job_state if judged.examined else "failed",
        error=None if judged.examined else UNEXAMINED,
        **judged.columns(),
    )
    if not written:
        return False
    _count(judged)
    _ended(run.analysis_id, written[0], run.options.get("cache"), judged)
    return True


def _judged(
    first: int, results: Sequence[Sequence[EngineResult]], options: Mapping[str, Any]
) -> Verdicts:
    skipped = _skipped(options)
    whole = [[*item, *skipped] for item in results] if skipped else results
    return verdicts.over(first, whole, policies.of_options(options))


def _count(judged: Verdicts) -> None:
    for engine, times in judged.triggered.items():
        ENGINES_TRIGGERED.labels(engine).inc(times)


def _finish_part(
    run: Run,
    results: Sequence[Sequence[EngineResult]],
    state: str,
    error: str,
    decided: Sequence[Decision],
) -> bool:
    with unit_of_work() as work:
        if cascade.applies(run, EngineClass.CPU):
            holding.lock(work, run.id)
        closed = work.execute(
            "UPDATE runs SET state = :state, finished_at = now(), lease_until = NULL,"
            " error = nullif(:error, '')"
            " WHERE id = :id AND attempt = :attempt AND state || '' = 'running'",
            id=run.id,
            attempt=run.attempt,
            state=state,
            error=error,
        )
        if closed.rowcount != 1:
            return False
        store_results(work, run, results, decided)
    return True


def _skipped(options: Mapping[str, Any]) -> list[EngineResult]:
    """The engines that the submission left out, with their reasons."""
    return [
        EngineResult(name, about["version"], Outcome.SKIPPED, reason=about["reason"])
        for name, about in options.get("skipped", {}).items()
    ]


def _ended(job: UUID, row: Any, digest: str | None = None, judged: Verdicts | None = None) -> None:
    ANALYSIS_SECONDS.observe((row.finished_at - row.created_at).total_seconds())
    if not row.watched:
        if digest and judged:
            cache.put(waiting.client(), digest, judged)
        return
    with waiting.pipeline() as pipe:
        waiting.announce(pipe, job)
        if digest and judged:
            cache.put(pipe, digest, judged)


def store_results(
    work: UnitOfWork,
    run: Run,
    results: Sequence[Sequence[EngineResult]],
    decided: Sequence[Decision] = (),
) -> None:
    """Write the results of a run that this transaction has closed, and fold chunk and job.

    What waited for this run is released, or ended where every item is decided. The rows of a part
    need not reach the disk at once: what is lost with a crash runs again. The commit that ends the
    job takes everything before it along.
    """
    job, done = _store_part(work, run, results)
    if job is None:
        return
    if job.options.get("cascade") and run.engine_class == str(EngineClass.CPU):
        policy = policies.of_options(job.options)
        for held in holding.waiting_for(work, run):
            spare = [cascade.spared(one, held.engines, policy) for one in decided]
            work.after_commit(functools.partial(_count_decided, run, held.engines, decided, spare))
            own = held.first_item >= run.first_item and held.last_item <= run.last_item
            if own and spare and all(len(gone) == len(held.engines) for gone in spare):
                holding.end(work, held.id, cascade.DECIDED)
                other = run_of(held, run.mode, job.options, run.created_at)
                unasked = [cascade.skipped(other.engines) for _ in other.items]
                job, more = _store_part(work, other, unasked)
                done += more
            elif held.ready:
                holding.release(work, [held.id])
    if job.runs_left == 0:
        _fold_job(work, job)
        return
    work.relax()
    if done:
        work.execute(
            "UPDATE analyses SET items_done = items_done + :n WHERE id = :id", n=done, id=job.id
        )


def _store_part(
    work: UnitOfWork, run: Run, results: Sequence[Sequence[EngineResult]]
) -> tuple[Any, int]:
    """Write one run's results; the job, None once it is over, and how many items are now judged."""
    job = work.execute(
        "UPDATE analyses SET runs_left = runs_left - 1 WHERE id = :id"
        " AND state || '' IN ('queued', 'running')"
        " RETURNING id, options, runs_left, item_count",
        id=run.analysis_id,
    ).one_or_none()
    if job is None:
        return None, 0
    alone = job.options.get("classes") == 1
    ranges = [(run.first_item, results)] if alone else _decided(work, run, results)
    done = 0
    for first, items in ranges:
        done += len(items)
        judged = _judged(first, items, job.options)
        verdicts.insert(work, job.id, run.tenant, run.application_id, judged)
        work.after_commit(functools.partial(_count, judged))
    return job, done


def _count_decided(
    run: Run,
    engines: Sequence[str],
    decided: Sequence[Decision],
    spare: Sequence[Collection[str]],
) -> None:
    """The run's items by whether all the engines that wait for it are spared, and why."""
    found = Counter(
        one.how for one, gone in zip(decided, spare, strict=True) if len(gone) == len(engines)
    )
    found[Decided.NO] = len(run.items) - found.total()
    for how, items in found.items():
        CASCADE_ITEMS.labels(str(how)).inc(items)


def _decided(
    work: UnitOfWork, run: Run, results: Sequence[Sequence[EngineResult]]
) -> list[tuple[int, list[list[EngineResult]]]]:
    """Keep this class's results; give back, by neighbouring items, what every class has judged."""
    work.execute(
        "INSERT INTO parts (analysis_id, engine_class, first_item, last_item, tenant,"
        " application_id, body) VALUES (:job, :class, :first, :last, :tenant, :application,"
        " CAST(:body AS json)) ON CONFLICT DO NOTHING",
        **{
            "job": run.analysis_id,
            "class": run.engine_class,
            "first": run.first_item,
            "last": run.last_item,
            "tenant": run.tenant,
            "application": run.application_id,
            "body": parts_to_text(results),
        },
    )
    own = dict(zip(run.items, (list(item) for item in results), strict=True))
    together = {index: own[index] for index in _decided_items(work, run)}
    for row in work.execute(
        "SELECT first_item, CAST(body AS text) AS body FROM parts WHERE analysis_id = :job"
        " AND engine_class <> :own AND first_item <= :last AND last_item >= :first",
        job=run.analysis_id,
        own=run.engine_class,
        first=run.first_item,
        last=run.last_item,
    ):
        for index, others in enumerate(parts_from_text(row.body), row.first_item):
            if index in together:
                together[index].extend(others)
    ranges: list[tuple[int, list[list[EngineResult]]]] = []
    for index in sorted(together):
        if not ranges or index != ranges[-1][0] + len(ranges[-1][1]):
            ranges.append((index, []))
        ranges[-1][1].append(together[index])
    return ranges


def _decided_items(work: UnitOfWork, run: Run) -> list[int]:
    """The run's items that no open run of another class or part still works on."""
    open_ranges = [
        range(row.first_item, row.last_item + 1)
        for row in work.execute(
            "SELECT first_item, last_item FROM runs WHERE analysis_id = :job"
            " AND first_item <= :last AND last_item >= :first AND state IN ('queued', 'running')",
            job=run.analysis_id,
            first=run.first_item,
            last=run.last_item,
        )
    ]
    return [index for index in run.items if not any(index in one for one in open_ranges)]


_FOLD_JOB = """
UPDATE analyses a SET items_done = item_count, finished_at = clock_timestamp(),
    started_at = coalesce(a.started_at,
        (SELECT min(started_at) FROM runs WHERE analysis_id = :id)),
    risk_score = f.risk_score, verdict = f.verdict, action = f.action, degraded = f.degraded,
    state = CASE WHEN NOT f.examined THEN 'failed'
                 WHEN f.degraded THEN 'completed_with_errors' ELSE 'completed' END,
    error = CASE WHEN NOT f.examined THEN :unexamined END
FROM (
    SELECT bool_or(degraded) AS degraded,
        (array_agg(verdict ORDER BY risk_score DESC, first_item))[1] AS verdict,
        (array_agg(action ORDER BY risk_score DESC, first_item))[1] AS action,
        max(risk_score) AS risk_score, bool_or(examined) AS examined
    FROM verdicts WHERE analysis_id = :id
) f WHERE a.id = :id RETURNING a.created_at, a.finished_at, a.watched
"""


def _fold_job(work: UnitOfWork, job: Any) -> None:
    """The worst item speaks for the job. Parts have served their turn."""
    row = work.execute(_FOLD_JOB, id=job.id, unexamined=UNEXAMINED).one()
    if job.options.get("classes") != 1:
        work.execute("DELETE FROM parts WHERE analysis_id = :id", id=job.id)
    work.after_commit(lambda: _ended(job.id, row))
