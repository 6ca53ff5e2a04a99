"""Valkey seen from outside: is it there, what waits in it, and emptying it with nothing unseen."""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Iterable
from typing import Any

import redis

from ops.chaos.farm import Farm
from workers.app import KEY_PREFIX, QUEUES
from workers.pending import BATCHES

BACK_SECONDS = 30.0
PAUSE_MS = 5000
EVENT_ID = re.compile(r"chaos-[0-9a-f]{24}")


def answers(farm: Farm) -> float | None:
    """Wait until Valkey answers; when that was, by the clock, or None when it never did."""
    until = time.monotonic() + BACK_SECONDS
    with farm.valkey() as client:
        while time.monotonic() < until:
            try:
                client.ping()
                return time.time()
            except redis.RedisError:
                time.sleep(0.02)
    return None


def lengths(client: redis.Redis) -> dict[str, int]:
    """Messages that wait, by queue."""
    with client.pipeline(transaction=False) as pipe:
        for queue in QUEUES:
            pipe.llen(KEY_PREFIX + queue)
        return dict(zip(QUEUES, pipe.execute(), strict=True))


def empty(client: redis.Redis) -> set[str]:
    """FLUSHALL; the telemetry events that were inside, read in the same transaction."""
    with client.pipeline(transaction=True) as pipe:
        _read(pipe)
        pipe.flushall()
        return events_in(pipe.execute()[:-1])


def read_before_the_end(client: redis.Redis) -> set[str]:
    """The telemetry events inside; nothing is written from now on until the server is killed.

    What a worker has taken off a queue when the pause begins cannot be noted as taken any more, so
    the queues are read before the pause, too.
    """
    with client.pipeline(transaction=True) as pipe:
        _read(pipe)
        before = events_in(pipe.execute())
        client.client_pause(PAUSE_MS, all=False)
        _read(pipe)
        return before | events_in(pipe.execute())


def _read(pipe: Any) -> None:
    for queue in QUEUES:
        pipe.lrange(KEY_PREFIX + queue, 0, -1)
    pipe.hvals(f"{KEY_PREFIX}unacked")
    pipe.hvals(BATCHES)


def events_in(answers: Iterable[list[bytes]]) -> set[str]:
    """The event ids inside batches, and inside the messages of the version before."""
    found: set[str] = set()
    for raw in (raw for answer in answers for raw in answer):
        found.update(EVENT_ID.findall(raw.decode(errors="replace")))
        try:
            message = json.loads(raw)
            message = message[0] if isinstance(message, list) else message
            body = base64.b64decode(message["body"]).decode()
        except (ValueError, LookupError, TypeError, binascii.Error):
            continue
        found.update(EVENT_ID.findall(body))
    return found
