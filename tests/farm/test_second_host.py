"""A second host joins a farm by the URLs of its stores alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.database import single
from tests.conftest import Farm, eventually

pytestmark = pytest.mark.farm


@pytest.fixture
def elsewhere(farm: Farm, stores: Any, tmp_path: Path) -> Iterator[Farm]:
    """A CPU worker with a data directory of its own that knows two URLs."""
    environment = {
        "PATH": os.environ["PATH"],
        "SENTINEL_HOME": str(tmp_path),
        "DATABASE_URL": stores.database_url,
        "REDIS_URL": stores.redis_url,
        "METRICS_ENABLED": "false",
    }
    host = Farm(farm.url, tmp_path, environment)
    host.start("worker-cpu", "worker", "--class", "cpu")
    yield host
    host.stop("worker-cpu")
    host.client.close()


def test_a_second_host_takes_runs_of_the_farm(farm: Farm, elsewhere: Farm) -> None:
    pid = elsewhere.processes["worker-cpu"].pid

    def took_one() -> bool:
        farm.finished(farm.submit(items=[{"text": f"item {n} " * 40} for n in range(2000)]))
        return bool(single("SELECT 1 FROM runs WHERE worker LIKE :name", name=f"cpu-{pid}@%"))

    eventually(took_one, within=30)
