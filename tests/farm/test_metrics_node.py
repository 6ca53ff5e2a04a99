"""The processes of a node count together, in a container as under `sentinel up`."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import metrics_home
from core.database import unit_of_work
from core.errors import StartError
from core.ids import new_id
from tests.conftest import ROOT
from workers import exporter
from workers.app import QUEUES
from workers.launch import CLASSES

TELEMETRY = "sentinel_telemetry_events_total"

COUNTS = """
import os, sys
from pathlib import Path
from core.metrics_home import share
share(Path(sys.argv[1]))
from core.metrics import TELEMETRY_EVENTS, exposition
TELEMETRY_EVENTS.inc()
if os.fork() == 0:
    TELEMETRY_EVENTS.inc(41)
    os._exit(0)
os.wait()
print(exposition().decode())
sys.stdout.flush()
sys.stdin.readline()
"""


def python(*arguments: str) -> subprocess.Popen[str]:
    """An interpreter that has not been told where to count."""
    environment = {k: v for k, v in os.environ.items() if k != metrics_home.VARIABLE}
    return subprocess.Popen(
        [sys.executable, "-c", *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


class Counting:
    """A process that counted 1, whose child counted 41 and is dead."""

    def __init__(self, home: Path) -> None:
        self.process = python(COUNTS, str(home))
        assert self.process.stdout is not None
        lines = iter(self.process.stdout.readline, "")
        self.total = next(float(x.split()[1]) for x in lines if x.startswith(f"{TELEMETRY} "))

    def end(self) -> None:
        self.process.communicate("\n")


def test_a_parent_shows_what_its_forked_child_counted(tmp_path: Path) -> None:
    counting = Counting(tmp_path)
    counting.end()
    assert counting.total == 42


def test_totals_do_not_fall_when_a_role_of_the_node_starts_again(tmp_path: Path) -> None:
    stays, leaves = Counting(tmp_path), Counting(tmp_path)
    leaves.end()
    again = Counting(tmp_path)
    for counting in (again, stays):
        counting.end()
    assert (stays.total, leaves.total, again.total) == (42, 84, 126)


def test_the_files_of_the_dead_are_folded_into_one_of_each_kind(tmp_path: Path) -> None:
    stays, leaves = Counting(tmp_path), Counting(tmp_path)
    leaves.end()
    metrics_home.tidy(tmp_path / "run" / "metrics")
    owners = {file.stem.rpartition("_")[2] for file in tmp_path.glob("run/metrics/*.db")}
    stays.end()
    assert owners == {"0", str(stays.process.pid)}


def test_totals_begin_again_with_the_node(tmp_path: Path) -> None:
    for _ in range(2):
        counting = Counting(tmp_path)
        counting.end()
    assert counting.total == 42


def test_what_an_earlier_process_of_the_same_id_left_is_dead(tmp_path: Path) -> None:
    (tmp_path / f"counter_{os.getpid()}.db").touch()
    done = python(
        "import os, sys; from pathlib import Path; from core.metrics_home import tidy\n"
        "own = Path(sys.argv[1], f'counter_{os.getpid()}.db'); own.touch()\n"
        "tidy(own.parent); print(own.exists())",
        str(tmp_path),
    )
    assert done.communicate()[0] == "False\n"
    assert (tmp_path / f"counter_{os.getpid()}.db").exists()


@pytest.mark.parametrize("module", ["cli.sentinel", "workers.launch", "api.launch"])
def test_no_role_loads_the_metrics_before_it_knows_where_to_count(module: str) -> None:
    done = python(f"import sys, {module}; print('prometheus_client' in sys.modules)")
    assert done.communicate()[0] == "False\n"


@pytest.mark.parametrize(
    "role", [("worker", "--class", "cpu"), ("beat",), ("api",), ("metrics",), ("kafka",)]
)
def test_every_role_counts_in_the_folder_of_its_home(role: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    refused = subprocess.run(
        [sys.executable, "-m", "cli.sentinel", *role],
        cwd=ROOT,
        env={
            **os.environ,
            "SENTINEL_HOME": str(tmp_path),
            "KAFKA_BROKERS": "kafka-1:9092",
            metrics_home.VARIABLE: "",
        },
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 2
    assert f"the metrics folder {tmp_path}/run/metrics cannot be written" in refused.stderr


def test_a_folder_that_cannot_be_written_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match="choose another data directory with SENTINEL_HOME"):
        metrics_home.tidy(tmp_path / "file" / "metrics")


@pytest.fixture
def port(stores: object) -> Iterator[int]:
    with exporter.server("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield listening.server_port
        listening.shutdown()
        thread.join()


def test_a_silent_connection_does_not_stop_the_scrapes(port: int) -> None:
    with (
        socket.create_connection(("127.0.0.1", port)),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=3) as answer,
    ):
        assert TELEMETRY in answer.read().decode()


def test_a_silent_connection_is_let_go(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter._Scrape, "timeout", exporter._Scrape.timeout / 50)
    with socket.create_connection(("127.0.0.1", port), timeout=3) as silent:
        assert silent.recv(1) == b""


def scraped(port: int, name: str) -> dict[str, float]:
    """The values of a gauge by queue."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=3) as answer:
        lines = answer.read().decode().splitlines()
    found = [line.split() for line in lines if line.startswith(f"{name}{{")]
    return {labels.split('"')[1]: float(value) for labels, value in found}


def test_workers_are_counted_by_the_class_they_serve(port: int) -> None:
    assert [*scraped(port, "sentinel_workers_up")] == [*CLASSES]


def test_slots_are_shown_for_every_queue_served_or_not(port: int) -> None:
    assert {*QUEUES} <= {*scraped(port, "sentinel_worker_slots")}


@pytest.fixture
def facts(stores: object) -> Iterator[None]:
    """In queue gpu: a run that waits for 50 s, a moved part of a batch, a proof of long ago."""
    with unit_of_work() as work:
        for kind, age in (("single", 50), ("batch", 500)):
            work.execute(
                "WITH job AS (INSERT INTO analyses (id, kind, state, mode, item_count, runs_left,"
                " created_at, deadline_at, application_id) VALUES (:id, :kind, 'queued', 'fast', 1,"
                " 1, now(), now() + interval '1 h', 'facts') RETURNING id)"
                " INSERT INTO runs (id, analysis_id, engine_class, queue, chunk, first_item,"
                " last_item, engines, state, created_at) SELECT id, id, 'tpu', 'gpu', 0, 0, 0,"
                " '{}', 'queued', now() - make_interval(secs => :age) FROM job",
                id=new_id(),
                kind=kind,
                age=age,
            )
        work.execute(
            "INSERT INTO canaries (queue, seen_at) VALUES ('gpu', now() - interval '70 s')"
            " ON CONFLICT (queue) DO UPDATE SET seen_at = excluded.seen_at"
        )
    yield
    with unit_of_work() as work:
        work.execute("DELETE FROM analyses WHERE application_id = 'facts'")


def test_the_age_of_a_queue_and_of_its_last_proof_are_shown(port: int, facts: None) -> None:
    oldest = scraped(port, "sentinel_queue_oldest_seconds")
    assert (oldest["gpu"], oldest["gpu-batch"]) == (pytest.approx(50, abs=5), 0)
    assert scraped(port, "sentinel_queue_proof_seconds")["gpu"] == pytest.approx(70, abs=5)
