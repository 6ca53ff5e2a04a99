"""Telemetry that was accepted and is not in PostgreSQL yet: a second copy beside the message.

Kombu takes a message off its list and notes it as taken in two steps; what dies between them, the
worker or the server, takes the message along. The copy stands in Valkey from before the message is
sent until its rows are committed, and is sent again when the queue is empty and it is still there.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import from_json, to_json
from redis.exceptions import RedisError

from core import valkey
from core.errors import BrokerDown
from core.settings import settings
from workers.app import KEY_PREFIX

BATCHES = f"{KEY_PREFIX}telemetry:pending"
SINCE = f"{KEY_PREFIX}telemetry:pending-since"
OVERDUE_SECONDS = 8.0
AT_ONCE = 20

Rows = list[list[Any]]


def keep(batches: Mapping[str, Rows]) -> None:
    """Keep copies by their ids. Raises BrokerDown, unless RabbitMQ holds the messages safely."""
    try:
        with valkey.client().pipeline(transaction=True) as pipe:
            pipe.hset(BATCHES, mapping={key: to_json(rows) for key, rows in batches.items()})
            pipe.zadd(SINCE, dict.fromkeys(batches, time.time()))
            pipe.execute()
    except RedisError as problem:
        if not settings().amqp:
            raise BrokerDown() from problem


def forget(keys: Iterable[str]) -> None:
    """Drop copies whose rows are stored, or that were refused; one that stays does no harm."""
    names = list(keys)
    try:
        with valkey.client().pipeline(transaction=True) as pipe:
            pipe.hdel(BATCHES, *names)
            pipe.zrem(SINCE, *names)
            pipe.execute()
    except RedisError:
        return


def overdue() -> dict[str, Rows]:
    """Copies that have waited too long, which begin to wait anew. Raises BrokerDown."""
    client: Any = valkey.client()
    now = time.time()
    try:
        late = client.zrange(
            SINCE, "-inf", now - OVERDUE_SECONDS, byscore=True, offset=0, num=AT_ONCE
        )
        if not late:
            return {}
        client.zadd(SINCE, dict.fromkeys(late, now), xx=True)
        bodies = client.hmget(BATCHES, late)
    except RedisError as problem:
        raise BrokerDown() from problem
    found = {key.decode(): body for key, body in zip(late, bodies, strict=True)}
    if gone := [key for key, body in found.items() if body is None]:
        forget(gone)
    return {key: from_json(body) for key, body in found.items() if body is not None}
