"""Latency at low load against a running farm: submit to persisted result, and the guard call.

    python ops/bench/latency.py [--url URL] [--count 200] [--text-length 200]

Each job is sent when the one before is done. "persisted" is the database's clock, from acceptance
to the committed verdict; "guard call" the client's, from request to answer; "HTTP alone" the
client's for a route that touches nothing, so that ratios mean something on any machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

import httpx

WARM_UP = 20
WORDS = "The library opens at nine and lends books on gardening to everyone who asks. "


def timed(call: Callable[[], object], count: int) -> list[float]:
    """Milliseconds of each call."""
    spent = []
    for _ in range(count):
        begun = time.perf_counter()
        call()
        spent.append((time.perf_counter() - begun) * 1000)
    return spent


def line(name: str, values: list[float], base: float) -> str:
    cuts = statistics.quantiles(values, n=100)
    return f"{name:<28}{cuts[49]:>8.1f}{cuts[94]:>8.1f}{cuts[98]:>8.1f}{cuts[49] / base:>10.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    port = os.environ.get("GATEWAY_PORT", "8080")
    parser.add_argument("--url", default=f"http://127.0.0.1:{port}")
    parser.add_argument("--key", default=os.environ.get("SENTINEL_API_KEY", ""))
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--text-length", type=int, default=200)
    chosen = parser.parse_args()
    headers = {"X-API-Key": chosen.key} if chosen.key else {}
    body = {"text": (WORDS * (chosen.text_length // len(WORDS) + 1))[: chosen.text_length]}
    with httpx.Client(base_url=chosen.url, headers=headers, timeout=30) as client:

        def guard() -> None:
            client.post("/api/v1/analyze", json=body).raise_for_status()

        persisted: list[float] = []

        def job() -> None:
            answer = client.post("/api/v1/analyses", json=body, headers={"Prefer": "wait=30"})
            answer.raise_for_status()
            persisted.append(answer.json()["timings"]["total_ms"])

        timed(guard, WARM_UP)
        alone = timed(lambda: client.get("/health").raise_for_status(), chosen.count)
        guards = timed(guard, chosen.count)
        jobs = timed(job, chosen.count)
    base = statistics.median(alone)
    print(f"{chosen.count} each, one at a time, {chosen.text_length} characters, milliseconds")
    print(f"{'':<28}{'p50':>8}{'p95':>8}{'p99':>8}{'p50/HTTP':>10}")
    print(line("HTTP alone (GET /health)", alone, base))
    print(line("submit to persisted result", persisted, base))
    print(line("submit with Prefer: wait", jobs, base))
    print(line("guard call", guards, base))


if __name__ == "__main__":
    main()
