"""A storm of alerts: how long one flush takes, from rows in PostgreSQL to messages delivered.

    python -m ops.bench.storm [--alerts 10000] [--groups 100] [--rounds 3]

Runs on stores of its own in a temporary folder. Deciding and delivering happen in this process, as
in one io worker; the receiver is a web server in a thread of it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

from ops.stores import own_stores

FLUSH_SECONDS = 10.0
"""What the flat form gathers for; a flush that takes longer would be late for the next."""


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="ops.bench.storm")
    parser.add_argument("--alerts", type=int, default=10_000)
    parser.add_argument("--groups", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


@contextmanager
def _receiver() -> Iterator[tuple[int, list[int]]]:
    """A port that takes posts, and the sizes of what came."""
    sizes: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sizes.append(len(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1], sizes
    finally:
        server.shutdown()


def _raise_alerts(count: int, groups: int, now: datetime) -> None:
    from core.database import unit_of_work
    from workers.alerting import fire

    anomaly = UUID(int=1)
    with unit_of_work() as work:
        for number in range(count):
            labels = {
                "alertname": f"alert-{number % groups}",
                "severity": "warning",
                "application": f"app-{number}",
                "model": "gpt-x",
            }
            fire(work, "default", labels, {"summary": "much too slow"}, anomaly, now, now)


def _flush(now: datetime, sizes: list[int], wanted: int) -> tuple[float, float]:
    """Seconds to decide, and until everything that was decided is delivered."""
    from workers import alerting, delivery

    begun, had = time.perf_counter(), len(sizes)
    decided = alerting.decide_all(now)
    spent = time.perf_counter() - begun
    if decided != wanted:
        raise RuntimeError(f"{decided} decided instead of {wanted}")
    while len(sizes) - had < wanted:
        delivery.deliver_due()
    return spent, time.perf_counter() - begun


def main() -> None:
    """Print one line a round."""
    chosen = arguments()
    with (
        tempfile.TemporaryDirectory(prefix="sentinel-storm-") as folder,
        _receiver() as (port, sizes),
    ):
        file = Path(folder) / "alerts.yaml"
        hook = f"{{name: hook, type: webhook, config: {{url: 'http://127.0.0.1:{port}/'}}}}"
        file.write_text(f"routing: [{{receivers: [hook]}}]\nreceivers: [{hook}]\n")
        os.environ["ALERTS_FILE"] = str(file)
        with own_stores():
            _measure(chosen, sizes)


def _measure(chosen: argparse.Namespace, sizes: list[int]) -> None:
    from core.database import unit_of_work
    from workers import alerting

    print(f"{chosen.alerts} firing alerts in {chosen.groups} groups, {os.cpu_count()} cores")
    for number in range(chosen.rounds):
        with unit_of_work() as work:
            work.execute("TRUNCATE alerts, alert_groups, notifications CASCADE")
        now = datetime.now(UTC) - timedelta(minutes=5)
        _raise_alerts(chosen.alerts, chosen.groups, now)
        decided, delivered = _flush(now, sizes, chosen.groups)
        begun = time.perf_counter()
        alerting.decide_all(now + timedelta(seconds=1))
        quiet = time.perf_counter() - begun
        with unit_of_work() as work:
            alerting.resolve(work, UUID(int=1), now + timedelta(seconds=5))
        ended, over = _flush(now + timedelta(seconds=10), sizes, chosen.groups)
        print(
            f"round {number + 1}: firing decided in {decided:.2f} s, delivered after"
            f" {delivered:.2f} s; a look with nothing due {quiet:.2f} s; resolved decided in"
            f" {ended:.2f} s, delivered after {over:.2f} s"
            f" ({'within' if max(delivered, over) <= FLUSH_SECONDS else 'over'} one flush of"
            f" {FLUSH_SECONDS:.0f} s)",
            flush=True,
        )


if __name__ == "__main__":
    main()
