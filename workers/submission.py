"""Accepting a job: rows first, messages after the commit."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg2 import IntegrityError

from core.analysis import Content, EngineClass, Mode
from core.database import single, unit_of_work
from core.errors import BadInput, BrokerDown, Conflict
from core.ids import new_id
from core.settings import settings
from engines.catalogue import select
from workers import presence, waiting
from workers.app import KEY_PREFIX, broker_guarded, lane, publish_runs
from workers.wire import content_to_row

log = logging.getLogger(__name__)

HELD_SECONDS = 30
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

    Raises DatabaseDown; BrokerDown, when nothing was accepted, or with an Idempotency-Key the job
    runs later and a retry finds it; BadInput for an unknown engine or for a key that was used with
    another body; Conflict while the key's first request is still running.
    """
    with _first(wanted):
        return _replayed(wanted) or _accept(wanted)


def _accept(wanted: Submission) -> Accepted:
    plan = _plan(wanted)
    job, now = new_id(), datetime.now(UTC)
    runs = _runs(wanted, plan)
    try:
        single(_INSERT, **_values(job, now, wanted, plan, runs))
    except IntegrityError as problem:
        raise Conflict("this Idempotency-Key is being used by another request") from problem
    try:
        for queue in sorted({run["queue"] for run in runs}):
            publish_runs(queue, [run["id"] for run in runs if run["queue"] == queue])
    except BrokerDown:
        if wanted.idempotency_key or _withdrawn(job):
            raise
        log.warning("the broker failed after job %s had begun; it goes on", job)
    return Accepted(job, now, waits_for_gpu=str(EngineClass.GPU) in plan.engines)


@contextmanager
def _first(wanted: Submission) -> Iterator[None]:
    """Hold the Idempotency-Key while its request runs. Raises Conflict while another holds it."""
    if wanted.idempotency_key is None:
        yield
        return
    name = f"{KEY_PREFIX}idempotency:{wanted.tenant}:{wanted.idempotency_key}"
    if not broker_guarded(lambda: waiting.client().set(name, 1, nx=True, ex=HELD_SECONDS)):
        raise Conflict("the first request with this Idempotency-Key is still running; retry")
    try:
        yield
    finally:
        with suppress(BrokerDown):
            broker_guarded(lambda: waiting.client().delete(name))


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
    rows = single(
        "SELECT id, created_at, request_hash FROM analyses"
        " WHERE tenant = :tenant AND idempotency_key = :key",
        tenant=wanted.tenant,
        key=wanted.idempotency_key,
    )
    if not rows:
        return None
    row = rows[0]
    if wanted.request_hash is None or bytes(row.request_hash) != wanted.request_hash:
        raise BadInput(
            "this Idempotency-Key was used with another body; take a new key for a new request",
            field="Idempotency-Key",
        )
    return Accepted(row.id, row.created_at, replayed=True)


def _runs(wanted: Submission, plan: _Plan) -> list[dict[str, Any]]:
    """One run for each engine class and chunk of items."""
    size, count = settings().brain_chunk_size, len(wanted.contents)
    return [
        {
            "id": str(new_id()),
            "engine_class": engine_class,
            "queue": lane(engine_class, wanted.kind),
            "chunk": chunk,
            "first_item": first,
            "last_item": min(first + size, count) - 1,
            "engines": list(names),
        }
        for engine_class, names in plan.engines.items()
        for chunk, first in enumerate(range(0, count, size))
    ]


_INSERT = """
WITH job AS (
    INSERT INTO analyses (id, tenant, application_id, session_id, kind, state, mode, policy,
        options, item_count, runs_left, watched, idempotency_key, request_hash, created_at,
        deadline_at)
    VALUES (:id, :tenant, :application, :session, :kind, 'queued', :mode, :policy,
        CAST(:options AS jsonb), :items, :left, :watched, :key, :hash, :now, :deadline)
), texts AS (
    INSERT INTO contents (created_at, analysis_id, item_index, tenant, application_id, body)
    SELECT :now, :id, place - 1, :tenant, :application, body
    FROM jsonb_array_elements(CAST(:bodies AS jsonb)) WITH ORDINALITY AS t (body, place)
)
INSERT INTO runs (id, tenant, application_id, analysis_id, engine_class, queue, chunk, first_item,
    last_item, engines, state, created_at, published_at)
SELECT r.id, :tenant, :application, :id, r.engine_class, r.queue, r.chunk, r.first_item,
    r.last_item, r.engines, 'queued', :now, :now
FROM jsonb_to_recordset(CAST(:runs AS jsonb)) AS r (id uuid, engine_class text, queue text,
    chunk int, first_item int, last_item int, engines text[])
WHERE set_config('synchronous_commit', :durable, true) IS NOT NULL
"""


def _values(
    job: UUID, now: datetime, wanted: Submission, plan: _Plan, runs: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """A guard call is answered from its verdict, whose commit makes all before it durable."""
    chosen = settings()
    options = {
        "engines": list(wanted.engines),
        "skipped": plan.skipped,
        "runs": len(runs),
        "classes": len(plan.engines),
        "thresholds": [chosen.audit_threshold, chosen.warn_threshold, chosen.block_threshold],
    }
    return {
        "id": job,
        "tenant": wanted.tenant,
        "application": wanted.application_id,
        "session": wanted.session_id,
        "kind": wanted.kind,
        "mode": str(wanted.mode),
        "policy": wanted.policy,
        "options": json.dumps(options),
        "items": len(wanted.contents),
        "left": len(runs),
        "watched": wanted.watched,
        "key": wanted.idempotency_key,
        "hash": wanted.request_hash,
        "now": now,
        "deadline": now + timedelta(seconds=wanted.deadline_s),
        "bodies": json.dumps([content_to_row(content) for content in wanted.contents]),
        "runs": json.dumps(runs),
        "durable": "off" if wanted.kind == "guard" else "on",
    }


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
