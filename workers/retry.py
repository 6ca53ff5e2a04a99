"""Doing the failed part of a job again, as a new job that takes over what went well.

The old job stays as it ended. The new one has as many items: verdicts without a fault are copied,
the other items run again with the engines of today, judged by the policy of then.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from core.analysis import TERMINAL_STATES, Content, Mode
from core.database import UnitOfWork, unit_of_work
from core.errors import Conflict, NotFound
from core.ids import new_id
from core.settings import settings
from engines.catalogue import select
from workers import policies, submission, verdicts
from workers.app import publish_runs
from workers.chunks import Chunk, cut, rate
from workers.runs import contents_between
from workers.submission import Accepted, Submission
from workers.verdicts import Verdicts


def retry(job_id: UUID, tenant: str) -> Accepted:
    """The job that does the failed part again: a new one, or the one that an earlier call made.

    Raises NotFound; Conflict while the job is open, when nothing of it failed, or when retention
    has dropped its content; what `submission.submit` raises.
    """
    with unit_of_work() as work:
        old = work.execute(
            "SELECT * FROM analyses WHERE id = :id AND tenant = :tenant FOR UPDATE",
            id=job_id,
            tenant=tenant,
        ).one_or_none()
        if old is None:
            raise NotFound(f"there is no analysis {job_id}; list GET /api/v1/analyses")
        if old.state not in TERMINAL_STATES:
            raise Conflict(f"the analysis is {old.state}; wait for its end or cancel it")
        if earlier := _earlier(work, job_id):
            return earlier
        accepted, runs = _begin(work, old)
        for queue, ids in runs:
            work.after_commit(_sender(queue, ids))
    return accepted


def _sender(queue: str, ids: list[UUID]) -> Any:
    return lambda: publish_runs(queue, ids)


def _earlier(work: UnitOfWork, job_id: UUID) -> Accepted | None:
    row = work.execute(
        "SELECT id, created_at FROM analyses WHERE retry_of = :id"
        " AND state NOT IN ('failed', 'cancelled', 'expired') ORDER BY id DESC LIMIT 1",
        id=job_id,
    ).one_or_none()
    return None if row is None else Accepted(row.id, row.created_at, replayed=True)


def _begin(work: UnitOfWork, old: Any) -> tuple[Accepted, list[tuple[str, list[UUID]]]]:
    """What is taken over counts as runs of the new job, so that its last run folds it over all."""
    good = list(_good(work, old.id))
    done = {index for one in good for index in range(one.first_item, one.last_item + 1)}
    failed = [index for index in range(old.item_count) if index not in done]
    if not failed:
        raise Conflict("nothing of this analysis failed; there is nothing to retry")
    chunks = [chunk for part in _neighbours(failed) for chunk in _chunks(old, part)]
    wanted = Submission(
        contents=[content for chunk in chunks for content in chunk.contents],
        kind=old.kind if old.kind == "batch" else "single",
        mode=Mode(old.mode),
        engines=tuple(old.options.get("engines", ())),
        tenant=old.tenant,
        application_id=old.application_id,
        session_id=old.session_id,
        user_id=old.user_id,
        item_users=tuple(old.item_users or ()),
        item_sessions=tuple(old.item_sessions or ()),
        held=policies.version_of(old.options),
        deadline_s=settings().job_deadline,
    )
    job, now = new_id(), datetime.now(UTC)
    runs = submission.store(work, job, now, wanted, chunks)
    work.execute(
        "UPDATE analyses SET retry_of = :old, item_count = :items, items_done = :done,"
        " options = jsonb_set(options, '{runs}', to_jsonb(:parts)) WHERE id = :id",
        id=job,
        old=old.id,
        items=old.item_count,
        done=len(done),
        parts=len(good) + sum(len(ids) for _, ids in runs),
    )
    for one in good:
        verdicts.insert(work, job, old.tenant, old.application_id, one)
    return Accepted(job, now), runs


def _good(work: UnitOfWork, job: UUID) -> Iterator[Verdicts]:
    """The parts of the job's verdicts in which nothing failed."""
    for row in work.execute(
        "SELECT first_item, CAST(body AS text) AS body FROM verdicts WHERE analysis_id = :id"
        " ORDER BY first_item",
        id=job,
    ):
        body = verdicts.parse(row.body)
        bad = set(verdicts.failed_places(body))
        places = [place for place in range(len(body["items"])) if place not in bad]
        for part in _neighbours(places):
            yield verdicts.of_body(
                row.first_item + part[0], verdicts.slice_of(body, part[0], part[-1] + 1)
            )


def _neighbours(indices: Sequence[int]) -> Iterator[list[int]]:
    """The indices in runs without a gap."""
    for _, group in itertools.groupby(enumerate(indices), key=lambda pair: pair[1] - pair[0]):
        yield [index for _, index in group]


def _chunks(old: Any, part: Sequence[int]) -> list[Chunk]:
    contents: list[Content] = contents_between(old.created_at, old.id, part[0], part[-1])
    if len(contents) != len(part):
        raise Conflict("retention has dropped the content of this analysis; submit it anew")
    by = rate(select(Mode(old.mode)))
    return [
        Chunk(part[0] + chunk.first, chunk.contents, chunk.cost)
        for chunk in cut(contents, settings().brain_chunk_size, by)
    ]
