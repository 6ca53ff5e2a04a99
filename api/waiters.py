"""Who may occupy a thread only to wait: at most half of them, so that the rest go on answering."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from flask import Flask, current_app

from api.problems import RETRY_AFTER_SECONDS, Problem
from core.settings import settings

_NAME = "waiters"


def register(app: Flask) -> None:
    """Give the application its slots."""
    app.extensions[_NAME] = threading.BoundedSemaphore(max(1, settings().gateway_threads // 2))


@contextmanager
def slot() -> Iterator[bool]:
    """Whether this thread may wait; the slot is free again at the end of the block."""
    slots: threading.BoundedSemaphore = current_app.extensions[_NAME]
    taken = slots.acquire(blocking=False)
    try:
        yield taken
    finally:
        if taken:
            slots.release()


def take() -> Callable[[], None]:
    """A slot for longer than the view runs; call the answer to give it back.

    Raises Problem 503 when none is free.
    """
    kept = ExitStack()
    if not kept.enter_context(slot()):
        raise Problem(
            503,
            "too many clients follow or wait already; poll the job instead",
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        )
    return kept.close
