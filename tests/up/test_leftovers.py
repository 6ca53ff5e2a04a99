"""What an earlier instance left behind is stopped, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from core import leftovers
from core.home import MARK, Home

STUBBORN = "import signal; signal.signal(15, signal.SIG_IGN); print(flush=True); signal.pause()"
MEEK = "import signal; print(flush=True); signal.pause()"

Spawn = Callable[[str, str], subprocess.Popen[bytes]]


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Start a process with a mark in its environment."""
    with ExitStack() as held:

        def start(script: str, mark: str) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-c", script]
            process = subprocess.Popen(command, stdout=-1, env={**os.environ, MARK: mark})
            held.enter_context(process)
            held.callback(process.kill)
            assert process.stdout is not None
            process.stdout.readline()
            return process

        yield start


def test_a_marked_process_is_stopped(spawn: Spawn, tmp_path: Path) -> None:
    process = spawn(MEEK, str(tmp_path))
    assert leftovers.stop(Home.at(tmp_path)) == 1
    assert process.wait() == -15


def test_one_that_ignores_it_is_killed(spawn: Spawn, tmp_path: Path) -> None:
    process = spawn(STUBBORN, str(tmp_path))
    leftovers.stop(Home.at(tmp_path), patience=0.2)
    assert process.wait() == -9


def test_another_home_s_process_is_left_alone(spawn: Spawn, tmp_path: Path) -> None:
    process = spawn(MEEK, str(tmp_path / "other"))
    assert leftovers.stop(Home.at(tmp_path)) == 0
    assert process.poll() is None


def test_a_home_is_known_by_its_real_path(spawn: Spawn, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "home")
    Home.at(tmp_path / "home")
    spawn(MEEK, str(tmp_path / "home"))
    assert leftovers.stop(Home.at(tmp_path / "link")) == 1
