"""One look a second at the farm: what waits in the broker, what is open in PostgreSQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg2
import redis

from ops.chaos import broker
from ops.chaos.farm import Farm
from ops.chaos.recovery import rank

EVERY_SECONDS = 1.0
_OPEN = "SELECT state, count(*) FROM runs WHERE state IN ('queued', 'running') GROUP BY 1"


@dataclass(frozen=True)
class Sample:
    """One look; None where the store did not answer."""

    at: float
    waiting: dict[str, int] | None
    open_runs: dict[str, int] | None


class Sampler(threading.Thread):
    """Looks until told to halt."""

    def __init__(self, farm: Farm) -> None:
        super().__init__(daemon=True)
        self.farm = farm
        self.samples: list[Sample] = []
        self.halt = threading.Event()
        self._connection: Any = None

    def run(self) -> None:
        with self.farm.valkey() as client:
            while not self.halt.wait(EVERY_SECONDS):
                self.samples.append(Sample(time.time(), self._waiting(client), self._open_runs()))

    def _waiting(self, client: redis.Redis) -> dict[str, int] | None:
        try:
            return broker.lengths(client)
        except redis.RedisError:
            return None

    def _open_runs(self) -> dict[str, int] | None:
        try:
            self._connection = self._connection or self.farm.database()
            with self._connection.cursor() as cursor:
                cursor.execute(_OPEN)
                return {"queued": 0, "running": 0, **dict(cursor.fetchall())}
        except psycopg2.Error:
            self._connection = None
            return None


def summary(samples: Sequence[Sample], guards: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Most messages by queue, most open runs, guard latency in milliseconds."""
    depths = [one.waiting for one in samples if one.waiting is not None]
    queues = sorted({queue for depth in depths for queue in depth})
    runs = [sum(one.open_runs.values()) for one in samples if one.open_runs is not None]
    spent = sorted(1000 * seconds for _, seconds in guards)
    return {
        "samples": len(samples),
        "without Valkey": sum(1 for one in samples if one.waiting is None),
        "without PostgreSQL": sum(1 for one in samples if one.open_runs is None),
        "most messages": {queue: max(depth.get(queue, 0) for depth in depths) for queue in queues},
        "most open runs": max(runs, default=0),
        "guard calls": len(spent),
        "guard latency, ms": {
            name: round(rank(spent, share), 1) if spent else None
            for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("slowest", 1.0))
        },
    }
