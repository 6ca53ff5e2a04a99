"""Kombu's channels over Redis with one client each, that can be closed after their connection.

Kombu makes a new client object, though not a new connection, for each message it sends, takes and
acknowledges: a third of what it costs to publish one.

When the broker is lost and the first of several channels fails to close, kombu gives up the
connection and then closes the others, which want to put their messages back and ask the connection,
by then none, for its address. Celery ends the worker on what comes of that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis
from redis.exceptions import ConnectionError as NoConnection


class _OneClient:
    """Keeps the client as long as the pool of connections stands that it was made for."""

    pool: Any
    connection: Any
    _kept: tuple[Any, Any] = (None, None)

    @contextmanager
    def conn_or_acquire(self, client: Any = None) -> Iterator[Any]:
        """The client given, or the channel's own; it takes a connection for each command."""
        if client:
            yield client
            return
        pool, kept = self._kept
        if pool is not self.pool:
            kept = self._create_client()  # type: ignore[attr-defined]
            self._kept = (self.pool, kept)
        yield kept

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        """What a new pool is made from. Raises redis' ConnectionError once there is no connection,
        which everybody who closes one expects."""
        if self.connection.client is None:
            raise NoConnection("this channel's connection is closed")
        return dict(super()._connparams(asynchronous))  # type: ignore[misc]


class Channel(_OneClient, redis.Channel):
    """For one server."""


class SentinelChannel(_OneClient, redis.SentinelChannel):
    """For the master that sentinels know."""


class Transport(redis.Transport):
    """For `redis://` and `rediss://`."""

    Channel = Channel


class SentinelTransport(redis.SentinelTransport):
    """For `sentinel://`."""

    Channel = SentinelChannel


def install() -> None:
    """Have kombu use these."""
    TRANSPORT_ALIASES["redis"] = f"{__name__}:Transport"
    TRANSPORT_ALIASES["rediss"] = f"{__name__}:Transport"
    TRANSPORT_ALIASES["sentinel"] = f"{__name__}:SentinelTransport"
