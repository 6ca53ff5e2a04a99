"""Celery's connections, which look for a lost broker every second.

Kombu waits two seconds longer after each failed try, up to 30: after an outage of some minutes a
worker would stand beside a broker that is back.
"""

from __future__ import annotations

from typing import Any

from celery.app.amqp import AMQP
from kombu.connection import Connection

PAUSES = {"interval_start": 0.2, "interval_step": 0.2, "interval_max": 1.0}
"""Seconds before the second try, how many more each later one waits, and the most."""


class FarmConnection(Connection):
    """Kombu's connection with short pauses between the tries."""

    def ensure_connection(self, *args: Any, **kwargs: Any) -> Any:
        """As kombu's, whose arguments it takes; they win over PAUSES."""
        return super().ensure_connection(  # type: ignore[no-untyped-call]
            *args, **{**PAUSES, **kwargs}
        )


class FarmAMQP(AMQP):  # type: ignore[misc]
    """Celery's way to the broker over such connections."""

    Connection = BrokerConnection = FarmConnection
