"""Which workers are up: each writes a heartbeat with the queues it serves and how many processes
it has for them; readers look at its freshness. A worker also watches its pool processes, so that
what a dead one was running is given on at once and not when its lease runs out.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
from celery import signals

from core.database import TROUBLE, UnitOfWork, single, unit_of_work

log = logging.getLogger(__name__)

BEAT_SECONDS = 2.0
LOOK_SECONDS = 0.5
FRESH_SECONDS = 7.0
RECENT_SECONDS = 30.0
UP = (
    "SELECT FROM worker_heartbeats WHERE engine_class = :class"
    " AND seen_at > now() - make_interval(secs => :recent)"
)
"""Workers of a class that are up, for `EXISTS`; `recent` is RECENT_SECONDS."""
CLASS_ENV = "SENTINEL_WORKER_CLASS"
NAME_ENV = "SENTINEL_WORKER_NAME"

_FAULTS: tuple[type[Exception], ...] = (*TROUBLE, psutil.Error)


@dataclass(frozen=True, slots=True)
class Worker:
    """What a worker says of itself. `forks` where its slots are processes and not threads."""

    engine_class: str
    queues: tuple[str, ...]
    slots: int
    forks: bool = False


_own: Worker | None = None
_cache: tuple[float, Mapping[str, int]] = (0.0, {})
_stop = threading.Event()


def introduce(worker: Worker, name: str) -> None:
    """Say what this process is going to be; its heartbeat begins once it takes work."""
    global _own
    _own = worker
    os.environ[CLASS_ENV] = worker.engine_class
    os.environ[NAME_ENV] = name


def worker_name() -> str:
    """The name that this worker's runs and heartbeat carry; children share their parent's."""
    return os.environ.get(NAME_ENV) or f"{os.getpid()}@{socket.gethostname()}"


def only_queue() -> str | None:
    """The queue that this worker and its pool serve where it is but one."""
    return _own.queues[0] if _own is not None and len(_own.queues) == 1 else None


def fresh() -> Mapping[str, int]:
    """Workers with a fresh heartbeat by class. Raises DatabaseDown."""
    return _classes(FRESH_SECONDS)


def _classes(seconds: float) -> Mapping[str, int]:
    rows = single(
        "SELECT engine_class, count(*) AS n FROM worker_heartbeats"
        " WHERE seen_at > now() - make_interval(secs => :secs) GROUP BY 1",
        secs=seconds,
    )
    return {row.engine_class: row.n for row in rows}


def slots() -> Mapping[str, int]:
    """Pool processes of workers with a fresh heartbeat, by the queue they serve.

    Raises DatabaseDown.
    """
    return _slots(FRESH_SECONDS)


def slots_recently() -> Mapping[str, int]:
    """As `slots`; where there is none, those of the last half minute: a worker that is being
    started again still counts."""
    return {**_slots(RECENT_SECONDS), **_slots(FRESH_SECONDS)}


def _slots(seconds: float) -> Mapping[str, int]:
    rows = single(
        "SELECT queue, sum(slots)::int AS n FROM worker_heartbeats, unnest(queues) AS queue"
        " WHERE seen_at > now() - make_interval(secs => :secs) GROUP BY 1",
        secs=seconds,
    )
    return {row.queue: row.n for row in rows}


def is_up(engine_class: str, *, stale_s: float = 1.0) -> bool:
    """Whether a worker of the class is up, by a look that is at most `stale_s` old.

    A heartbeat of the last half minute will do: one that leaves takes its heartbeat back, and
    one that is late, on a machine with too much to do, would lose the work that waits for it.
    """
    global _cache
    seen, classes = _cache
    if time.monotonic() - seen > stale_s:
        classes = _classes(RECENT_SECONDS)
        _cache = (time.monotonic(), classes)
    return classes.get(engine_class, 0) > 0


def beat(worker: Worker, *, arriving: bool = False) -> None:
    """Write this worker's heartbeat; on arrival over that of a predecessor of the same name."""
    with unit_of_work() as work:
        work.relax()
        work.execute(
            "INSERT INTO worker_heartbeats AS w (name, engine_class, pid, started_at, seen_at,"
            " slots, queues) VALUES (:name, :class, :pid, now(), now(), :slots,"
            " CAST(:queues AS text[])) ON CONFLICT (name) DO UPDATE SET seen_at = now(),"
            " started_at = CASE WHEN :arriving THEN now() ELSE w.started_at END, pid = :pid,"
            " slots = :slots, queues = excluded.queues",
            **{
                "name": worker_name(),
                "class": worker.engine_class,
                "pid": os.getpid(),
                "slots": worker.slots,
                "queues": list(worker.queues),
                "arriving": arriving,
            },
        )


