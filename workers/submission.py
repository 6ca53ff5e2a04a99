"""Accepting a job: rows first, messages after the commit."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg2.extras import Json
from sqlalchemy.exc import IntegrityError

from core.analysis import Content, EngineClass, Mode
from core.database import UnitOfWork, unit_of_work
from core.errors import BadInput, BrokerDown, Conflict
from core.ids import new_id
from core.settings import settings
from engines.catalogue import select
from workers import presence
from workers.app import publish_runs
from workers.wire import content_to_row

log = logging.getLogger(__name__)

NO_GPU_WORKER = "no worker of class gpu is up"


@dataclass(frozen=True, slots=True)
class Submission:
    """What a caller asks for. `deadline_s` counts from acceptance; `watched` jobs wake a waiter."""

    contents: Sequence[Content]
    kind: str = "single"
    mode: Mode = Mode.BALANCED
    engines: tuple[str, ...] = ()
    tenant: str = "default"
    application_id: str = "default"
    session_id: str | None = None
    policy: str = "default"
    deadline_s: float = 3600.0
    watched: bool = False
    idempotency_key: str | None = None
    request_hash: bytes | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A job that exists. `replayed` when an Idempotency-Key found it."""

    id: UUID
    created_at: datetime
    replayed: bool = False
    waits_for_gpu: bool = False


@dataclass(frozen=True, slots=True)
class _Plan:
    engines: dict[str, tuple[str, ...]]
    skipped: dict[str, dict[str, str]] = field(default_factory=dict)


def submit(wanted: Submission) -> Accepted:
    """Store the job and send its runs.

    Raises BadInput for an unknown engine, DatabaseDown, BrokerDown (then nothing was accepted),
    Conflict for an Idempotency-Key that was used with another body.
    """
    plan = _plan(wanted)
    if earlier := _replayed(wanted):
        return earlier
    job, now = new_id(), datetime.now(UTC)
    runs: dict[str, list[UUID]] = {}
    try:
        with unit_of_work() as work:
            if wanted.kind == "guard":
                work.relax()
            _insert_job(work, job, now, wanted, plan)
            runs = _insert_parts(work, job, now, wanted, plan)
    except IntegrityError as problem:
        if wanted.idempotency_key and (earlier := _replayed(wanted)):
            return earlier
        raise Conflict() from problem
    try:
        for queue, ids in runs.items():
            publish_runs(queue, ids)
    except BrokerDown:
        if _withdrawn(job):
            raise
        log.warning("the broker failed after job %s had begun; it goes on", job)
    return Accepted(job, now, waits_for_gpu=str(EngineClass.GPU) in runs)


def _plan(wanted: Submission) -> _Plan:
    chosen = settings()
    engines = select(
        wanted.mode,
        wanted.engines or None,
        enabled=chosen.enabled_engines,
        disabled=chosen.disabled_engines,
    )
    if not engines:
        raise BadInput("no engine is left to run; name others or change the mode", field="engines")
    by_class: dict[str, tuple[str, ...]] = {}
    for engine in engines:
        queue = str(engine.engine_class)
        by_class[queue] = (*by_class.get(queue, ()), engine.name)
    skipped: dict[str, dict[str, str]] = {}
    gpu = str(EngineClass.GPU)
    if gpu in by_class and not presence.is_up(gpu):
        versions = {engine.name: engine.version for engine in engines}
        for name in by_class.pop(gpu):
            skipped[name] = {"version": versions[name], "reason": NO_GPU_WORKER}
    if not by_class:
        by_class[str(EngineClass.CPU)] = ()
    return _Plan(by_class, skipped)


