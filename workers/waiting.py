"""How a caller learns at once that its job ended: a list of one element in Valkey.

The list only wakes the waiter, who then reads PostgreSQL; a lost wake-up costs one look later.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

from redis.exceptions import RedisError

from core.valkey import client

__all__ = ["announce", "client", "pipeline", "wait", "wake"]

SLICE_SECONDS = 2.0
KEPT_SECONDS = 60


def _key(job: UUID) -> str:
    return f"sentinel:done:{job}"


@contextmanager
def pipeline() -> Iterator[Any]:
    """Commands that are sent together at the end. Never fails: what they say, the rows say too."""
    with suppress(RedisError), client().pipeline(transaction=False) as pipe:
        yield pipe
        if pipe.command_stack:
            pipe.execute()


def announce(pipe: Any, job: UUID) -> None:
    """Wake whoever waits for this job; waiters look for themselves in the end."""
    pipe.lpush(_key(job), 1)
    pipe.expire(_key(job), KEPT_SECONDS)


def wake(job: UUID) -> None:
    """Announce one job at once."""
    with pipeline() as pipe:
        announce(pipe, job)


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
