"""The end of a run: stored once, and folded into items and job by whoever brings the last part.

Lock order everywhere: runs by id, then their job.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg2.extras import Json

from core.analysis import EngineResult, JobState, Judgement, Outcome, Thresholds
from core.database import UnitOfWork, single, unit_of_work
from core.metrics import ANALYSIS_SECONDS, ENGINES_TRIGGERED
from engines.verdict import judge
from workers import waiting
from workers.runs import Run
from workers.wire import judgement_to_row, result_from_row, result_to_row

log = logging.getLogger(__name__)

UNEXAMINED = "no engine gave an answer"


def finish(
    run: Run, results: Sequence[Sequence[EngineResult]], *, state: str = "done", error: str = ""
) -> bool:
    """Store a run's results, one list per item, and fold what is complete.

    False, with nothing written, when the attempt is no longer the current one.
    """
    stored = _finish_sole if run.options.get("runs") == 1 else _finish_part
    if stored(run, results, state, error):
        return True
    log.info("late result of run %s attempt %d discarded", run.id, run.attempt)
    return False


_FINISH_SOLE = """
WITH closed AS (
    UPDATE runs SET state = :run_state, finished_at = now(), lease_until = NULL,
        error = nullif(:run_error, '')
    WHERE id = :run AND attempt = :attempt AND state = 'running' RETURNING analysis_id
), job AS (
    UPDATE analyses a SET runs_left = 0, items_done = item_count, state = :state,
        finished_at = clock_timestamp(), risk_score = :risk_score, verdict = :verdict,
        action = :action, degraded = :degraded, error = :error
    FROM closed c WHERE a.id = c.analysis_id AND a.state IN ('queued', 'running') RETURNING a.*
), stored AS (
    INSERT INTO results (analysis_id, item_index, engine_class, tenant, application_id, run_id,
        attempt, engines)
    SELECT job.id, r.item_index, :engine_class, job.tenant, job.application_id, :run, :attempt,
        r.engines
    FROM job, jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (item_index int, engines jsonb)
    ON CONFLICT DO NOTHING
), judged AS (
    INSERT INTO items (analysis_id, item_index, tenant, application_id, risk_score, verdict,
        action, degraded, judgement)
    SELECT job.id, r.item_index, job.tenant, job.application_id, r.risk_score, r.verdict,
        r.action, r.degraded, r.judgement
    FROM job, jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (item_index int,
        risk_score double precision, verdict text, action text, degraded boolean, judgement jsonb)
    ON CONFLICT DO NOTHING
)
SELECT created_at, finished_at, watched FROM job
"""


def _finish_sole(
    run: Run, results: Sequence[Sequence[EngineResult]], state: str, error: str
) -> bool:
    """The whole job is this run: fold it here and write everything in one statement."""
    thresholds = Thresholds(*run.options["thresholds"])
    judged = [judge([*item, *_skipped(run.options)], thresholds) for item in results]
    rows = [
        {
            "item_index": index,
            "engines": [result_to_row(result) for result in item],
            "risk_score": judgement.risk_score,
            "verdict": judgement.verdict,
            "action": judgement.action,
            "degraded": judgement.degraded,
            "judgement": judgement_to_row(judgement),
        }
        for index, item, judgement in zip(run.items, results, judged, strict=True)
    ]
    written = single(
        _FINISH_SOLE,
        run=run.id,
        attempt=run.attempt,
        run_state=state,
        run_error=error,
        engine_class=run.engine_class,
        rows=json.dumps(rows),
        **fold(judged),
    )
    if not written:
        return False
    for judgement in judged:
        for engine in judgement.engines_triggered:
            ENGINES_TRIGGERED.labels(engine).inc()
    _ended(run.analysis_id, written[0])
    return True


def fold(judged: Sequence[Judgement]) -> dict[str, Any]:
    """The job's columns from its items' judgements: the worst item speaks for the job."""
    worst = max(judged, key=lambda judgement: judgement.risk_score)
    degraded = any(judgement.degraded for judgement in judged)
    examined = any(judgement.engines_run for judgement in judged)
    state = JobState.COMPLETED_WITH_ERRORS if degraded else JobState.COMPLETED
    return {
        "state": str(state if examined else JobState.FAILED),
        "error": None if examined else UNEXAMINED,
        "risk_score": worst.risk_score,
        "verdict": str(worst.verdict),
        "action": str(worst.action),
        "degraded": degraded,
    }


def _finish_part(
    run: Run, results: Sequence[Sequence[EngineResult]], state: str, error: str
) -> bool:
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
            return False
        store_results(work, run, results)
    return True


def _skipped(options: Mapping[str, Any]) -> list[EngineResult]:
    """The engines that the submission left out, with their reasons."""
    return [
        EngineResult(name, about["version"], Outcome.SKIPPED, reason=about["reason"])
        for name, about in options.get("skipped", {}).items()
    ]


def _ended(job: UUID, row: Any) -> None:
    ANALYSIS_SECONDS.observe((row.finished_at - row.created_at).total_seconds())
    if row.watched:
        waiting.announce(job)


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
    judged = _fold_items(work, run, job, results)
    if job.runs_left == 0:
        _fold_job(work, job)
    elif judged:
        work.execute(
            "UPDATE analyses SET items_done = items_done + :n WHERE id = :id",
            n=len(judged),
            id=job.id,
        )


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


def _together(
    work: UnitOfWork, run: Run, job: Any, results: Sequence[Sequence[EngineResult]]
) -> dict[int, list[EngineResult]]:
    """Every class's results on the items that are decided now, by item."""
    own = dict(zip(run.items, results, strict=True))
    skipped = _skipped(job.options)
    if job.options.get("classes") == 1:
        return {index: [*item, *skipped] for index, item in own.items()}
    decided = {index: [*own[index], *skipped] for index in _decided_items(work, run)}
    for row in work.execute(
        "SELECT item_index, engines FROM results WHERE analysis_id = :job"
        " AND engine_class <> :own AND item_index = ANY(:items)",
        job=run.analysis_id,
        own=run.engine_class,
        items=list(decided),
    ):
        decided[row.item_index].extend(result_from_row(result) for result in row.engines)
    return decided


def _fold_items(
    work: UnitOfWork, run: Run, job: Any, results: Sequence[Sequence[EngineResult]]
) -> list[Judgement]:
    """Judge the items for which this run brought the last result."""
    together = _together(work, run, job, results)
    thresholds = Thresholds(*job.options["thresholds"])
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
    state = CASE WHEN NOT f.examined THEN 'failed'
                 WHEN f.degraded THEN 'completed_with_errors' ELSE 'completed' END,
    error = CASE WHEN NOT f.examined THEN :unexamined END
FROM (
    SELECT bool_or(degraded) AS degraded,
        (array_agg(verdict ORDER BY risk_score DESC, item_index))[1] AS verdict,
        (array_agg(action ORDER BY risk_score DESC, item_index))[1] AS action,
        max(risk_score) AS risk_score,
        bool_or(judgement -> 'engines_run' <> '[]') AS examined
    FROM items WHERE analysis_id = :id
) f WHERE a.id = :id RETURNING a.created_at, a.finished_at, a.watched
"""


def _fold_job(work: UnitOfWork, job: Any) -> None:
    """As `fold`, over the items that many runs have written."""
    row = work.execute(_FOLD_JOB, id=job.id, unexamined=UNEXAMINED).one()
    work.after_commit(lambda: _ended(job.id, row))