def _replayed(wanted: Submission) -> Accepted | None:
    if wanted.idempotency_key is None:
        return None
    with unit_of_work() as work:
        row = work.execute(
            "SELECT id, created_at, request_hash FROM analyses"
            " WHERE tenant = :tenant AND idempotency_key = :key",
            tenant=wanted.tenant,
            key=wanted.idempotency_key,
        ).one_or_none()
    if row is None:
        return None
    if wanted.request_hash is None or bytes(row.request_hash) != wanted.request_hash:
        raise BadInput(
            "this Idempotency-Key was used with another body; take a new key for a new request",
            field="Idempotency-Key",
        )
    return Accepted(row.id, row.created_at, replayed=True)


def _insert_job(
    work: UnitOfWork, job: UUID, now: datetime, wanted: Submission, plan: _Plan
) -> None:
    chosen = settings()
    size = chosen.brain_chunk_size
    chunks = -(-len(wanted.contents) // size)
    options: dict[str, Any] = {
        "engines": list(wanted.engines),
        "skipped": plan.skipped,
        "chunk": size,
        "thresholds": [chosen.audit_threshold, chosen.warn_threshold, chosen.block_threshold],
    }
    work.execute(
        "INSERT INTO analyses (id, tenant, application_id, session_id, kind, state, mode, policy,"
        " options, item_count, runs_left, watched, idempotency_key, request_hash, created_at,"
        " deadline_at) VALUES (:id, :tenant, :application, :session, :kind, 'queued', :mode,"
        " :policy, CAST(:options AS jsonb), :items, :runs, :watched, :key, :hash, :now, :deadline)",
        id=job,
        tenant=wanted.tenant,
        application=wanted.application_id,
        session=wanted.session_id,
        kind=wanted.kind,
        mode=str(wanted.mode),
        policy=wanted.policy,
        options=Json(options).dumps(options),
        items=len(wanted.contents),
        runs=chunks * len(plan.engines),
        watched=wanted.watched,
        key=wanted.idempotency_key,
        hash=wanted.request_hash,
        now=now,
        deadline=now + timedelta(seconds=wanted.deadline_s),
    )


def _insert_parts(
    work: UnitOfWork, job: UUID, now: datetime, wanted: Submission, plan: _Plan
) -> dict[str, list[UUID]]:
    owner = (wanted.tenant, wanted.application_id)
    work.insert_many(
        "INSERT INTO contents (created_at, analysis_id, item_index, tenant, application_id, body)"
        " VALUES %s",
        [
            (now, str(job), index, *owner, Json(content_to_row(content)))
            for index, content in enumerate(wanted.contents)
        ],
    )
    size = settings().brain_chunk_size
    runs: dict[str, list[UUID]] = {}
    rows = []
    for queue, names in plan.engines.items():
        for chunk, first in enumerate(range(0, len(wanted.contents), size)):
            last = min(first + size, len(wanted.contents)) - 1
            run = new_id()
            runs.setdefault(queue, []).append(run)
            rows.append(
                (
                    str(run),
                    *owner,
                    str(job),
                    queue,
                    chunk,
                    first,
                    last,
                    list(names),
                    "queued",
                    now,
                    now,
                )
            )
    work.insert_many(
        "INSERT INTO runs (id, tenant, application_id, analysis_id, engine_class, chunk,"
        " first_item, last_item, engines, state, created_at, published_at) VALUES %s",
        rows,
    )
    return runs


def _withdrawn(job: UUID) -> bool:
    """Undo an acceptance that could not be handed over; False when a worker has begun already."""
    with unit_of_work() as work:
        work.execute("SELECT id FROM runs WHERE analysis_id = :id ORDER BY id FOR UPDATE", id=job)
        gone = work.execute(
            "DELETE FROM analyses WHERE id = :id AND state = 'queued' AND NOT EXISTS"
            " (SELECT FROM runs WHERE analysis_id = :id AND state <> 'queued')"
            " RETURNING created_at",
            id=job,
        ).one_or_none()
        if gone is not None:
            work.execute(
                "DELETE FROM contents WHERE created_at = :at AND analysis_id = :id",
                at=gone.created_at,
                id=job,
            )
    return gone is not None
