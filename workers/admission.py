"""Admission: a job that cannot be done within its deadline is refused at once, with an honest
time to come back, instead of being accepted and expiring.

The projected wait of a lane is the estimated cost of what is queued and running there, corrected by
what runs of late have really taken, over the pool processes that serve it. Each API process
looks at most twice a second and counts what it has admitted since.
"""

from __future__ import annotations

import math
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.database import single
from core.errors import Overloaded
from workers import presence
from workers.app import RUN_QUEUES

LOOK_SECONDS = 0.5
PACE_SECONDS = 5.0
SAMPLE = 200
SLOWEST = 100.0
SHORT_SECONDS = 0.25
"""A wait that nobody is refused for."""
ABSENT_SECONDS = 30.0
"""For so long a queue has had no worker when it is called unserved; who cannot wait as long as that
is refused, in case nobody comes."""
ABSENT_RETRY_SECONDS = 5

_BACKLOG = """
SELECT queue, tenant, sum(cost) AS cost FROM (
    SELECT queue, tenant, cost FROM runs WHERE state = 'queued'
    UNION ALL SELECT queue, tenant, cost FROM runs WHERE state = 'running'
) AS open GROUP BY 1, 2
"""
_PACE = """
SELECT q.queue, sum(r.took) AS took, sum(r.cost) AS cost
FROM unnest(CAST(:queues AS text[])) AS q (queue), LATERAL (
    SELECT cost, extract(epoch FROM finished_at - claimed_at) AS took FROM runs
    WHERE queue = q.queue AND state = 'done' AND finished_at > now() - interval '5 min'
    ORDER BY finished_at DESC LIMIT :sample
) AS r GROUP BY 1
"""


@dataclass(slots=True)
class Load:
    """What a look found: estimated seconds by queue and tenant, pace, and slots by queue.

    `pace` is real seconds per estimated second; a queue without recent runs has pace 1.
    """

    seconds: dict[str, dict[str, float]] = field(default_factory=dict)
    pace: Mapping[str, float] = field(default_factory=dict)
    slots: Mapping[str, int] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    """Queues that had no worker at any look for ABSENT_SECONDS."""

    def wait(self, queue: str, tenant: str | None = None) -> float:
        """Projected seconds until a new run of this queue is claimed; of a tenant's part alone."""
        by_tenant = self.seconds.get(queue, {})
        cost = sum(by_tenant.values()) if tenant is None else by_tenant.get(tenant, 0.0)
        return self.work(queue, cost)

    def work(self, queue: str, cost: float) -> float:
        """Projected seconds that this much work takes on all slots of the queue."""
        return cost * self.pace.get(queue, 1.0) / max(self.slots.get(queue, 0), 1)


class _Desk:
    """The last look of this process, and what it has admitted since."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.looked = -math.inf
        self.paced = -math.inf
        self.load = Load()
        self.served = dict.fromkeys(RUN_QUEUES, time.monotonic())

    def now(self) -> Load:
        """Who comes while another looks waits for what that one sees."""
        with self.lock:
            moment = time.monotonic()
            if moment - self.looked >= LOOK_SECONDS:
                speed = self.load.pace
                if moment - self.paced >= PACE_SECONDS:
                    speed, self.paced = pace(), moment
                slots = presence.slots_recently()
                self.served |= dict.fromkeys(slots, moment)
                absent = {q for q, at in self.served.items() if moment - at > ABSENT_SECONDS}
                self.load = Load(backlog(), speed, slots, frozenset(absent))
                self.looked = time.monotonic()
            return self.load

    def note(self, queue: str, tenant: str, cost: float) -> None:
        with self.lock:
            by_tenant = self.load.seconds.setdefault(queue, {})
            by_tenant[tenant] = by_tenant.get(tenant, 0.0) + cost


_DESK = _Desk()


def backlog() -> dict[str, dict[str, float]]:
    """Estimated seconds of open runs by queue and tenant."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for row in single(_BACKLOG):
        found[row.queue][row.tenant] = float(row.cost)
    return found


def pace() -> dict[str, float]:
    """Real seconds per estimated second over the last runs of each queue."""
    rows = single(_PACE, queues=list(RUN_QUEUES), sample=SAMPLE)
    return {
        row.queue: min(max(float(row.took) / float(row.cost), 1 / SLOWEST), SLOWEST)
        for row in rows
        if row.cost and row.took
    }


def look() -> Load:
    """The load as of at most LOOK_SECONDS ago. Raises DatabaseDown."""
    return _DESK.now()


def demand(
    tenant: str,
    runs: Sequence[Mapping[str, Any]],
    deadline_s: float,
    *,
    optional: Collection[str] = (),
) -> None:
    """Count these runs in, unless the work before them leaves no time for them.

    Raises Overloaded with the seconds after which the backlog will be short enough; it is the
    caller's own fault where the tenant's own backlog is what stands in the way.
    """
    load = look()
    asked: dict[str, float] = defaultdict(float)
    for run in runs:
        asked[run["queue"]] += run["cost"]
    for queue, cost in asked.items():
        if queue not in optional:
            _refuse_late(load, queue, tenant, cost, deadline_s)
    for queue, cost in asked.items():
        _DESK.note(queue, tenant, cost)


def _refuse_late(load: Load, queue: str, tenant: str, cost: float, deadline_s: float) -> None:
    if queue in load.absent and deadline_s <= ABSENT_SECONDS:
        raise Overloaded(
            f"no worker has served queue {queue} for {ABSENT_SECONDS:.0f} s; start one, see /ready",
            retry_after=ABSENT_RETRY_SECONDS,
        )
    wait, own = load.wait(queue), load.work(queue, cost)
    late = wait + own - deadline_s
    if wait <= SHORT_SECONDS or late <= 0:
        return
    others = wait - load.wait(queue, tenant)
    whose = "your own" if others + own <= deadline_s else "other"
    raise Overloaded(
        f"{wait:.0f} s of {whose} work wait in queue {queue} and this would take {own:.1f} s,"
        f" past its deadline of {deadline_s:g} s; retry later, or allow more with `deadline_s`",
        retry_after=max(math.ceil(min(late, wait)), 1),
        own_fault=whose == "your own",
    )
