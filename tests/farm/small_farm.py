"""A second farm beside the session's: stores, API, CPU and io worker and beat of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

import migrations
from core.embedded import EmbeddedStores
from core.ports import free_port
from tests.conftest import DETECTORS, Farm, eventually


@dataclass
class SmallFarm(Farm):
    """It takes `control` along on its io worker."""

    def row(self, query: str, *values: Any) -> Any:
        """The first row that its database answers."""
        url = self.environment["DATABASE_URL"]
        with psycopg2.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchone()


@contextmanager
def small_farm(home: Path, **settings: str) -> Iterator[SmallFarm]:
    """Running and ready; the settings stand above those of the embedded stores."""
    port = free_port()
    (home / "metrics").mkdir()
    (home / "detectors.yaml").write_text(DETECTORS)
    with EmbeddedStores(home / "stores") as stores:
        migrations.upgrade(stores.database_url)
        environment = {
            **os.environ,
            "DATABASE_URL": stores.database_url,
            "REDIS_URL": stores.redis_url,
            "GATEWAY_PORT": str(port),
            "SENTINEL_HOME": str(home),
            "SENTINEL_INSTANCE": str(home),
            "PROMETHEUS_MULTIPROC_DIR": str(home / "metrics"),
            "DETECTORS_FILE": str(home / "detectors.yaml"),
            "DETECTOR_INTERVAL": "1",
            "BRAIN_WORKERS": "1",
            "BRAIN_ANALYSIS_MODE": "fast",
            "PYTHONWARNINGS": "default",
            **settings,
        }
        environment.pop("ALERTS_FILE", None)
        running = SmallFarm(f"http://127.0.0.1:{port}", home, environment)
        try:
            running.start("api", "api")
            running.start("worker-cpu", "worker", "--class", "cpu")
            running.start("worker-io", "worker", "--class", "io")
            running.start("beat", "beat")
            eventually(running.ready, within=60)
            yield running
        finally:
            for process in running.processes.values():
                process.terminate()
            for name in list(running.processes):
                running.stop(name)
            running.client.close()
