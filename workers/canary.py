"""Canaries: small tasks that show, queue by queue, that somebody takes work from it and does it.

A heartbeat comes from a worker's main process, also while its pool hangs; a canary goes through the
pool. Queues are first in, first out, so a canary may wait: any task that ended well, and any run
whose lease is renewed, proves as much.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from celery import signals

from core.database import TROUBLE, single
from workers import presence
from workers.app import QUEUES, app, broker_guarded
from workers.queues import queue_lengths
from workers.runs import LEASE_SECONDS

log = logging.getLogger(__name__)

EVERY_SECONDS = 5.0
EXPIRES_SECONDS = 10.0
CROWD = 10
"""Where so many messages wait no canary joins them: the work before it is the proof."""
SILENT_SECONDS = 15.0
"""A queue without proof of work for so long is not served, whatever its heartbeats say."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The newest proof that work of a queue is done.

    `asked` when a canary was sent since, or left out because of the crowd. Without that an old
    proof is not a bad sign: where neither rescue nor anybody else asks, nothing answers.
    """

    age_s: float
    asked: bool

    @property
    def silent(self) -> bool:
        """Whether the queue was asked and has not answered for too long."""
        return self.asked and self.age_s > SILENT_SECONDS


_NEVER = Proof(math.inf, True)

_PROOFS = """
WITH began AS (
    SELECT queue, min(started_at) AS at FROM worker_heartbeats, unnest(queues) AS queue
    WHERE seen_at > now() - make_interval(secs => :fresh) GROUP BY 1
), found AS (
    SELECT queue, seen_at AS proven, sent_at FROM canaries
    UNION ALL
    SELECT unnest(coalesce(w.queues, ARRAY[r.queue])),
        r.lease_until - make_interval(secs => :lease), NULL
    FROM runs r LEFT JOIN worker_heartbeats w ON w.name = r.worker
    WHERE r.state = 'running' AND r.lease_until > now()
), newest AS (
    SELECT queue, max(sent_at) AS sent, max(proven) AS proven FROM found GROUP BY 1
)
SELECT n.queue, extract(epoch FROM now() - n.proven)::float AS age,
    coalesce(n.sent > n.proven, false) AS asked
FROM newest n LEFT JOIN began b ON b.queue = n.queue
WHERE n.proven >= coalesce(b.at, '-infinity')
"""


def proofs() -> Mapping[str, Proof]:
    """The newest proof by queue; a queue without any is left out. Raises DatabaseDown.

    What was done before any of the present workers began proves nothing for them. A run proves
    something for every queue of its worker: who serves two lanes with one process and is busy
    with a batch is not dead for single inputs.
    """
    rows = single(_PROOFS, lease=LEASE_SECONDS, fresh=presence.FRESH_SECONDS)
    return {row.queue: Proof(max(row.age, 0.0), row.asked) for row in rows}


def proof_of(queue: str, known: Mapping[str, Proof]) -> Proof:
    """The proof of a queue; infinitely old where there is none."""
    return known.get(queue, _NEVER)


_DUE = """
SELECT DISTINCT q.queue FROM worker_heartbeats w
CROSS JOIN LATERAL unnest(w.queues) AS q (queue) LEFT JOIN canaries c ON c.queue = q.queue
WHERE w.seen_at > now() - make_interval(secs => :fresh)
    AND (c.sent_at IS NULL OR c.sent_at < now() - make_interval(secs => :every))
ORDER BY 1
"""
_CLAIM = """
INSERT INTO canaries AS c (queue, sent_at)
SELECT queue, now() FROM unnest(CAST(:queues AS text[])) AS queue
WHERE set_config('synchronous_commit', 'off', true) IS NOT NULL ORDER BY 1
ON CONFLICT (queue) DO UPDATE SET sent_at = now()
WHERE c.sent_at IS NULL OR c.sent_at < now() - make_interval(secs => :every)
RETURNING queue
"""


def send_due() -> int:
    """Send a canary into each served queue that has had none for EVERY_SECONDS; returns how many.

    However many processes call this, one sends. Raises DatabaseDown and BrokerDown.
    """
    due = [row.queue for row in single(_DUE, fresh=presence.FRESH_SECONDS, every=EVERY_SECONDS)]
    due = [queue for queue in due if queue in QUEUES]
    if not due:
        return 0
    lengths = queue_lengths()
    mine = [row.queue for row in single(_CLAIM, queues=due, every=EVERY_SECONDS)]
    sent = [queue for queue in mine if lengths[queue] < CROWD]

    def send() -> None:
        with app.producer_or_acquire() as producer:
            for queue in sent:
                sing.apply_async((queue,), queue=queue, expires=EXPIRES_SECONDS, producer=producer)

    broker_guarded(send)
    return len(sent)


@app.task(name="canary.sing")
def sing(queue: str) -> None:
    """Say that this queue is served."""
    _proven[queue] = time.monotonic()
    _prove(queue)


_proven: dict[str, float] = {}


@signals.task_success.connect
def _worked(sender: Any, **_: Any) -> None:
    """Work that was done is a proof too; each process notes it now and then."""
    queue = (sender.request.delivery_info or {}).get("routing_key")
    if queue not in QUEUES or time.monotonic() - _proven.get(queue, -math.inf) < EVERY_SECONDS:
        return
    _proven[queue] = time.monotonic()
    try:
        _prove(queue)
    except TROUBLE as problem:
        log.debug("proof of work not written: %s", problem)


def _prove(queue: str) -> None:
    single(
        "INSERT INTO canaries (queue, seen_at, worker)"
        " SELECT CAST(:queue AS text), now(), CAST(:worker AS text)"
        " WHERE set_config('synchronous_commit', 'off', true) IS NOT NULL"
        " ON CONFLICT (queue) DO UPDATE SET seen_at = now(), worker = excluded.worker",
        queue=queue,
        worker=presence.worker_name(),
    )
