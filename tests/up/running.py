"""Starting `sentinel up` as a process, watching its screen, ending it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from core import leftovers
from core.home import Home
from core.ports import free_port
from core.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PORTS = (
    "GATEWAY_PORT",
    "GRPC_PORT",
    "METRICS_PORT",
    "FLOWER_PORT",
    "POSTGRES_PORT",
    "VALKEY_PORT",
)


def until(condition: Callable[[], object], *, timeout: float = 60.0) -> None:
    """Poll until the condition holds; fail after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout} s"
        time.sleep(0.02)


def clean_environment() -> dict[str, str]:
    """This process's environment without any setting of Sentinel, on free ports."""
    known = {name.upper() for name in Settings.model_fields} | {"SENTINEL_CONFIG"}
    kept = {name: value for name, value in os.environ.items() if name not in known}
    ports: set[int] = set()
    while len(ports) < len(PORTS):
        ports.add(free_port())
    return {**kept, **{name: str(port) for name, port in zip(PORTS, ports, strict=True)}}


class Up:
    """A `sentinel up` process: its screen, its home, its end."""

    def __init__(self, home: Path, environment: dict[str, str], *options: str) -> None:
        self.home, self.environment = home, environment
        self._screen = home.with_name(f"{home.name}-{time.monotonic_ns()}.txt")
        command = (sys.executable, "-m", "cli.sentinel", "up", "--home", str(home), *options)
        with open(self._screen, "wb") as screen:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=screen, stderr=subprocess.STDOUT
            )

    @property
    def screen(self) -> str:
        return self._screen.read_text(encoding="utf-8")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.environment['GATEWAY_PORT']}"

    def shows(self, text: str, *, timeout: float = 90.0) -> None:
        """Wait until the screen shows it; fail at once when the process ends without."""
        until(lambda: text in self.screen or self.process.poll() is not None, timeout=timeout)
        assert text in self.screen, self.screen

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.home.is_dir():
            leftovers.stop(Home.at(self.home))
