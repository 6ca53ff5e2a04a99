"""One round: every measurement once, on a farm that does nothing else."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.bench.beside import ask, running
from ops.bench.farm import Farm
from ops.bench.figures import Row, latencies
from ops.bench.texts import fresh_salt

CALM = 0.02
"""Seconds that a client at low load rests between two requests."""
REST = 0.5


@dataclass(frozen=True)
class Plan:
    """How much of everything. `calm_seconds` is the time of a guard client at low load."""

    clients: int = 8
    workers: int = 2
    seconds: float = 3.0
    calm_seconds: float = 8.0
    items: int = 10_000
    tasks: int = 4_000
    samples: int = 2_000


QUICK = Plan(seconds=0.5, calm_seconds=0.7, items=300, tasks=200, samples=300)


class Round:
    """The measurements of one round; `rows` has them by name.

    What is compared is measured in succession, because a shared machine changes its speed.
    """

    def __init__(self, farm: Farm, plan: Plan, flask_url: str) -> None:
        self.farm, self.plan, self.flask_url = farm, plan, flask_url
        self.rows: dict[str, Row] = {}
        self.refused: Counter[str] = Counter()

    def run(self) -> Mapping[str, Row]:
        """Everything once."""
        balanced = ask("alone", salt=fresh_salt(), count=self.plan.samples, mode="balanced")
        self.rows["engines alone, balanced, one process"] = balanced
        self._calm("GET /health", "health", self.plan.seconds)
        self._calls("guard", "guard")
        self._calls("Flask inline", "guard", url=self.flask_url)
        self._calls("guard, repeated prompts", "guard", repeated=True)
        self._calls("single, polled", "polled")
        self._calls("single, Prefer: wait", "awaited")
        self._bare_waited()
        self._unwaited()
        self._bare_unwaited()
        self._batch()
        self._beside()
        return self.rows

    def warm_up(self) -> None:
        """Open connections and prepare statements everywhere."""
        for kind in ("guard", "polled", "awaited"):
            self._load(kind, clients=self.plan.clients, seconds=min(self.plan.seconds, 1.0))

    def _load(self, kind: str, **more: Any) -> dict[str, Any]:
        salt = fresh_salt()
        asked: dict[str, Any] = {"url": self.farm.url, "key": self.farm.key, "salt": salt}
        asked |= {"kind": kind, "application": "bench-" + salt.replace(" ", "-"), **more}
        seen = ask("load", **asked)
        self.refused.update(
            {f"{kind} {status}": n for status, n in seen["statuses"].items() if status[0] != "2"}
        )
        return {**asked, **seen}

    def _calls(self, name: str, kind: str, **more: Any) -> None:
        """One client at low load, then many in a closed loop."""
        seconds = self.plan.calm_seconds if name == "guard" else self.plan.seconds
        seen = self._calm(name, kind, seconds, **more)
        if kind == "awaited":
            self.rows["single by the database's clock, one client"] = latencies(seen["stored"])
        time.sleep(REST)
        seen = self._load(kind, clients=self.plan.clients, seconds=self.plan.seconds, **more)
        latency = latencies(seen["ms"])
        self.rows[f"{name}, many clients"] = {"/s": len(seen["ms"]) / seen["spent"], **latency}

    def _calm(self, name: str, kind: str, seconds: float, **more: Any) -> dict[str, Any]:
        seen = self._load(kind, seconds=seconds, pause=CALM, **more)
        self.rows[f"{name}, one client"] = latencies(seen["ms"])
        return seen

    def _unwaited(self) -> None:
        """Jobs posted as fast as they are accepted, to the end of the last one."""
        seen = self._load("posted", clients=self.plan.clients, seconds=self.plan.seconds)
        self.farm.settle(seen["application"])
        spent = self.farm.last_end(seen["application"]) - seen["begun"]
        self.rows["single, not waited for, many clients"] = {"/s": len(seen["ms"]) / spent}

    def _bare_waited(self) -> None:
        plan = self.plan
        seen = ask("bare_celery", clients=plan.clients, seconds=plan.seconds, salt=fresh_salt())
        rate = len(seen["ms"]) / seen["spent"]
        self.rows["bare Celery, waited for, many clients"] = {"/s": rate, **latencies(seen["ms"])}

    def _bare_unwaited(self) -> None:
        seen = ask("bare_celery", clients=self.plan.clients, count=self.plan.tasks)
        rate = seen["count"] / seen["spent"]
        self.rows["bare Celery, doing nothing, not waited for"] = {"/s": rate}

    def _batch(self) -> None:
        """One batch, and the engines alone on as many texts right before and after it."""
        salt, items = fresh_salt(), self.plan.items
        before = ask("alone", salt=salt, count=items, mode="fast")
        (batch,) = self._load("batches", items=items, batches=1)["batches"]
        after = ask("alone", salt=salt, count=items, mode="fast")
        self.rows["engines alone, fast, one process"] = {"/s": (before["/s"] + after["/s"]) / 2}
        self.rows["batch, fast"] = {"/s": batch["items"] / batch["seconds"]}

    def _beside(self) -> None:
        """The guard client at low load again, while two feeders keep a batch running."""
        application = "bench-beside-" + fresh_salt().replace(" ", "-")
        feed = {"url": self.farm.url, "key": self.farm.key, "kind": "batches", "clients": 2}
        feed |= {"salt": fresh_salt(), "application": application, "items": self.plan.items}
        with running("ops.bench.load", asked=feed):
            until = time.monotonic() + 30
            while not self.farm.jobs(application, "running") and time.monotonic() < until:
                time.sleep(0.05)
            seen = self._load("guard", seconds=self.plan.calm_seconds, pause=CALM)
            if not self.farm.open(application):
                print("no batch was running beside the guard calls", file=sys.stderr)
        self.farm.cancel(application)
        time.sleep(REST)
        self.rows["guard beside a batch, one client"] = latencies(seen["ms"])
