"""What the farm told its clients: what it took, what it refused, what nobody can know."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx

COMPLETED = frozenset({"completed", "completed_with_errors"})
ENDED = re.compile(r"the analysis ([0-9a-f-]{36}) ended (\w+)")


@dataclass
class Promises:
    """Kept by the clients, audited at the end. A promise made twice by the same key counts once."""

    jobs: dict[str, str] = field(default_factory=dict)
    """Job id, and what it was: single, batch or guard."""
    told: dict[str, frozenset[str]] = field(default_factory=dict)
    """Job id, and the states of which the client was told one."""
    keys: dict[str, str] = field(default_factory=dict)
    """Idempotency-Key, and the job it gave."""
    events: set[str] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    refusals: list[tuple[float, str]] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)
    guards: list[tuple[float, float]] = field(default_factory=list)
    """When each guard call was answered with a verdict, and after how many seconds."""
    wrong: list[str] = field(default_factory=list)
    """Guard answers that let the attack pass."""
    repeated: int = 0
    broken_keys: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def refuse(self, kind: str, reason: str) -> None:
        """The client knows that it got nothing, by an answer or for want of a connection."""
        with self.lock:
            self.refused[f"{kind} {reason}"] += 1
            self.refusals.append((time.time(), reason))

    def give_up(self, kind: str) -> None:
        """The client will never know."""
        with self.lock:
            self.unknown[kind] += 1

    def promise(self, kind: str, job: str, key: str | None) -> None:
        """A job was taken; the same key must always give the same job."""
        with self.lock:
            if key is not None and self.keys.setdefault(key, job) != job:
                self.broken_keys.append(key)
            self.jobs[job] = kind

    def take_events(self, events: list[str]) -> None:
        """A batch of telemetry was taken."""
        with self.lock:
            self.events.update(events)

    def tell(self, job: str, *states: str) -> None:
        """The client was told how the job ended."""
        with self.lock:
            self.told[job] = frozenset(states)

    def answered_guard(self, answer: httpx.Response, seconds: float) -> bool:
        """Note a verdict, or an analysis that ended without one. False when it is a refusal."""
        if answer.status_code == 200:
            said = answer.json()
            job = said["analysis_id"]
            self.promise("guard", job, None)
            self.tell(job, *COMPLETED)
            with self.lock:
                self.guards.append((time.time(), seconds))
                if said["action"] != "block":
                    self.wrong.append(job)
            return True
        if ended := ENDED.search(answer.text):
            self.promise("guard", ended[1], None)
            self.tell(ended[1], ended[2])
        return False
