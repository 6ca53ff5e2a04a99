"""The faults, and the order in which they strike: all of them in turn, shuffled, then again."""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import psutil
import redis

from ops.chaos import broker
from ops.chaos.farm import Farm, NothingToStrike
from ops.chaos.processes import BUSY_SECONDS, GLANCE_SECONDS, caught, each, halted
from ops.chaos.recovery import FROZEN_CHILD, FROZEN_WORKER, KILLED, Recovery, Work

FREEZE_SECONDS = 9.0
"""Nearly two leases."""


@dataclass(frozen=True)
class Strike:
    """What was struck when, by the clock, and what there is to say about it."""

    at: float
    name: str
    detail: str


class Faults:
    """Strikes one fault at a time and remembers which, when, and what it destroyed."""

    def __init__(self, farm: Farm, recovery: Recovery, seed: int) -> None:
        self.farm = farm
        self.recovery = recovery
        self.random = random.Random(seed)
        self.strikes: list[Strike] = []
        self.destroyed: set[str] = set()
        """Telemetry events that were in the broker when it was emptied."""
        self.superseded: list[Work] = []
        """Runs of frozen processes that were no longer theirs when they woke."""
        self._moment = 0.0
        self._turn: Counter[str] = Counter()
        self._round: deque[str] = deque()
        self.all: dict[str, Callable[[], str]] = {
            "kill a CPU child": self._kill_child,
            "kill a CPU worker": self._kill_worker,
            "freeze a CPU child": partial(self._freeze, FROZEN_CHILD),
            "freeze a CPU worker": partial(self._freeze, FROZEN_WORKER),
            "kill the API": partial(self._kill, "api"),
            "kill beat": partial(self._kill, "beat"),
            "kill Flower": partial(self._kill, "flower"),
            "kill the io worker": partial(self._kill, "worker-io"),
            "kill the control worker": partial(self._kill, "worker-control"),
            "kill Valkey, data kept": self._kill_valkey,
            "kill Valkey, data lost": self._kill_valkey_and_data,
            "empty Valkey": self._empty_valkey,
            "stop PostgreSQL at once": partial(self._signal_postgres, signal.SIGQUIT),
            "kill PostgreSQL": partial(self._signal_postgres, signal.SIGKILL),
        }

    def strike(self) -> Strike | None:
        """The next fault of this round whose target is up; None when there is none."""
        if not self._round:
            self._round.extend(self.random.sample(list(self.all), len(self.all)))
        for _ in range(len(self._round)):
            name = self._round.popleft()
            self._moment = time.time()
            try:
                detail = self.all[name]()
            except (NothingToStrike, psutil.Error, redis.RedisError):
                self._round.append(name)
                continue
            self.strikes.append(Strike(self._moment, name, detail))
            return self.strikes[-1]
        return None

    def _lane(self, fault: str) -> psutil.Process:
        """The CPU workers in turn, so that each lane is struck."""
        lanes = self.farm.programs("worker-cpu")
        chosen = lanes[self._turn[fault] % len(lanes)]
        self._turn[fault] += 1
        return self.farm.program(chosen)

    @contextlib.contextmanager
    def _caught(self, worker: psutil.Process) -> Iterator[tuple[list[psutil.Process], list[Work]]]:
        with caught(worker, self.recovery) as (pool, work):
            self._moment = time.time()
            yield pool, work

    def _one(self, pool: Sequence[psutil.Process], work: Sequence[Work]) -> psutil.Process:
        """One of the pool processes that are at something, and the others let go."""
        busy = {one.pid for one in work}
        chosen = self.random.choice([one for one in pool if one.pid in busy] or list(pool))
        each(psutil.Process.resume, [one for one in pool if one != chosen])
        return chosen

    def _kill(self, program: str) -> str:
        each(psutil.Process.kill, halted(self.farm.program(program)))
        return ""

    def _kill_worker(self) -> str:
        worker = self._lane("worker")
        with self._caught(worker) as (_, work):
            each(psutil.Process.kill, halted(worker))
            self.recovery.watch(KILLED, time.time(), work)
        return f"runs hit: {len(work)}"

    def _kill_child(self) -> str:
        worker = self._lane("child")
        with self._caught(worker) as (pool, work):
            child = self._one(pool, work)
            child.kill()
            own = [one for one in work if one.pid == child.pid]
            self.recovery.watch(KILLED, time.time(), own)
        return f"runs hit: {len(own)}"

    def _freeze(self, kind: str) -> str:
        """Stop pool processes past their lease and wake them: what they then write must not count.

        With one child frozen the others take its work, so it wakes beside the new attempt.
        """
        worker = self._lane(kind)
        with self._caught(worker) as (pool, work):
            begun = time.time()
            if kind == FROZEN_CHILD:
                child = self._one(pool, work)
                work = [one for one in work if one.pid == child.pid]
            self.recovery.watch(kind, begun, work)
            time.sleep(FREEZE_SECONDS)
            taken = self.recovery.superseded(work)
        self.superseded += taken
        return f"runs hit: {len(work)}, taken from it: {len(taken)}"

    def _await_backlog(self) -> None:
        """Give runs a moment to wait in the broker, so that there is something to recover."""
        until = time.monotonic() + BUSY_SECONDS
        while not self.recovery.queued() and time.monotonic() < until:
            time.sleep(GLANCE_SECONDS)
        self._moment = time.time()

    def _kill_valkey(self) -> str:
        self._await_backlog()
        self.farm.program("valkey").kill()
        return self._backlog("Valkey killed, data kept")

    def _kill_valkey_and_data(self) -> str:
        """supervisord stands still meanwhile, so that the new server finds nothing for certain."""
        self._await_backlog()
        valkey, supervisor = self.farm.program("valkey"), self.farm.supervisor()
        with self.farm.valkey() as client:
            inside = broker.read_before_the_end(client)
        supervisor.suspend()
        try:
            valkey.kill()
            while valkey.is_running() and valkey.status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.005)
            shutil.rmtree(self.farm.home / "valkey" / "appendonlydir")
        finally:
            supervisor.resume()
        return self._emptied("Valkey killed, data lost", inside)

    def _empty_valkey(self) -> str:
        self._await_backlog()
        with self.farm.valkey() as client:
            inside = broker.empty(client)
        return self._emptied("Valkey emptied", inside)

    def _emptied(self, kind: str, inside: set[str]) -> str:
        self.destroyed |= inside
        return f"{self._backlog(kind)}, events inside: {len(inside)}"

    def _backlog(self, kind: str) -> str:
        back = broker.answers(self.farm)
        if back is None:
            return "did not come back in time"
        waiting = self.recovery.queued()
        self.recovery.watch(kind, back, waiting)
        return f"runs queued: {len(waiting)}"

    def _signal_postgres(self, number: signal.Signals) -> str:
        self.farm.program("postgres").send_signal(number)
        return ""
