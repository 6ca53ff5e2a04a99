"""The queues of the farm on either broker: how they are declared, how long they are."""

from __future__ import annotations

from typing import Any

from amqp.exceptions import AMQPError  # type: ignore[import-untyped]
from kombu.entity import Exchange, Queue

from core import valkey
from core.settings import settings
from workers.app import KEY_PREFIX, QUEUES, app, broker_guarded
from workers.rabbitmq import NoAnswer

EXCHANGE = "sentinel"
DELIVERIES = 2**31 - 1
"""RabbitMQ 4 drops a message that came back 20 times; events come back while PostgreSQL is away."""


def declared() -> list[Any]:
    """The queues as Celery declares them; on RabbitMQ replicated, and safe from its restart."""
    if not settings().amqp:
        return [Queue(name) for name in QUEUES]  # type: ignore[no-untyped-call]
    arguments = {"x-queue-type": "quorum", "x-delivery-limit": DELIVERIES}
    exchange = Exchange(EXCHANGE, type="direct")  # type: ignore[no-untyped-call]
    return [
        Queue(name, exchange, name, queue_arguments=dict(arguments))  # type: ignore[no-untyped-call]
        for name in QUEUES
    ]


def queue_lengths() -> dict[str, int]:
    """Messages that wait in each queue. Raises BrokerDown."""
    lengths: dict[str, int] = broker_guarded(_of_rabbitmq if settings().amqp else _of_redis)
    return lengths


def _of_redis() -> dict[str, int]:
    with valkey.broker_client().pipeline(transaction=False) as pipe:
        for queue in QUEUES:
            pipe.llen(KEY_PREFIX + queue)
        return dict(zip(QUEUES, pipe.execute(), strict=True))


def _of_rabbitmq() -> dict[str, int]:
    """A pooled connection may have died with an earlier broker; the second one is new."""
    try:
        return _asked()
    except NoAnswer:
        raise
    except (AMQPError, OSError):
        return _asked()


def _asked() -> dict[str, int]:
    """By declaring: a look at a queue that is not there yet is an error in RabbitMQ's log."""
    with app.connection_or_acquire() as connection:
        channel = connection.default_channel
        return {
            queue: int(app.amqp.queues[queue](channel).queue_declare().message_count)
            for queue in QUEUES
        }
