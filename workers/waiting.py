"""How a caller learns at once that its job ended: a list of one element in Valkey.

The list only wakes the waiter, who then reads PostgreSQL; a lost wake-up costs one look later.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from uuid import UUID

import redis
from redis.exceptions import RedisError

from core.settings import settings

SLICE_SECONDS = 2.0
KEPT_SECONDS = 60


@functools.cache
def _client_of(pid: int, url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=SLICE_SECONDS + 3)


def client() -> redis.Redis:
    """The Valkey client of this process."""
    return _client_of(os.getpid(), settings().broker())


def _key(job: UUID) -> str:
    return f"sentinel:done:{job}"


def announce(job: UUID) -> None:
    """Wake whoever waits for this job. Never fails: waiters look for themselves in the end."""
    try:
        with client().pipeline(transaction=False) as pipe:
            pipe.lpush(_key(job), 1)
            pipe.expire(_key(job), KEPT_SECONDS)
            pipe.execute()
    except RedisError:
        return


def wait(job: UUID, seconds: float, ended: Callable[[], bool]) -> bool:
    """Block until the job is announced or `ended()` says so; False when the time is over."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        span = max(min(left, SLICE_SECONDS), 0.01)
        try:
            if client().blpop([_key(job)], timeout=span) is not None:
                return True
        except RedisError:
            time.sleep(min(span, 0.1))
        if ended():
            return True
    return False
