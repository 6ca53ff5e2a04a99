"""Processes held still, so that what is known of them holds when they are struck."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator

import psutil

from ops.chaos.farm import NothingToStrike
from ops.chaos.recovery import Recovery, Work

BUSY_SECONDS = 10.0
"""How long a worker is watched for being at work."""
GLANCE_SECONDS = 0.02


@contextlib.contextmanager
def caught(
    worker: psutil.Process, recovery: Recovery
) -> Iterator[tuple[list[psutil.Process], list[Work]]]:
    """The worker's pool stopped in the middle of something, if it does anything for a while.

    Stopped before PostgreSQL is asked, and asked twice, so that a commit that was underway is over.
    Whatever of the pool lives goes on at the end.
    """
    until = time.monotonic() + BUSY_SECONDS
    pool: list[psutil.Process] = []
    try:
        while True:
            pool = worker.children()
            each(psutil.Process.suspend, pool)
            if work := recovery.running(worker.pid):
                time.sleep(GLANCE_SECONDS)
                work = recovery.running(worker.pid)
            if pool and (work or time.monotonic() > until):
                break
            if time.monotonic() > until:
                raise NothingToStrike("the worker has no pool yet")
            each(psutil.Process.resume, pool)
            time.sleep(GLANCE_SECONDS)
        yield pool, work
    finally:
        each(psutil.Process.resume, pool)


def halted(main: psutil.Process) -> list[psutil.Process]:
    """The process and all below it, stopped, so that none begins anything while the others die."""
    main.suspend()
    found = [main, *main.children(recursive=True)]
    each(psutil.Process.suspend, found[1:])
    return found


def each(signal_it: Callable[[psutil.Process], None], processes: Iterable[psutil.Process]) -> None:
    """Signal those that still live."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            signal_it(process)
