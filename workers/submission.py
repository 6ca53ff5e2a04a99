"""Accepting a job: rows first, messages after the commit."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg2 import IntegrityError

from core.analysis import Content, EngineClass, Mode
from core.database import UnitOfWork, single, unit_of_work
from core.errors import BadInput, BrokerDown, Conflict
from core.ids import new_id
from core.settings import settings
from engines import calibration
from engines.catalogue import catalogue
from engines.choice import choose
from workers import admission, cache, policies, presence, waiting
from workers.app import KEY_PREFIX, broker_guarded, lane, publish_runs
from workers.chunks import Chunk, cut, rate
from workers.holding import HELD
from workers.wire import contents_to_text

log = logging.getLogger(__name__)

HELD_SECONDS = 30
NO_GPU_WORKER = "no worker of class gpu is up"
SMALL_SECONDS = 0.05
"""Estimated engine time up to which a batch takes the lane of single inputs."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What a caller asks for. `deadline_s` counts from acceptance; `watched` jobs wake a waiter.

    `policy` names one; None takes the application's. `held` is the policy of an earlier job.
    `item_users` and `item_sessions` have one entry per item where these are not all one person's.
    A `background` job takes the lanes of batches however small it is.
    """

    contents: Sequence[Content]
    kind: str = "single"
    mode: Mode = Mode.BALANCED
    engines: tuple[str, ...] = ()
    tenant: str = "default"
    application_id: str = "default"
    session_id: str | None = None
    user_id: str | None = None
    item_users: tuple[str | None, ...] = ()
    item_sessions: tuple[str | None, ...] = ()
    policy: str | None = None
    deadline_s: float = 3600.0
    watched: bool = False
    idempotency_key: str | None = None
    request_hash: bytes | None = None
    held: policies.Version | None = None
    background: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """A job that exists. `replayed` when an Idempotency-Key found it; `cached` when it is over,
    answered from the verdict cache."""

    id: UUID
    created_at: datetime
    replayed: bool = False
    waits_for_gpu: bool = False
    cached: bool = False


@dataclass(frozen=True, slots=True)
class _Plan:
    held: policies.Version
    engines: dict[str, tuple[str, ...]]
    versions: dict[str, str]
    named: bool
    skipped: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def cascade(self) -> bool:
        """Whether the GPU waits for what the CPU engines decide."""
        policy, gpu = self.held.policy, self.engines.get(str(EngineClass.GPU), ())
        waits = len(self.engines) > 1 and not policy.required.issuperset(gpu)
        return policy.cascade and waits and not self.named


def submit(wanted: Submission) -> Accepted:
    """Store the job and send its runs, or answer a repeated input from the verdict cache.

    Raises DatabaseDown; BrokerDown, when nothing was accepted, or with an Idempotency-Key the job
    runs later and a retry finds it; BadInput for an unknown engine or policy, or for a key that was
    used with another body; Conflict while the key's first request is still running; Overloaded when
    the farm cannot be done within the deadline.
    """
    with _first(wanted):
        return _replayed(wanted) or _accept(wanted)


def _accept(wanted: Submission) -> Accepted:
    plan = _plan(wanted)
    job, now = new_id(), datetime.now(UTC)
    key = _cache_key(wanted, plan)
    known = cache.get(key) if key else None
    if known is not None:
        _insert(_INSERT_JUDGED, {**_job_values(job, now, wanted, plan, key), **known})
        return Accepted(job, now, cached=True)
    by = rate([catalogue()[name] for names in plan.engines.values() for name in names])
    chunks = cut(wanted.contents, settings().brain_chunk_size, by)
    runs = _runs(wanted, plan, chunks)
    admission.demand(wanted.tenant, runs, wanted.deadline_s, optional=_optional(wanted))
    _insert(_INSERT, {**_job_values(job, now, wanted, plan, key, runs), **_parts(chunks, runs)})
    try:
        for queue, ids in _by_queue(runs):
            publish_runs(queue, ids)
    except BrokerDown:
        if wanted.idempotency_key or _withdrawn(job):
            raise
        log.warning("the broker failed after job %s had begun; it goes on", job)
    return Accepted(job, now, waits_for_gpu=str(EngineClass.GPU) in plan.engines)


def store(
    work: UnitOfWork, job: UUID, now: datetime, wanted: Submission, chunks: Sequence[Chunk]
) -> list[tuple[str, list[UUID]]]:
    """Store a job over these chunks within a transaction; the runs to send after it, by queue.

    Raises BadInput; Overloaded, as `submit`.
    """
    plan = _plan(wanted)
    runs = _runs(wanted, plan, chunks)
    admission.demand(wanted.tenant, runs, wanted.deadline_s)
    values = {**_job_values(job, now, wanted, plan, None, runs), **_parts(chunks, runs)}
    work.execute(_INSERT, **values)
    return _by_queue(runs)


def _by_queue(runs: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[UUID]]]:
    sent = [run for run in runs if not run["held"]]
    queues = sorted({run["queue"] for run in sent})
    return [(queue, [run["id"] for run in sent if run["queue"] == queue]) for queue in queues]


def _optional(wanted: Submission) -> frozenset[str]:
    """Lanes whose queue need not be short: a guard call goes on without the GPU in time."""
    return frozenset({lane(str(EngineClass.GPU), wanted.kind)} if wanted.kind == "guard" else ())


def _insert(statement: str, values: Mapping[str, Any]) -> None:
    try:
        single(statement, **values)
    except IntegrityError as problem:
        raise Conflict("this Idempotency-Key is being used by another request") from problem


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
    held = wanted.held or policies.resolve(wanted.tenant, wanted.application_id, wanted.policy)
    engines = choose(
        held.policy,
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
    versions = {engine.name: engine.version for engine in engines}
    skipped: dict[str, dict[str, str]] = {}
    gpu = str(EngineClass.GPU)
    if gpu in by_class and not presence.is_up(gpu):
        for name in by_class.pop(gpu):
            skipped[name] = {"version": versions[name], "reason": NO_GPU_WORKER}
    if not by_class:
        by_class[str(EngineClass.CPU)] = ()
    return _Plan(held, by_class, versions, bool(wanted.engines), skipped)


def _cache_key(wanted: Submission, plan: _Plan) -> str | None:
    """What a verdict depends on; None for batches, which would crowd the cache."""
    chosen = settings()
    if wanted.kind == "batch" or not (chosen.brain_cache_enabled and chosen.brain_cache_ttl > 0):
        return None
    return cache.key(
        wanted.contents[0],
        tenant=wanted.tenant,
        policy=f"{plan.held.policy.digest} {calibration.shipped().digest}",
        versions=plan.versions,
        skipped=plan.skipped,
        thresholds=astuple(plan.held.thresholds),
    )


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


def _runs(wanted: Submission, plan: _Plan, chunks: Sequence[Chunk]) -> list[dict[str, Any]]:
    """One run for each engine class and chunk; a batch of one small chunk is no batch."""
    small = len(chunks) == 1 and chunks[0].cost <= SMALL_SECONDS and not wanted.background
    kind = "single" if small else wanted.kind
    return [
        {
            "id": str(new_id()),
            "engine_class": engine_class,
            "queue": lane(engine_class, kind),
            "held": plan.cascade and engine_class == str(EngineClass.GPU),
            "chunk": place,
            "first_item": chunk.first,
            "last_item": chunk.last,
            "engines": list(names),
            "cost": chunk.cost,
        }
        for engine_class, names in plan.engines.items()
        for place, chunk in enumerate(chunks)
    ]


_JOB = """
WITH job AS (
    INSERT INTO analyses (id, tenant, application_id, session_id, user_id, item_users,
        item_sessions, kind, state, mode, policy, options, item_count, runs_left, watched,
        idempotency_key, request_hash, created_at, deadline_at{columns})
    VALUES (:id, :tenant, :application, :session, :user, CAST(:item_users AS text[]),
        CAST(:item_sessions AS text[]), :kind, {state}, :mode, :policy, CAST(:options AS jsonb),
        :items, :left, :watched, :key, :hash, :now, :deadline{values})
)
"""
_INSERT = (
    _JOB.format(columns="", state="'queued'", values="")
    + """
