"""How long the work of a struck process waited: measured run by run, in PostgreSQL's clock."""

from __future__ import annotations

import math
import statistics
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg2

from ops.chaos.farm import Farm

POLL_SECONDS = 0.25
KILLED = "worker killed"
FROZEN_CHILD = "worker frozen, its others go on"
FROZEN_WORKER = "worker frozen whole"
KILLED_TARGET, BACKLOG_TARGET = 10.0, 15.0

_SELECT = "SELECT id::text, attempt, last_item, pid, state FROM runs WHERE "
_SEEN = """
SELECT id::text, attempt, last_item, state, extract(epoch FROM claimed_at)::float,
    extract(epoch FROM finished_at)::float
FROM runs WHERE id = ANY(%s::uuid[])
"""
_OTHER_HALVES = """
SELECT n.id::text, n.attempt, n.last_item, n.pid, n.state FROM runs o
JOIN runs n ON n.analysis_id = o.analysis_id AND n.engine_class = o.engine_class
WHERE o.id = %s::uuid AND n.id <> o.id AND n.first_item > o.last_item AND n.last_item <= %s
"""


@dataclass(frozen=True)
class Work:
    """A run as it was when its worker, or the broker, was struck."""

    id: str
    attempt: int
    last_item: int
    pid: int | None
    state: str


@dataclass
class Watch:
    """Runs that were struck together, and the seconds until each went on."""

    kind: str
    since: float
    waiting: dict[str, Work]
    seconds: list[float] = field(default_factory=list)
    untouched: int = 0
    halved: int = 0


class Recovery(threading.Thread):
    """Looks at the watched runs four times a second, and once more when told to halt."""

    def __init__(self, farm: Farm) -> None:
        super().__init__(daemon=True)
        self.farm = farm
        self.watches: list[Watch] = []
        self.halt = threading.Event()
        self._asking: Any = None
        """The strikes' own connection, beside the thread's."""

    def watch(self, kind: str, since: float, work: Iterable[Work]) -> None:
        """Measure from `since` until each of these runs has been claimed again or is over."""
        self.watches.append(Watch(kind, since, {one.id: one for one in work}))

    def run(self) -> None:
        connection = None
        halted = False
        while not halted:
            halted = self.halt.wait(POLL_SECONDS)
            try:
                connection = connection or self.farm.database()
                with connection.cursor() as cursor:
                    for watch in [one for one in self.watches if one.waiting]:
                        _look(cursor, watch)
            except psycopg2.Error:
                connection = None

    def running(self, worker: int, children: Sequence[int] | None = None) -> list[Work]:
        """The runs that a worker, or some of its processes, are at."""
        work = self._ask(f"{_SELECT} state = 'running' AND worker LIKE %s", f"%-{worker}@%")
        return [one for one in work if children is None or one.pid in children]

    def queued(self) -> list[Work]:
        """Every run that waits to be claimed."""
        return self._ask(f"{_SELECT} state = 'queued'")

    def superseded(self, work: Iterable[Work]) -> list[Work]:
        """Those of these running attempts that have been ended by somebody else."""
        before = {one.id: one for one in work}
        now = self._ask(f"{_SELECT} id = ANY(%s::uuid[])", list(before))
        return [before[one.id] for one in now if not _same(one, before[one.id])]

    def written_late(self, work: Iterable[Work]) -> int:
        """How many of these superseded attempts stored a result all the same."""
        before = {one.id: one for one in work}
        now = self._ask(f"{_SELECT} id = ANY(%s::uuid[]) AND state = 'done'", list(before))
        return sum(1 for one in now if _same(one, before[one.id]))

    def _ask(self, statement: str, *values: object) -> list[Work]:
        """Nothing while PostgreSQL is away: then nothing of the strike can be measured."""
        for _ in range(2):
            try:
                self._asking = self._asking or self.farm.database()
                with self._asking.cursor() as cursor:
                    cursor.execute(statement, values)
                    return [Work(*row) for row in cursor.fetchall()]
            except psycopg2.Error:
                self._asking = None
        return []

    def figures(self) -> dict[str, dict[str, Any]]:
        """For each kind of strike: how many runs, and the seconds until they went on."""
        kinds = dict.fromkeys(watch.kind for watch in self.watches)
        return {kind: _figures([w for w in self.watches if w.kind == kind]) for kind in kinds}


def _same(now: Work, before: Work) -> bool:
    """Whether the attempt is still the one it was, at work or done."""
    return now.attempt == before.attempt and now.state in ("running", "done")


def _look(cursor: Any, watch: Watch) -> None:
    """A claim ends the wait; a run that its struck worker had just finished never waited."""
    cursor.execute(_SEEN, (list(watch.waiting),))
    rows = {row[0]: row[1:] for row in cursor.fetchall()}
    for work in list(watch.waiting.values()):
        if work.id not in rows:
            del watch.waiting[work.id]
            continue
        attempt, last_item, state, claimed, finished = rows[work.id]
        if last_item < work.last_item:
            watch.halved += 1
            cursor.execute(_OTHER_HALVES, (work.id, work.last_item))
            watch.waiting.update({row[0]: Work(*row) for row in cursor.fetchall()})
            work = replace(work, last_item=last_item)
            watch.waiting[work.id] = work
        if claimed is not None and claimed > watch.since:
            watch.seconds.append(claimed - watch.since)
        elif state == "done" and attempt == work.attempt:
            watch.untouched += 1
        elif finished is not None:
            watch.seconds.append(max(finished - watch.since, 0.0))
        else:
            continue
        del watch.waiting[work.id]


def _figures(watches: Sequence[Watch]) -> dict[str, Any]:
    seconds = sorted(second for watch in watches for second in watch.seconds)
    return {
        "strikes": len(watches),
        "runs": len(seconds),
        "median": round(statistics.median(seconds), 1) if seconds else None,
        "p99": round(rank(seconds, 0.99), 1) if seconds else None,
        "slowest": round(seconds[-1], 1) if seconds else None,
        "halved": sum(watch.halved for watch in watches),
        "finished in the act": sum(watch.untouched for watch in watches),
        "still waiting": sum(len(watch.waiting) for watch in watches),
    }


def rank(ordered: Sequence[float], share: float) -> float:
    """The value below which that share of them lies, the nearest one there is."""
    return ordered[max(math.ceil(len(ordered) * share) - 1, 0)]
