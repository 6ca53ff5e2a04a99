"""Lanes: a guard call does not wait behind a batch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml

from cli.programs import programs
from core.database import query
from core.errors import ConfigError
from core.home import Home
from core.settings import settings
from tests.conftest import ROOT, Farm, eventually
from workers import launch
from workers.app import QUEUES

pytestmark = pytest.mark.farm

CPU = ("worker", "--class", "cpu")


@pytest.mark.parametrize(
    ("engine_class", "lane", "queues"),
    [
        ("cpu", None, ("cpu", "cpu-batch")),
        ("cpu", "both", ("cpu", "cpu-batch")),
        ("cpu", "single", ("cpu",)),
        ("cpu", "batch", ("cpu-batch",)),
        ("gpu", None, ("gpu", "gpu-batch")),
        ("gpu", "batch", ("gpu-batch",)),
        ("io", None, ("watch", "io", "control")),
        ("control", None, ("control",)),
    ],
)
def test_a_worker_serves_the_queues_of_its_lane(
    engine_class: str, lane: str | None, queues: tuple[str, ...]
) -> None:
    assert launch.served(engine_class, lane) == queues


@pytest.mark.parametrize(
    ("engine_class", "lane", "said"),
    [
        ("io", "batch", "class io has no lanes; leave --lane out, it is for cpu and gpu"),
        ("control", "both", "class control has no lanes"),
        ("cpu", "fast", "--lane 'fast' is unknown; choose both, single, batch"),
        ("tpu", None, "--class 'tpu' is unknown"),
    ],
)
def test_a_lane_that_is_none_is_refused(engine_class: str, lane: str | None, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        launch.served(engine_class, lane)


def test_the_command_refuses_it_in_one_sentence() -> None:
    command = [sys.executable, "-m", "cli.sentinel", "worker", "--class", "io", "--lane", "batch"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "class io has no lanes" in done.stderr


@pytest.mark.parametrize("queue", QUEUES)
def test_the_command_named_for_a_queue_serves_it(queue: str) -> None:
    options = dict(zip(*[iter(launch.command_for(queue).split()[2:])] * 2, strict=True))
    assert queue in launch.served(options["--class"], options.get("--lane"))


def serves(commands: list[list[str]]) -> set[str]:
    """The queues that these worker commands serve."""
    found: set[str] = set()
    for words in commands:
        if "worker" in words:
            options = words[words.index("worker") + 1 :]
            lane = options[options.index("--lane") + 1] if "--lane" in options else None
            found |= {*launch.served(options[1], lane)}
    return found


REQUIRED = {"cpu", "cpu-batch", "io", "watch", "control"}


def test_sentinel_up_serves_every_queue_and_each_cpu_lane_by_a_program_of_its_own(
    tmp_path: Path,
) -> None:
    found = {
        one.name: list(one.command)
        for one in programs(Home.at(tmp_path), settings(), with_flower=False)
    }
    assert serves(list(found.values())) >= REQUIRED
    assert serves([found["worker-cpu"]]) == {"cpu"}
    assert serves([found["worker-cpu-batch"]]) == {"cpu-batch"}


def test_the_compose_file_does_the_same() -> None:
    services = yaml.safe_load((ROOT / "compose/docker-compose.yml").read_text())["services"]
    found = {name: one["command"] for name, one in services.items() if "worker" in name}
    assert serves(list(found.values())) >= REQUIRED
    assert serves([found["worker-cpu"]]) == {"cpu"}
    assert serves([found["worker-cpu-batch"]]) == {"cpu-batch"}


@pytest.fixture(scope="module")
def lanes(farm: Farm) -> Iterator[Farm]:
    """The farm with a worker for each lane, as `sentinel up` runs it."""
    farm.stop("worker-cpu")
    farm.start("worker-cpu", *CPU, "--lane", "single")
    farm.start("worker-cpu-batch", *CPU, "--lane", "batch")
    eventually(farm.ready)
    yield farm
    for name in ("worker-cpu", "worker-cpu-batch"):
        farm.stop(name)
    farm.start("worker-cpu", *CPU)
    eventually(farm.ready)


def test_a_guard_call_is_judged_while_a_large_batch_is_under_way(lanes: Farm) -> None:
    batch = lanes.submit(items=[{"text": f"item {n} " * 40} for n in range(10_000)])
    answers = [lanes.client.post("/v1/analyze", json={"text": f"hello {n}"}) for n in range(5)]
    under_way = lanes.job(batch)
    assert [answer.status_code for answer in answers] == [200] * 5
    assert under_way["status"] in ("queued", "running")
    assert lanes.finished(batch, within=100)["progress"] == {"done": 10_000, "total": 10_000}


def test_each_lane_runs_what_is_its_own(lanes: Farm) -> None:
    lanes.finished(lanes.submit(text="a single input"))
    lanes.finished(lanes.submit(items=[{"text": f"item {n} " * 40} for n in range(2_000)]))
    found = query(
        "SELECT DISTINCT queue, substring(worker FROM '^[a-z-]+') AS role FROM runs"
        " WHERE state = 'done' AND worker IN (SELECT name FROM worker_heartbeats)"
    )
    assert {(row["queue"], row["role"]) for row in found} >= {
        ("cpu", "cpu-"),
        ("cpu-batch", "cpu-batch-"),
    }


def test_the_batch_lane_stands_back_for_the_cpu(lanes: Farm) -> None:
    def nice(name: str) -> set[int]:
        own = psutil.Process(lanes.processes[name].pid)
        return {one.nice() for one in (own, *own.children())}

    (usual,) = nice("worker-cpu")
    assert nice("worker-cpu-batch") == {min(usual + launch.BATCH_NICE, 19)}


def test_readiness_names_the_lane_that_nobody_serves_and_what_to_do(lanes: Farm) -> None:
    lanes.stop("worker-cpu-batch")
    answer = lanes.client.get("/ready")
    lanes.start("worker-cpu-batch", *CPU, "--lane", "batch")
    assert answer.status_code == 503
    assert answer.json()["checks"]["workers.cpu"]["detail"] == (
        "cpu-batch: no worker serves it; start `sentinel worker --class cpu --lane batch`"
    )
    eventually(lanes.ready)