, texts AS (
    INSERT INTO contents (created_at, analysis_id, item_index, tenant, application_id, bodies)
    SELECT :now, :id, first_item, :tenant, :application, CAST(bodies AS json)
    FROM unnest(CAST(:firsts AS int[]), CAST(:bodies AS text[])) AS t (first_item, bodies)
)
INSERT INTO runs (id, tenant, application_id, analysis_id, engine_class, queue, chunk, first_item,
    last_item, engines, cost, state, created_at, published_at)
SELECT r.id, :tenant, :application, :id, r.engine_class,
    CASE WHEN r.held THEN :hold || r.queue ELSE r.queue END, r.chunk, r.first_item,
    r.last_item, r.engines, r.cost, 'queued', :now, :now
FROM jsonb_to_recordset(CAST(:runs AS jsonb)) AS r (id uuid, engine_class text, queue text,
    held boolean, chunk int, first_item int, last_item int, engines text[], cost float)
WHERE set_config('synchronous_commit', :durable, true) IS NOT NULL
"""
)
_INSERT_JUDGED = (
    _JOB.format(
        columns=", cached, items_done, started_at, finished_at, risk_score, verdict, action,"
        " degraded",
        state="'completed'",
        values=", true, :items, :now, clock_timestamp(), :risk_score, :verdict, :action, false",
    )
    + """
