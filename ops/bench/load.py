"""The load generator: a process of its own with one thread, and clients that are generators.

Reads a `Load` as JSON from its input and writes what it saw as JSON. All clients share one thread
over `selectors`, because threads would fight for the interpreter's lock and the cores are shared
with the farm. A client yields the bytes of a request and is sent the reply, or yields seconds to
pause. Latencies are the client's, from the request to the answer that ends the job.
"""

from __future__ import annotations

import heapq
import itertools
import json
import selectors
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ops.bench import spans
from ops.bench.texts import prompt
from ops.bench.wire import Connection, Reply, request

Client = Generator[bytes | float, Reply | None, None]
POLLS = (0.005, 0.005, 0.01, 0.01, 0.02, 0.02, 0.04)
"""Pauses between a client's looks at its job; the last one repeats."""
BATCH_POLL = 0.25
OPEN = ("queued", "running")


@dataclass(frozen=True)
class Load:
    """What to send: `kind` is health, guard, polled, awaited, posted, batches, events,
    spans-protobuf or spans-json. So many `items` make a post; 0 is one event that stands alone."""

    url: str
    kind: str
    salt: str
    application: str
    clients: int = 1
    seconds: float = 3.0
    pause: float = 0.0
    repeated: bool = False
    items: int = 0
    batches: int = 0
    key: str = ""


@dataclass
class Seen:
    """What the clients saw: milliseconds of each request or job, `stored` by the database's clock
    from acceptance to the committed verdict; statuses; batches."""

    ms: list[float] = field(default_factory=list)
    stored: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    batches: list[dict[str, float]] = field(default_factory=list)
    begun: float = 0.0
    spent: float = 0.0


def clients(load: Load, seen: Seen, until: float) -> list[Client]:
    """The generators of this load."""
    make: dict[str, Callable[[], Client]] = {
        "health": lambda: _healths(load, seen, until),
        "guard": lambda: _calls(load, seen, until, numbers, "/api/v1/analyze"),
        "posted": lambda: _calls(load, seen, until, numbers, "/api/v1/analyses"),
        "polled": lambda: _calls(load, seen, until, numbers, "/api/v1/analyses", poll=True),
        "awaited": lambda: _calls(
            load, seen, until, numbers, "/api/v1/analyses", poll=True, prefer="wait=30"
        ),
        "batches": lambda: _batches(load, seen, numbers),
        "events": lambda: _events(load, seen, until, numbers),
        "spans-protobuf": lambda: _spans(load, seen, until, numbers, spans.PROTOBUF),
        "spans-json": lambda: _spans(load, seen, until, numbers, spans.JSON),
    }
    numbers = itertools.count()
    return [make[load.kind]() for _ in range(load.clients)]


def _healths(load: Load, seen: Seen, until: float) -> Client:
    """A route that touches nothing: what HTTP costs alone."""
    asked = request("GET", "/health")
    while time.perf_counter() < until:
        begun = time.perf_counter()
        yield asked
        seen.ms.append((time.perf_counter() - begun) * 1000)
        yield load.pause


def _calls(
    load: Load,
    seen: Seen,
    until: float,
    numbers: itertools.count[int],
    path: str,
    *,
    poll: bool = False,
    prefer: str = "",
) -> Client:
    while time.perf_counter() < until:
        number = 0 if load.repeated else next(numbers)
        body = {"text": prompt(load.salt, number), "application_id": load.application}
        asked = request("POST", path, load.key, body, prefer)
        begun = time.perf_counter()
        reply = yield asked
        assert reply is not None
        seen.statuses[reply.status] += 1
        if poll and reply.status == 202:
            reply = yield from _ended(load, reply.json()["links"]["self"], POLLS)
        if reply.status in (200, 202):
            seen.ms.append((time.perf_counter() - begun) * 1000)
        if poll and reply.status == 200:
            seen.stored.append(reply.json()["timings"]["total_ms"])
        if load.pause:
            yield load.pause


def _ended(load: Load, link: str, pauses: Sequence[float]) -> Generator[Any, Any, Reply]:
    """Look at a job until it ended; the reply that shows it."""
    look = request("GET", link, load.key)
    for pause in itertools.chain(pauses, itertools.repeat(pauses[-1])):
        yield pause
        reply: Reply = yield look
        if reply.status == 200 and reply.json()["status"] not in OPEN:
            return reply
    raise AssertionError("pauses do not end")


