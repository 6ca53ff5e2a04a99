"""The Celery application: queues by engine class, ids in messages, no results in the broker."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any
from uuid import UUID

from amqp.exceptions import AMQPError, MessageNacked  # type: ignore[import-untyped]
from celery import Celery
from kombu.exceptions import BatchPublishError, LimitExceeded, OperationalError
from redis.exceptions import RedisError

from core.errors import BrokerDown

RUN_QUEUES = ("cpu", "cpu-batch", "gpu", "gpu-batch")
"""Queues of runs: each engine class has a lane for single inputs and one for batches. A worker
takes from its lanes in turn, so neither waits behind the other."""
BATCH_QUEUES = tuple(queue for queue in RUN_QUEUES if queue.endswith("-batch"))
QUEUES = (*RUN_QUEUES, "io", "watch", "control")
KEY_PREFIX = "sentinel:"
TASK_MODULES = (
    "workers.analysis",
    "workers.rescue",
    "workers.ingestion",
    "workers.sample_jobs",
    "workers.detection",
    "workers.alerting",
    "workers.reporting",
    "workers.upkeep",
    "workers.canary",
)


app = Celery(
    "sentinel",
    task_cls="workers.task:FarmTask",
    amqp="workers.connection:FarmAMQP",
    include=list(TASK_MODULES),
    config_source="workers.celeryconfig",
)
"""Configured on first use, so that importing a task needs no broker."""


_TROUBLE = (
    OperationalError,
    BatchPublishError,
    LimitExceeded,
    AMQPError,
    MessageNacked,
    RedisError,
    OSError,
)
"""What kombu, the brokers' clients and the network raise when the broker does not do its part."""


def broker_guarded(call: Callable[[], Any]) -> Any:
    """Run a call that talks to the broker. Raises BrokerDown when it does not answer."""
    try:
        return call()
    except _TROUBLE as problem:
        raise BrokerDown() from problem


def lane(engine_class: str, kind: str) -> str:
    """The queue for the runs of a job of this kind."""
    return f"{engine_class}-batch" if kind == "batch" else engine_class


def publish_runs(queue: str, runs: Iterable[UUID]) -> None:
    """Send one message per run to the queue of its class, many in one round trip; each carries the
    id alone.

    Raises BrokerDown; some of the messages may have been sent, which does no harm.
    """
    from workers.analysis import analyze

    ids = list(runs)
    if not ids:
        return

    def send() -> None:
        with (
            app.producer_or_acquire() as producer,
            producer.batch() if len(ids) > 1 else nullcontext(),
        ):
            for run in ids:
                analyze.apply_async((str(run),), queue=queue, producer=producer)

    broker_guarded(send)