INSERT INTO verdicts (analysis_id, first_item, last_item, tenant, application_id, risk_score,
    verdict, action, degraded, examined, risks, actions, engines, body)
VALUES (:id, 0, 0, :tenant, :application, :risk_score, :verdict, :action, false, true,
    ARRAY[CAST(:risk_score AS float)], ARRAY[CAST(:action AS text)], CAST(:engines AS jsonb),
    CAST(:body AS json))
"""
)


def _job_values(
    job: UUID,
    now: datetime,
    wanted: Submission,
    plan: _Plan,
    key: str | None,
    runs: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """A guard call is answered from its verdict, whose commit makes all before it durable."""
    options: dict[str, Any] = {
        "engines": list(wanted.engines),
        "skipped": plan.skipped,
        "runs": len(runs),
        "classes": len(plan.engines),
        "cascade": plan.cascade,
        **plan.held.held(),
    }
    if key:
        options["cache"] = key
    return {
        "id": job,
        "tenant": wanted.tenant,
        "application": wanted.application_id,
        "session": wanted.session_id,
        "user": wanted.user_id,
        "item_users": _any(wanted.item_users),
        "item_sessions": _any(wanted.item_sessions),
        "kind": wanted.kind,
        "mode": str(wanted.mode),
        "policy": plan.held.policy.name,
        "options": json.dumps(options),
        "items": len(wanted.contents),
        "left": len(runs),
        "watched": wanted.watched,
        "key": wanted.idempotency_key,
        "hash": wanted.request_hash,
        "now": now,
        "deadline": now + timedelta(seconds=wanted.deadline_s),
        "durable": "off" if wanted.kind == "guard" else "on",
    }


def _any(names: Sequence[str | None]) -> list[str | None] | None:
    return list(names) if any(names) else None


def _parts(chunks: Sequence[Chunk], runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "firsts": [chunk.first for chunk in chunks],
        "bodies": [contents_to_text(chunk.contents) for chunk in chunks],
        "runs": json.dumps(runs),
        "hold": HELD,
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
