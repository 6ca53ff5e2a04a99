"""The farm that is measured: one of its own on free ports, or one that runs already."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from cli.attach import attach
from core.ports import free_port
from ops.bench.beside import ROOT
from ops.bench.wire import Connection, request

READY_SECONDS = 90.0
OURS = ("DATABASE_URL", "REDIS_URL", "SENTINEL_HOME", "SENTINEL_CONFIG", "BRAIN_WORKERS")
PORTS = (
    "GATEWAY_PORT",
    "GRPC_PORT",
    "METRICS_PORT",
    "FLOWER_PORT",
    "POSTGRES_PORT",
    "VALKEY_PORT",
)


class Farm:
    """A farm by its URL, asked through routes that cost it little."""

    def __init__(self, url: str, key: str = "") -> None:
        self.url, self.key = url, key

    def _json(self, method: str, path: str) -> Any:
        """One request on a connection of its own; measurements lie long apart."""
        connection = Connection(self.url)
        try:
            return connection.call(request(method, path, self.key)).json()
        finally:
            connection.socket.close()

    def ready(self) -> bool:
        """Whether it takes work."""
        try:
            connection = Connection(self.url)
            return connection.call(request("GET", "/ready")).status == 200
        except OSError:
            return False

    def jobs(self, application: str, state: str = "", limit: int = 1) -> list[dict[str, Any]]:
        """The application's newest jobs."""
        wanted = f"?application={application}&limit={limit}" + (f"&state={state}" if state else "")
        return list(self._json("GET", f"/api/v1/analyses{wanted}")["items"])

    def open(self, application: str) -> bool:
        """Whether one of the application's jobs has not ended."""
        return any(self.jobs(application, state) for state in ("queued", "running"))

    def settle(self, application: str, seconds: float = 120.0) -> None:
        """Wait until every job of the application has ended."""
        until = time.monotonic() + seconds
        while self.open(application):
            if time.monotonic() > until:
                raise SystemExit(f"the jobs of {application} do not end; see the farm's logs")
            time.sleep(0.05)

    def cancel(self, application: str) -> None:
        """Cancel what the application still has open."""
        for state in ("queued", "running"):
            for job in self.jobs(application, state, limit=100):
                self._json("POST", job["links"]["cancel"])
        self.settle(application)

    def last_end(self, application: str) -> float:
        """When the last of the application's newest jobs ended, seconds since the epoch."""
        jobs = self.jobs(application, limit=1000)
        return max(datetime.fromisoformat(job["finished_at"]).timestamp() for job in jobs)


@contextmanager
def own_farm(workers: int) -> Iterator[Farm]:
    """`sentinel up` in a temporary directory; this process's settings become the farm's.

    Any other setting in the environment reaches the farm, to compare one with another.
    """
    home = Path(tempfile.mkdtemp(prefix="sentinel-bench-"))
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    ports = dict.fromkeys(PORTS, "")
    while len(set(ports.values())) < len(PORTS):
        ports = {name: str(free_port()) for name in PORTS}
    environment = {"LOG_LEVEL": "warning", **kept, **ports, "BRAIN_WORKERS": str(workers)}
    screen = home.with_name(f"{home.name}.log")
    with open(screen, "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.sentinel", "up", "--no-flower", "--home", str(home)],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
        )
    farm = Farm(f"http://127.0.0.1:{ports['GATEWAY_PORT']}")
    try:
        until = time.monotonic() + READY_SECONDS
        while not farm.ready():
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"the farm did not start:\n{screen.read_text()[-2000:]}")
            time.sleep(0.2)
        attach(str(home))
        yield farm
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(home, ignore_errors=True)
        screen.unlink(missing_ok=True)


@contextmanager
def chosen_farm(url: str, home: str | None, key: str, workers: int) -> Iterator[Farm]:
    """The farm at `url`, whose stores the environment or `home` names; without it an own one."""
    if not url:
        with own_farm(workers) as farm:
            yield farm
        return
    attach(home)
    yield Farm(url, key)
