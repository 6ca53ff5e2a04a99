"""The Celery application: queues by engine class, ids in messages, no results in the broker."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from celery import Celery
from kombu import Queue
from kombu.exceptions import OperationalError as KombuError
from redis.exceptions import RedisError

from core.errors import BrokerDown
from core.settings import settings

QUEUES = ("cpu", "gpu", "io", "control")
TASK_MODULES = (
    "workers.analysis",
    "workers.rescue",
    "workers.ingestion",
    "workers.detection",
    "workers.alerting",
    "workers.upkeep",
)


def make_app() -> Celery:
    """The application with the settings of this process."""
    app = Celery("sentinel", task_cls="workers.task:FarmTask", include=list(TASK_MODULES))
    app.conf.update(
        broker_url=settings().broker(),
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=3,
        broker_transport_options={
            "visibility_timeout": 60,
            "unacked_restore_interval": 1,
            "unacked_restore_throttle": 1,
            "socket_keepalive": True,
            "socket_connect_timeout": 2,
            "retry_on_timeout": False,
            "global_keyprefix": "sentinel:",
        },
        task_queues=[Queue(name) for name in QUEUES],
        task_default_queue="io",
        task_create_missing_queues=False,
        task_ignore_result=True,
        task_publish_retry=False,
        task_serializer="json",
        accept_content=["json"],
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_hijack_root_logger=False,
        worker_send_task_events=True,
        worker_soft_shutdown_timeout=2.0,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        beat_max_loop_interval=1.0,
        timezone="UTC",
        enable_utc=True,
    )
    return app


app = make_app()


def broker_guarded(call: Callable[[], Any]) -> Any:
    """Run a call that talks to the broker. Raises BrokerDown when it does not answer."""
    try:
        return call()
    except (KombuError, RedisError, ConnectionError, TimeoutError) as problem:
        raise BrokerDown() from problem


def publish_runs(queue: str, runs: Iterable[UUID]) -> None:
    """Send one message per run to the queue of its class; a message carries the id alone.

    Raises BrokerDown; some of the messages may have been sent, which does no harm.
    """
    from workers.analysis import analyze

    def send() -> None:
        with app.producer_or_acquire() as producer:
            for run in runs:
                analyze.apply_async((str(run),), queue=queue, producer=producer)

    broker_guarded(send)
