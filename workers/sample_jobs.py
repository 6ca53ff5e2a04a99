"""Submits the text of chosen events to analysis, in batches, as the farm has time for it.

Only while the batch lanes have next to nothing to do: what customers send comes first, and
ingestion waits for nobody.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from core.analysis import Content, Mode
from core.configfile import parse_duration
from core.database import UnitOfWork, unit_of_work
from core.errors import BadInput, Overloaded
from core.ids import new_id
from core.metrics import TELEMETRY_SAMPLES
from core.settings import settings
from engines.catalogue import select
from workers import admission, submission
from workers.app import BATCH_QUEUES, app, lane, publish_runs
from workers.chunks import Rate, cost, cut, rate
from workers.submission import Submission
from workers.task import periodic

log = logging.getLogger(__name__)

SPARE_SECONDS = 0.5
"""Samples are submitted while less than this is projected to wait in each batch lane."""
WORK_SECONDS = 1.0
"""Projected time of the samples that are submitted at once."""
MOST = 500
PATIENCE = timedelta(hours=1)
"""A sample for which the farm had no time for so long is given up."""
LONGEST = 1_000_000
"""Characters of text beyond which an event is not analysed."""
LOCK = 0x5E471E5

Runs = list[tuple[str, list[UUID]]]
"""Runs to send, by queue."""


@periodic(lambda: 1.0, "io")
@app.task(name="telemetry.analyze")
def analyze_samples() -> int:
    """Submit what was chosen while the batch lanes are idle; returns how many events.

    The queue is that of ingestion, whose backlog lets the tick expire.
    """
    load = admission.look()
    if not idle(load):
        return 0
    with unit_of_work() as work:
        if not work.execute("SELECT pg_try_advisory_xact_lock(:lock)", lock=LOCK).scalar_one():
            return 0
        return _submit(work, load)


def idle(load: admission.Load) -> bool:
    """Whether the batch lanes have time for samples."""
    return all(load.wait(queue) <= SPARE_SECONDS for queue in BATCH_QUEUES)


_WAITING = """
SELECT a.tenant, a.application_id, a.event_id, t.user_id, t.session_id, c.prompt, c.response,
    c.event_id IS NULL OR coalesce(length(c.prompt), 0) + coalesce(length(c.response), 0)
    NOT BETWEEN 1 AND :longest AS unfit
FROM (SELECT * FROM telemetry_analyses WHERE analysis_id IS NULL ORDER BY chosen_at LIMIT :most
    FOR UPDATE SKIP LOCKED) AS a
LEFT JOIN telemetry_contents c ON c.tenant = a.tenant AND c.application_id = a.application_id
    AND c.event_id = a.event_id AND c.ts = a.ts
LEFT JOIN telemetry t ON t.tenant = a.tenant AND t.application_id = a.application_id
    AND t.event_id = a.event_id AND t.ts = a.ts
ORDER BY a.tenant, a.application_id, a.chosen_at
"""


def _submit(work: UnitOfWork, load: admission.Load) -> int:
    rows = work.execute(_WAITING, longest=LONGEST, most=MOST).all()
    refused = [row for row in rows if row.unfit]
    mode = Mode(settings().telemetry_analyze_mode)
    by = rate(select(mode))
    fit = affordable([row for row in rows if not row.unfit], by, load)
    runs: Runs = []
    done = 0
    for _, group in groupby(fit, key=lambda row: (row.tenant, row.application_id)):
        part = list(group)
        try:
            runs += _submit_one(work, part, mode, by)
            done += len(part)
        except Overloaded as problem:
            log.debug("samples wait: %s", problem)
        except BadInput as problem:
            log.warning("samples of %s cannot be analysed: %s", part[0].application_id, problem)
            refused += part
    _drop(work, refused)
    work.after_commit(lambda: TELEMETRY_SAMPLES.labels("submitted").inc(done))
    work.after_commit(lambda: TELEMETRY_SAMPLES.labels("refused").inc(len(refused)))
    work.after_commit(lambda: _send(runs))
    return done


def _send(runs: Runs) -> None:
    """What the broker does not take now, rescue sends later."""
    for queue, ids in runs:
        publish_runs(queue, ids)


def affordable(rows: Sequence[Any], by: Rate, load: admission.Load) -> list[Any]:
    """As many from the front as WORK_SECONDS allow, one at least."""
    queue, spent = lane("cpu", "batch"), 0.0
    for place, row in enumerate(rows):
        spent += load.work(queue, cost(_content(row), by))
        if spent > WORK_SECONDS and place:
            return list(rows[:place])
    return list(rows)


def _submit_one(work: UnitOfWork, rows: Sequence[Any], mode: Mode, by: Rate) -> Runs:
    """One job for events of one application. Raises BadInput and Overloaded."""
    contents = [_content(row) for row in rows]
    job = new_id()
    wanted = Submission(
        contents=contents,
        kind="batch",
        mode=mode,
        tenant=rows[0].tenant,
        application_id=rows[0].application_id,
        item_users=tuple(row.user_id for row in rows),
        item_sessions=tuple(row.session_id for row in rows),
        deadline_s=settings().job_deadline,
        background=True,
    )
    chunks = cut(contents, settings().brain_chunk_size, by)
    runs = submission.store(work, job, datetime.now(UTC), wanted, chunks)
    work.execute(
        "UPDATE telemetry_analyses t SET analysis_id = :job, item_index = e.place - 1"
        " FROM unnest(CAST(:events AS text[])) WITH ORDINALITY AS e (id, place)"
        " WHERE t.tenant = :tenant AND t.application_id = :application AND t.event_id = e.id",
        job=job,
        events=[row.event_id for row in rows],
        tenant=rows[0].tenant,
        application=rows[0].application_id,
    )
    return runs


def _content(row: Any) -> Content:
    return Content(text=row.prompt or "", response=row.response)


def _drop(work: UnitOfWork, rows: Sequence[Any]) -> None:
    for row in rows:
        work.execute(
            "DELETE FROM telemetry_analyses WHERE tenant = :tenant AND event_id = :event"
            " AND application_id = :application",
            tenant=row.tenant,
            application=row.application_id,
            event=row.event_id,
        )


@periodic(lambda: 600.0, "control")
@app.task(name="telemetry.forget_samples")
def forget() -> dict[str, int]:
    """Give up what waited too long, and forget links whose events retention has dropped."""
    kept = timedelta(seconds=parse_duration(settings().retention_raw)) + timedelta(days=1)
    with unit_of_work() as work:
        given_up = work.execute(
            "DELETE FROM telemetry_analyses WHERE analysis_id IS NULL"
            " AND chosen_at < now() - :patience",
            patience=PATIENCE,
        ).rowcount
        forgotten = work.execute(
            "DELETE FROM telemetry_analyses WHERE chosen_at < now() - :kept", kept=kept
        ).rowcount
    TELEMETRY_SAMPLES.labels("given_up").inc(given_up)
    changed = {"given_up": given_up, "forgotten": forgotten}
    if any(changed.values()):
        log.info("samples", extra=changed)
    return changed
