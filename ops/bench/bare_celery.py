"""Celery without a farm: the same engines behind `delay().get()`, no database and no API.

The worker is `celery -A ops.bench.bare_celery worker`, prefork, on the farm's Valkey under a
prefix of its own, with Celery's defaults. As a program this is the client, a process of its own
whose threads publish and wait: `{"clients": 8, "seconds": 3, "salt": …}` measures results that
are waited for, with `"count"` tasks that do nothing and that nobody waits for. The worker's
processes count those by appending a byte to the file BENCH_COUNT, which costs a microsecond or
two; a counter in Valkey would cost as much as the task.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from celery import Celery, signals

from core.settings import settings
from ops.bench.alone import judged
from ops.bench.beside import COUNT_ENV
from ops.bench.texts import prompt

PREFIX = "bench-bare:"
PATIENCE = 60.0

app = Celery("bare", broker=settings().broker(), backend=settings().broker())
app.conf.update(
    broker_transport_options={"global_keyprefix": PREFIX},
    result_backend_transport_options={"global_keyprefix": PREFIX},
    broker_connection_retry_on_startup=True,
    result_expires=60,
)
_file: dict[int, int] = {}


@app.task(name="bare.verdict")  # type: ignore[untyped-decorator]
def verdict(text: str) -> dict[str, Any]:
    """The engines over one prompt; the verdict is the result."""
    return judged(text)


@app.task(name="bare.nothing", ignore_result=True)  # type: ignore[untyped-decorator]
def nothing() -> None:
    """Count that it ran."""
    place = _file.get(os.getpid())
    if place is None:
        place = os.open(os.environ[COUNT_ENV], os.O_WRONLY | os.O_APPEND)
        _file[os.getpid()] = place
    os.write(place, b".")


@signals.worker_process_init.connect  # type: ignore[untyped-decorator]
def _warm(**_: object) -> None:
    judged("warm up")


def _together(count: int, warm: Callable[[], object], work: Callable[[int], None]) -> float:
    """Run `work(number)` on so many threads, each warm and all at once; the seconds it took."""
    ready = threading.Barrier(count + 1)

    def client(number: int) -> None:
        warm()
        ready.wait()
        work(number)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    ready.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begun


def awaited(clients: int, seconds: float, salt: str) -> dict[str, Any]:
    """Tasks whose results are waited for, by clients that send the next one then."""
    ms: list[float] = []

    def client(number: int) -> None:
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            begun = time.perf_counter()
            verdict.delay(prompt(salt, number)).get(timeout=PATIENCE)
            ms.append((time.perf_counter() - begun) * 1000)
            number += clients

    spent = _together(clients, lambda: verdict.delay("warm up").get(timeout=PATIENCE), client)
    return {"ms": ms, "spent": spent}


def unawaited(clients: int, count: int) -> dict[str, Any]:
    """Tasks from the first publication to the last consumption."""
    file = Path(os.environ[COUNT_ENV])
    share = -(-count // clients)
    before = file.stat().st_size

    def consumed(wanted: int) -> None:
        until = time.monotonic() + PATIENCE
        while file.stat().st_size < before + wanted:
            if time.monotonic() > until:
                raise TimeoutError("the bare worker did not consume every task")
            time.sleep(0.002)

    def warm() -> None:
        nothing.delay()
        consumed(clients)

    def client(_: int) -> None:
        for _ in range(share):
            nothing.delay()

    published = _together(clients, warm, client)
    begun = time.perf_counter()
    consumed(clients * (share + 1))
    return {"count": share * clients, "spent": published + time.perf_counter() - begun}


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    if "count" in asked:
        print(json.dumps(unawaited(asked["clients"], asked["count"])))
    else:
        print(json.dumps(awaited(asked["clients"], asked["seconds"], asked["salt"])))