def leave() -> None:
    """Take the heartbeat back and hand this worker's unfinished runs to the others at once."""
    _stop.set()
    try:
        with unit_of_work() as work:
            _forget(work)
            work.execute(
                "UPDATE runs SET state = 'queued', lease_until = NULL, published_at = NULL"
                " WHERE id IN (SELECT id FROM runs WHERE worker = :name AND state = 'running'"
                "  ORDER BY id FOR UPDATE SKIP LOCKED)",
                name=worker_name(),
            )
    except TROUBLE as problem:
        log.warning("left without saying so: %s", problem)


def _forget(work: UnitOfWork) -> None:
    work.execute("DELETE FROM worker_heartbeats WHERE name = :name", name=worker_name())


def end_leases(pids: Sequence[int]) -> int:
    """End the leases of what this worker's dead processes were running; returns how many."""
    rows = single(
        "UPDATE runs SET lease_until = now() WHERE id IN (SELECT id FROM runs"
        " WHERE worker = :name AND pid = ANY(CAST(:pids AS int[])) AND state = 'running'"
        " AND lease_until > now() ORDER BY id FOR UPDATE SKIP LOCKED) RETURNING id, pid",
        name=worker_name(),
        pids=list(pids),
    )
    for row in rows:
        log.warning("pool process %d died over run %s; its lease is ended", row.pid, row.id)
    return len(rows)


class Pool:
    """The pool processes of this worker, and which of them have died of late.

    A death is told at several looks, because what the process had sent last may reach PostgreSQL
    after its end.
    """

    told = 4

    def __init__(self) -> None:
        self.alive: set[psutil.Process] = set()
        self.dead: dict[int, int] = {}

    def died(self) -> list[int]:
        """Look; the ids of the processes that were there and are not."""
        now = {one for one in psutil.Process().children() if _lives(one)}
        self.dead = {pid: left - 1 for pid, left in self.dead.items() if left > 1}
        self.dead |= {one.pid: self.told for one in self.alive - now}
        self.alive = now
        return list(self.dead)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _keep_beating(worker: Worker) -> None:
    """Beat until told to stop, then say goodbye, so that nobody plans with this worker."""
    pool, beaten = Pool(), time.monotonic()
    if worker.forks:
        pool.died()
    while not _stop.wait(LOOK_SECONDS):
        try:
            if worker.forks and (dead := pool.died()):
                end_leases(dead)
            if time.monotonic() - beaten >= BEAT_SECONDS:
                beaten = time.monotonic()
                beat(worker)
        except _FAULTS as problem:
            log.warning("heartbeat not written: %s", problem)
    try:
        with unit_of_work() as work:
            _forget(work)
    except TROUBLE as problem:
        log.warning("heartbeat not taken back: %s", problem)


@signals.worker_ready.connect
def _arrive(**_: Any) -> None:
    if _own is None:
        return
    try:
        beat(_own, arriving=True)
    except TROUBLE as problem:
        log.warning("heartbeat not written: %s", problem)
    threading.Thread(target=_keep_beating, args=(_own,), name="heartbeat", daemon=True).start()


@signals.worker_shutting_down.connect
def _departing(**_: Any) -> None:
    _stop.set()
