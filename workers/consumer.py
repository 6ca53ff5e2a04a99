"""Celery's consumer without the step that would declare 28 more queues on RabbitMQ.

They delay tasks natively; the farm sends no task with a delay.
"""

from __future__ import annotations

from celery.worker.consumer import Consumer


class FarmConsumer(Consumer):  # type: ignore[misc]
    """What receives the messages of a worker."""

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc]
        """The steps of the consumer."""

        default_steps = tuple(
            step
            for step in Consumer.Blueprint.default_steps
            if not step.endswith("DelayedDelivery")
        )
