"""The base of every task: log context, timing, retry as a value, and one broad except."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, ClassVar

from celery import Task
from celery.exceptions import Reject
from celery.worker.request import Request

from core.errors import SentinelError, Unavailable
from core.logs import log_context
from core.metrics import TASK_SECONDS
from core.settings import settings

log = logging.getLogger(__name__)


HAND_BACK_SECONDS = 1.0
UNSEEN = "-"
"""What stands for the arguments of a task wherever they might be shown; blank would not do,
because Celery then makes a representation of its own for the error log."""


class QuietRequest(Request):  # type: ignore[misc]
    """A task in a worker whose arguments no inspection, and so no Flower page, shows."""

    def info(self, safe: bool = False) -> Any:
        """What `inspect` answers, with the representation in the arguments' place."""
        return super().info(safe=True)


class FarmTask(Task):  # type: ignore[misc]
    """Tasks of the farm. Nothing of their arguments reaches an event, a header or Flower."""

    abstract = True
    Request = "workers.task:QuietRequest"
    only_copy: ClassVar[bool] = False
    """True where the message is the only copy of the work: it goes back to the broker while a
    store is down. Otherwise it is dropped, because rows in PostgreSQL remember the work."""

    def apply_async(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        """Publish without representations of the arguments; a queue on Redis needs no declaring."""
        options.setdefault("argsrepr", UNSEEN)
        options.setdefault("kwargsrepr", UNSEEN)
        if not settings().amqp:
            options.setdefault("declare", [])
        return super().apply_async(args, kwargs, **options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        begun = time.perf_counter()
        with log_context(task=self.name, task_id=self.request.id):
            try:
                return self.run(*args, **kwargs)
            except Unavailable as problem:
                if not self.only_copy:
                    log.warning("dropped for now: %s", problem)
                    return None
                log.warning("handed back to the broker: %s", problem)
                time.sleep(HAND_BACK_SECONDS)
                raise Reject(problem, requeue=True) from problem
            except SentinelError as problem:
                log.error("refused: %s", problem)
                return None
            finally:
                TASK_SECONDS.labels(self.name).observe(time.perf_counter() - begun)


def periodic(seconds: Callable[[], float], queue: str) -> Callable[[Any], Any]:
    """Let beat send this task every so many seconds; stands above `@app.task`.

    `seconds` is asked when the application starts, so that importing a task reads no setting.
    A tick that waited longer than its period is dropped, so a stopped worker finds no backlog.
    """

    def schedule(task: Any) -> Any:
        from workers.app import app

        def add(sender: Any, **_: Any) -> None:
            period = seconds()
            sender.add_periodic_task(
                period, task.s(), name=task.name, queue=queue, expires=max(period * 3, 5.0)
            )

        app.on_after_finalize.connect(add, weak=False)
        return task

    return schedule
