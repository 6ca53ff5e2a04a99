"""Which worker classes are up: each worker writes a heartbeat, readers look at its freshness."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any

from celery import signals

from core.database import TROUBLE, UnitOfWork, single, unit_of_work

log = logging.getLogger(__name__)

BEAT_SECONDS = 2.0
FRESH_SECONDS = 7.0
CLASS_ENV = "SENTINEL_WORKER_CLASS"
NAME_ENV = "SENTINEL_WORKER_NAME"

_cache: tuple[float, Mapping[str, int]] = (0.0, {})
_stop = threading.Event()


def worker_name() -> str:
    """The name that this worker's runs and heartbeat carry; children share their parent's."""
    return os.environ.get(NAME_ENV) or f"{os.getpid()}@{socket.gethostname()}"


def fresh() -> Mapping[str, int]:
    """Workers with a fresh heartbeat by class. Raises DatabaseDown."""
    rows = single(
        "SELECT engine_class, count(*) AS n FROM worker_heartbeats"
        " WHERE seen_at > now() - make_interval(secs => :secs) GROUP BY 1",
        secs=FRESH_SECONDS,
    )
    return {row.engine_class: row.n for row in rows}


def is_up(engine_class: str, *, stale_s: float = 1.0) -> bool:
    """Whether a worker of the class is up, by a look that is at most `stale_s` old."""
    global _cache
    seen, classes = _cache
    if time.monotonic() - seen > stale_s:
        classes = fresh()
        _cache = (time.monotonic(), classes)
    return classes.get(engine_class, 0) > 0


def beat(engine_class: str) -> None:
    """Write this worker's heartbeat."""
    with unit_of_work() as work:
        work.relax()
        work.execute(
            "INSERT INTO worker_heartbeats (name, engine_class, pid, started_at, seen_at)"
            " VALUES (:name, :class, :pid, now(), now())"
            " ON CONFLICT (name) DO UPDATE SET seen_at = now(), pid = :pid",
            **{"name": worker_name(), "class": engine_class, "pid": os.getpid()},
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


def _keep_beating(engine_class: str) -> None:
    """Beat until told to stop, then say goodbye, so that nobody plans with this worker."""
    while not _stop.wait(BEAT_SECONDS):
        try:
            beat(engine_class)
        except TROUBLE as problem:
            log.warning("heartbeat not written: %s", problem)
    try:
        with unit_of_work() as work:
            _forget(work)
    except TROUBLE as problem:
        log.warning("heartbeat not taken back: %s", problem)


@signals.worker_ready.connect
def _arrive(**_: Any) -> None:
    engine_class = os.environ.get(CLASS_ENV)
    if not engine_class:
        return
    try:
        beat(engine_class)
    except TROUBLE as problem:
        log.warning("heartbeat not written: %s", problem)
    threading.Thread(
        target=_keep_beating, args=(engine_class,), name="heartbeat", daemon=True
    ).start()


@signals.worker_shutting_down.connect
def _departing(**_: Any) -> None:
    _stop.set()