def _batches(load: Load, seen: Seen, numbers: itertools.count[int]) -> Client:
    for number in itertools.takewhile(lambda n: not load.batches or n < load.batches, numbers):
        first = number * load.items
        items = [{"text": prompt(load.salt, n)} for n in range(first, first + load.items)]
        body = {"items": items, "mode": "fast", "application_id": load.application}
        asked = request("POST", "/api/v1/analyses", load.key, body, "wait=60")
        sent = time.time()
        reply = yield asked
        assert reply is not None
        seen.statuses[reply.status] += 1
        if reply.status not in (200, 202):
            yield BATCH_POLL
            continue
        if reply.status == 202:
            reply = yield from _ended(load, reply.json()["links"]["self"], (BATCH_POLL,))
        job = reply.json()
        ended = datetime.fromisoformat(job["finished_at"]).timestamp()
        seen.batches.append({"items": job["progress"]["done"], "seconds": ended - sent})


def _events(load: Load, seen: Seen, until: float, numbers: itertools.count[int]) -> Client:
    """Posts of telemetry; a refused one is followed by a pause."""
    while time.perf_counter() < until:
        events = [_event(load, next(numbers)) for _ in range(load.items or 1)]
        asked = request(
            "POST", "/api/v1/telemetry/events", load.key, events if load.items else events[0]
        )
        begun = time.perf_counter()
        reply = yield asked
        assert reply is not None
        seen.statuses[reply.status] += 1
        if reply.status == 202:
            seen.ms.append((time.perf_counter() - begun) * 1000)
        else:
            yield BATCH_POLL


def _spans(
    load: Load, seen: Seen, until: float, numbers: itertools.count[int], kind: str
) -> Client:
    """Posts of spans; a refused one is followed by a pause."""
    template = spans.Template(kind, load.application, load.items)
    while time.perf_counter() < until:
        body = template.body(next(numbers) * load.items)
        begun = time.perf_counter()
        reply = yield request("POST", spans.PATH, load.key, body, kind=kind)
        assert reply is not None
        seen.statuses[reply.status] += 1
        if reply.status == 200:
            seen.ms.append((time.perf_counter() - begun) * 1000)
        else:
            yield BATCH_POLL


def _event(load: Load, number: int) -> dict[str, Any]:
    return {
        "event_id": f"{load.salt}-{number}",
        "timestamp": datetime.now(UTC).isoformat(),
        "event_type": "llm.response",
        "application_id": load.application,
        "data": {
            "model": f"model-{number % 4}",
            "status": "success" if number % 50 else "error",
            "latency_ms": 200 + number * 7919 % 3001,
            "prompt_tokens": 900,
            "completion_tokens": number % 500,
            "cost": 0.0125,
        },
        "metadata": {"user_id": f"user-{number % 1000}", "environment": "production"},
    }


def drive(url: str, scripts: Sequence[Client]) -> None:
    """Run the clients to their ends."""
    ready = selectors.DefaultSelector()
    timers: list[tuple[float, int, Client, Connection]] = []
    order = itertools.count()
    open_clients = len(scripts)

    def go_on(client: Client, connection: Connection, reply: Reply | None) -> None:
        nonlocal open_clients
        try:
            wanted = client.send(reply)
        except StopIteration:
            open_clients -= 1
            return
        if isinstance(wanted, bytes):
            connection.send(wanted)
        else:
            due = time.perf_counter() + wanted
            heapq.heappush(timers, (due, next(order), client, connection))

    for client in scripts:
        connection = Connection(url)
        ready.register(connection.socket, selectors.EVENT_READ, (client, connection))
        go_on(client, connection, None)
    while open_clients:
        left = max(timers[0][0] - time.perf_counter(), 0) if timers else None
        for key, _ in ready.select(left):
            client, connection = key.data
            reply = connection.receive()
            if reply is None:
                continue
            if reply.status == 0:
                ready.unregister(connection.socket)
                connection.reopen()
                ready.register(connection.socket, selectors.EVENT_READ, (client, connection))
            go_on(client, connection, reply)
        while timers and timers[0][0] <= time.perf_counter():
            _, _, client, connection = heapq.heappop(timers)
            go_on(client, connection, None)


def run(load: Load) -> Seen:
    """Send the load; what was seen."""
    seen = Seen(begun=time.time())
    begun = time.perf_counter()
    drive(load.url, clients(load, seen, begun + load.seconds))
    seen.spent = time.perf_counter() - begun
    return seen


if __name__ == "__main__":
    print(json.dumps(vars(run(Load(**json.load(sys.stdin))))))
