"""Connections to RabbitMQ that give up instead of waiting on.

py-amqp waits for answers as long as it takes, those to "close" included; a broker that is alive and
does not answer, or takes no messages because its memory or disk is full, would keep the threads of
the API for good.
"""

from __future__ import annotations

from typing import Any

from amqp.exceptions import RecoverableConnectionError  # type: ignore[import-untyped]
from kombu.transport import TRANSPORT_ALIASES, pyamqp

ANSWER_SECONDS = 3


class NoAnswer(RecoverableConnectionError):  # type: ignore[misc]
    """RabbitMQ is there and does not do what it is asked."""


class Connection(pyamqp.Connection):
    """Once an answer is overdue, nobody waits for another one over the same connection."""

    def drain_events(self, timeout: float | None = None) -> Any:
        """Without a timeout, which is how answers are waited for, the socket's own holds."""
        try:
            return super().drain_events(timeout)
        except TimeoutError as problem:
            if timeout is not None:
                raise
            self.collect()
            raise NoAnswer("RabbitMQ does not answer") from problem

    def _on_blocked(self) -> None:
        self.collect()
        raise NoAnswer("RabbitMQ takes no messages; see its log for the alarm")


class Transport(pyamqp.Transport):
    """For `amqp://`."""

    Connection = Connection


class SSLTransport(pyamqp.SSLTransport):
    """For `amqps://`."""

    Connection = Connection


def install() -> dict[str, Any]:
    """Have kombu use these, after a switch to another node too; answers the options they need."""
    TRANSPORT_ALIASES["amqp"] = f"{__name__}:Transport"
    TRANSPORT_ALIASES["amqps"] = f"{__name__}:SSLTransport"
    return {
        "confirm_publish": True,
        "read_timeout": ANSWER_SECONDS,
        "write_timeout": ANSWER_SECONDS,
    }
