"""Throughput against a running farm, as ratios to what the parts could do alone.

    python ops/bench/throughput.py [--items 10000] [--singles 500] [--json]

Prints, measured in one run on the same machine: items/s of a batch in fast mode against the
engines' own speed in one process times the worker processes; single jobs/s against a bare Celery
round trip that stores nothing (published and consumed in this process's own thread worker); the
guard call's p95 while the batch runs against its idle p95.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from cli.attach import attach  # noqa: E402
from core.analysis import Content, Mode  # noqa: E402

PROMPT = "Please translate the weather report into French and keep the tone friendly."
CLIENTS = 8


def engine_speed(count: int) -> float:
    """Items a second of the fast mode's engines in this process."""
    from engines.catalogue import select
    from engines.runner import run

    engines = select(Mode.FAST)
    contents = [Content(text=f"{PROMPT} {n}") for n in range(count)]
    run(engines, contents[:50])
    begun = time.perf_counter()
    run(engines, contents)
    return count / (time.perf_counter() - begun)


def batch_speed(client: httpx.Client, count: int) -> float:
    """Items a second of one batch, from the submission to the last verdict."""
    items = [{"text": f"{PROMPT} {n}"} for n in range(count)]
    begun = time.perf_counter()
    answer = client.post("/api/v1/analyses", json={"items": items, "mode": "fast"})
    answer.raise_for_status()
    link = answer.json()["links"]["self"]
    while client.get(link).json()["status"] in ("queued", "running"):
        time.sleep(0.05)
    return count / (time.perf_counter() - begun)


def bare_celery_speed(count: int) -> float:
    """Tasks a second through the broker to a worker that does nothing with them."""
    from celery import Celery

    from core.settings import settings

    app = Celery("bare", broker=settings().broker())
    app.conf.update(task_ignore_result=True, broker_transport_options={"global_keyprefix": "bare:"})
    done, every = threading.Event(), {"n": 0}

    @app.task(name="bare.nothing")
    def nothing() -> None:
        every["n"] += 1
        if every["n"] >= count:
            done.set()

    from celery.contrib.testing.worker import start_worker

    with start_worker(app, pool="threads", concurrency=2, perform_ping_check=False):
        begun = time.perf_counter()
        for _ in range(count):
            nothing.delay()
        done.wait(120)
        return count / (time.perf_counter() - begun)


def single_speed(url: str, count: int) -> float:
    """Jobs a second of single submissions by several clients, to the last verdict."""

    def post(_: int) -> str:
        answer = clients[threading.get_ident() % CLIENTS].post(
            "/api/v1/analyses", json={"text": PROMPT, "mode": "fast"}
        )
        answer.raise_for_status()
        return str(answer.json()["links"]["self"])

    clients = [httpx.Client(base_url=url, timeout=30) for _ in range(CLIENTS)]
    begun = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as threads:
        links = list(threads.map(post, range(count)))
    while clients[0].get(links[-1]).json()["status"] in ("queued", "running"):
        time.sleep(0.02)
    return count / (time.perf_counter() - begun)


def guard_p95(client: httpx.Client, while_true: Any) -> float:
    """The guard call's 95th percentile in milliseconds."""
    spent = []
    while while_true(len(spent)):
        begun = time.perf_counter()
        client.post("/api/v1/analyze", json={"text": PROMPT}).raise_for_status()
        spent.append((time.perf_counter() - begun) * 1000)
    return statistics.quantiles(spent, n=20)[18]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--singles", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    attach(os.environ.get("SENTINEL_HOME"))
    url = f"http://127.0.0.1:{os.environ.get('GATEWAY_PORT', '8080')}"
    processes = int(os.environ.get("BRAIN_WORKERS") or 0) or os.cpu_count() or 1
    with httpx.Client(base_url=url, timeout=60) as client:
        idle = guard_p95(client, lambda n: n < 100)
        alone = engine_speed(2000)
        batch = batch_speed(client, chosen.items)
        bare = bare_celery_speed(chosen.singles)
        single = single_speed(url, chosen.singles)
        link = client.post(
            "/api/v1/analyses",
            json={"items": [{"text": f"{PROMPT} {n}"} for n in range(chosen.items)]},
        ).json()["links"]["self"]

        def running(done: int) -> bool:
            return done < 20 or client.get(link).json()["status"] in ("queued", "running")

        busy = guard_p95(client, running)
    found = {
        "batch items/s": round(batch),
        "engines alone, one process, items/s": round(alone),
        "batch / (engines x processes)": round(batch / (alone * processes), 2),
        "single jobs/s": round(single),
        "bare Celery tasks/s": round(bare),
        "single / bare Celery": round(single / bare, 2),
        "guard p95 idle, ms": round(idle, 1),
        "guard p95 beside a batch, ms": round(busy, 1),
        "beside / idle": round(busy / idle, 2),
    }
    if chosen.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:<40}{value:>10}")


if __name__ == "__main__":
    main()
