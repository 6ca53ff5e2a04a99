"""SIGHUP to a running io worker puts alerts.yaml in force again, and ends no worker."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Farm, eventually
from tests.farm.test_telemetry import EVENTS, event, stored
from workers import alert_config

pytestmark = pytest.mark.farm

NAME = "worker-signalled"
READ = "alerts.yaml was read again"


Start = Callable[[str], int]


@pytest.fixture
def start(farm: Farm) -> Iterator[Start]:
    """Starts a worker of a class of this test's own; gives its process id once it is announced."""

    def begun(engine_class: str) -> int:
        (farm.home / f"{NAME}.log").unlink(missing_ok=True)
        farm.start(NAME, "worker", "--class", engine_class)
        pid = farm.processes[NAME].pid
        eventually(lambda: f"{engine_class}-{pid}@" in farm.log(NAME), within=60)
        return pid

    yield begun
    farm.stop(NAME)


@pytest.fixture
def worker(farm: Farm, start: Start) -> int:
    """The process id of an io worker that is ready."""
    pid = start("io")
    eventually(lambda: " ready." in farm.log(NAME), within=60)
    return pid


@pytest.fixture
def file(farm: Farm) -> Iterator[Path]:
    path = Path(farm.environment["ALERTS_FILE"])
    text = path.read_text()
    yield path
    path.write_text(text)


def changed_unseen(path: Path) -> None:
    """Another text of the same size and time, which nobody notices who looks at these."""
    known, text = path.stat(), path.read_text()
    path.write_text(text.removesuffix("\n") + " ")
    os.utime(path, ns=(known.st_atime_ns, known.st_mtime_ns))
    assert path.stat().st_size == known.st_size


def read_more_often(farm: Farm, than: int) -> None:
    eventually(lambda: farm.log(NAME).count(READ) > than)


def test_a_signal_to_the_process_puts_the_changed_file_in_force(
    farm: Farm, worker: int, file: Path
) -> None:
    before = alert_config.state()["digest"]
    changed_unseen(file)
    os.kill(worker, signal.SIGHUP)

    def in_force() -> bool:
        found = alert_config.state()
        return found["path"] == str(file) and found["digest"] not in (None, before)

    eventually(in_force)
    read_more_often(farm, 0)


def test_a_signal_does_not_end_the_process_or_its_work(farm: Farm, worker: int) -> None:
    read = farm.log(NAME).count(READ)
    for number in range(3):
        os.kill(worker, signal.SIGHUP)
        read_more_often(farm, read + number)
    assert farm.processes[NAME].poll() is None
    farm.client.post(EVENTS, json=[event("after a signal")])
    assert len(stored(farm, "after a signal", 1)) == 1


def test_a_signal_while_it_starts_does_not_end_it(farm: Farm, start: Start) -> None:
    os.kill(start("io"), signal.SIGHUP)
    eventually(lambda: " ready." in farm.log(NAME), within=60)
    assert farm.processes[NAME].poll() is None


def test_a_worker_of_another_class_goes_on(farm: Farm, start: Start) -> None:
    pid = start("control")
    eventually(lambda: " ready." in farm.log(NAME), within=60)
    os.kill(pid, signal.SIGHUP)
    eventually(lambda: "SIGHUP is for io workers" in farm.log(NAME))
    assert farm.processes[NAME].poll() is None
