"""The real things under test: PostgreSQL and Valkey from their wheels, the farm's own processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psutil
import pytest

from tests.sinks import Sinks, open_sinks

ROOT = Path(__file__).resolve().parents[1]

os.environ.update(
    GATEWAY_HOST="127.0.0.1",
    LOG_LEVEL="info",
    AUTH_SECRET="a secret that only the tests of this repository know",
)


def eventually(ask: Callable[[], Any], *, within: float = 20.0, every: float = 0.02) -> Any:
    """The first true answer of `ask`; fails when none came in time."""
    until = time.monotonic() + within
    while not (answer := ask()):
        if time.monotonic() > until:
            pytest.fail(f"not within {within} s: {ask.__name__}")
        time.sleep(every)
    return answer


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Both servers with an empty, migrated database; this process is connected to them."""
    import migrations
    from core.embedded import EmbeddedStores
    from core.settings import settings

    home = tmp_path_factory.mktemp("stores")
    with EmbeddedStores(home, postgres_port=0, valkey_port=0) as running:
        os.environ["DATABASE_URL"] = running.database_url
        os.environ["REDIS_URL"] = running.redis_url
        os.environ["SENTINEL_HOME"] = str(home)
        settings.cache_clear()
        migrations.upgrade(running.database_url)
        yield running


@pytest.fixture(scope="session")
def sinks() -> Iterator[Sinks]:
    """A mail server and a web server that take everything."""
    with open_sinks() as running:
        yield running


@dataclass
class Farm:
    """A running farm: its API, its processes, its logs."""

    url: str
    home: Path
    environment: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=self.url, timeout=30)

    def start(self, name: str, *arguments: str, module: str = "cli.sentinel") -> None:
        with open(self.home / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    def stop(self, name: str) -> None:
        process = self.processes.pop(name)
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def children(self, name: str) -> list[psutil.Process]:
        """The pool processes of a worker that live; a killed one stays a zombie for a moment."""
        found = []
        for child in psutil.Process(self.processes[name].pid).children():
            with suppress(psutil.NoSuchProcess):
                if child.status() != psutil.STATUS_ZOMBIE:
                    found.append(child)
        return found

    def log(self, name: str) -> str:
        return (self.home / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def ready(self) -> bool:
        try:
            return self.client.get("/ready").status_code == 200
        except httpx.TransportError:
            return False

    def submit(self, **body: Any) -> str:
        answer = self.client.post("/api/v1/analyses", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def job(self, job_id: str) -> dict[str, Any]:
        return dict(self.client.get(f"/api/v1/analyses/{job_id}").json())

    def finished(self, job_id: str, within: float = 30.0) -> dict[str, Any]:
        """The job once it is in a terminal state."""

        def ended() -> dict[str, Any] | None:
            job = self.job(job_id)
            return None if job["status"] in ("queued", "running") else job

        return dict(eventually(ended, within=within))


def caught(farm: Farm, job_id: str) -> tuple[psutil.Process, UUID] | None:
    """A pool process, frozen in the middle of a run of the job, and the run."""
    from core.database import query

    for child in farm.children("worker-cpu"):
        child.suspend()
        if found := query(
            "SELECT id FROM runs WHERE analysis_id = :job AND state = 'running' AND pid = :pid",
            job=UUID(job_id),
            pid=child.pid,
        ):
            return child, found[0]["id"]
        child.resume()
    return None


DETECTORS = """
detectors:
  - id: high-latency
    type: threshold
    config: {metric: latency_ms, condition: greater_than, threshold: 5000, window: 5m,
             group_by: [application]}
    actions: [{alert: high-latency-alert, severity: warning}]
"""


@pytest.fixture(scope="session")
def farm(stores: Any, tmp_path_factory: pytest.TempPathFactory, sinks: Any) -> Iterator[Farm]:
    """API, workers of every CPU-side class and two beats, ready to take work."""
    from core.ports import free_port

    home = tmp_path_factory.mktemp("farm")
    (home / "metrics").mkdir()
    (home / "detectors.yaml").write_text(DETECTORS)
    (home / "alerts.yaml").write_text(sinks.alerts_yaml())
    port = free_port()
    environment = {
        **os.environ,
        "GATEWAY_PORT": str(port),
        "SENTINEL_HOME": str(home),
        "SENTINEL_INSTANCE": str(home),
        "PROMETHEUS_MULTIPROC_DIR": str(home / "metrics"),
        "DETECTORS_FILE": str(home / "detectors.yaml"),
        "ALERTS_FILE": str(home / "alerts.yaml"),
        "DETECTOR_INTERVAL": "1",
        "BRAIN_WORKERS": "2",
        "BRAIN_ANALYSIS_MODE": "fast",
        "PYTHONWARNINGS": "default",
    }
    running = Farm(f"http://127.0.0.1:{port}", home, environment)
    running.start("api", "api")
    for engine_class in ("cpu", "io", "control"):
        running.start(f"worker-{engine_class}", "worker", "--class", engine_class)
    running.start("beat-1", "beat")
    running.start("beat-2", "beat")
    try:
        eventually(running.ready, within=60)
        yield running
        ended = {n: p.returncode for n, p in running.processes.items() if p.poll() is not None}
        assert not ended, f"these ended by themselves: {ended}"
    finally:
        for name in list(running.processes):
            running.processes[name].terminate()
        for name in list(running.processes):
            running.stop(name)
        running.client.close()
