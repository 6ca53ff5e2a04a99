"""What the API does with each event, without a farm: processor time of its views on batches of 500.

    python -m ops.bench.reading [--times 20] [--profile protobuf]

A batch is read, checked and made into lines as it is in the API; what would be kept in Valkey is
dropped. The least of five repetitions counts, since others use the cores too. `--profile` shows by
cProfile where the time of one kind goes, which makes Python dearer but not C.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import json
import os
import pstats
import tempfile
import time
from collections.abc import Callable
from unittest.mock import patch

from ops.bench.load import Load, _event
from ops.bench.spans import JSON, PATH, PROTOBUF, Template

BATCH = 500
EVENTS = "/api/v1/telemetry/events"
REPEATS = 5


def batches() -> dict[str, tuple[str, str, bytes]]:
    """By name: path, content type and body."""
    load = Load("", "events", "salt", "reading")
    events = json.dumps([_event(load, number) for number in range(BATCH)]).encode()
    return {
        "protobuf": (PATH, PROTOBUF, Template(PROTOBUF, "reading", BATCH).body(0)),
        "otlp-json": (PATH, JSON, Template(JSON, "reading", BATCH).body(0)),
        "json": (EVENTS, JSON, events),
    }


def calls() -> dict[str, Callable[[], None]]:
    """By name, what hands a batch to its view."""
    from flask import g

    from api.app import create_app

    app = create_app()
    adapter = app.url_map.bind("localhost")
    gc.collect()
    gc.freeze()

    def call(path: str, kind: str, body: bytes) -> None:
        with app.test_request_context(path, method="POST", data=body, content_type=kind):
            g.tenant = "default"
            app.view_functions[adapter.match(path, "POST")[0]]()

    return {
        name: lambda given=given: call(*given)  # type: ignore[misc]
        for name, given in batches().items()
    }


def microseconds(call: Callable[[], None], times: int) -> float:
    """Of this process's own time for each event."""
    found = []
    for _ in range(REPEATS):
        begun = time.process_time()
        for _ in range(times):
            call()
        found.append((time.process_time() - begun) / times / BATCH * 1e6)
    return min(found)


def main() -> None:
    """Time every kind, or profile one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--times", type=int, default=20, help="batches of a repetition")
    parser.add_argument("--profile", choices=("protobuf", "otlp-json", "json"))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sentinel-reading-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        with patch("workers.pending.keep", lambda batches, events: False):
            found = calls()
            if chosen.profile:
                profiler = cProfile.Profile()
                profiler.runcall(microseconds, found[chosen.profile], chosen.times)
                pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(30)
                return
            for name, call in found.items():
                print(f"{name}: {microseconds(call, chosen.times):.1f} µs for each event")


if __name__ == "__main__":
    main()
