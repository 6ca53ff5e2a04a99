"""PostgreSQL and Valkey as children of this process, for tests and tools.

`sentinel up` runs the same commands under its supervisor instead.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from core import leftovers
from core.embedded_postgres import (
    database_url,
    forget_pid,
    make_cluster,
    postgres_answers,
    postgres_command,
)
from core.embedded_valkey import redis_url, valkey_answers, valkey_command
from core.errors import StartError
from core.home import Home
from core.ports import free_port

__all__ = [
    "EmbeddedStores",
    "Server",
    "database_url",
    "forget_pid",
    "last_line",
    "make_cluster",
    "postgres_answers",
    "postgres_command",
    "redis_url",
    "valkey_answers",
    "valkey_command",
]

_START_TIMEOUT = 30.0
_STOP_TIMEOUT = 5.0
_PAUSE = 0.02


class Server:
    """One server process: started, waited for, stopped, or killed as a test may want."""

    def __init__(
        self,
        name: str,
        home: Home,
        command: Callable[[], Sequence[str]],
        answers: Callable[[], bool],
        stop_signals: Sequence[signal.Signals],
    ) -> None:
        self.name = name
        self.process: subprocess.Popen[bytes] | None = None
        self._home = home
        self._command = command
        self._answers = answers
        self._stop_signals = stop_signals

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self._home.logs / f"{self.name}.log"

    def start(self) -> None:
        """Start it and wait until it answers. Raises StartError with its last words."""
        deadline = time.monotonic() + _START_TIMEOUT
        self._spawn()
        while not self._answers():
            if self._exited():
                if time.monotonic() > deadline - _START_TIMEOUT + _STOP_TIMEOUT:
                    raise StartError(f"{self.name} did not start: {last_line(self.log)}")
                time.sleep(10 * _PAUSE)
                self._spawn()
            if time.monotonic() > deadline:
                self.kill()
                raise StartError(
                    f"{self.name} did not answer in {_START_TIMEOUT:.0f} s: {last_line(self.log)}"
                )
            time.sleep(_PAUSE)

    def stop(self) -> None:
        """Stop it by its signals in turn, then by SIGKILL."""
        for signum in (*self._stop_signals, signal.SIGKILL):
            if self.process is None:
                return
            self.process.send_signal(signum)
            try:
                self.process.wait(_STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                continue
            self.process = None

    def kill(self) -> None:
        """`kill -9`, and wait for the end."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _spawn(self) -> None:
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=self._home.child_environment(),
            )

    def _exited(self) -> bool:
        return self.process is not None and self.process.poll() is not None


class EmbeddedStores:
    """Both servers on one data directory. A port of 0 takes a free one."""

    def __init__(self, home: Path, postgres_port: int = 0, valkey_port: int = 0) -> None:
        self.home = Home.at(home)
        self.postgres_port = postgres_port or free_port()
        self.valkey_port = valkey_port or free_port()
        self.postgres = Server(
            "postgres",
            self.home,
            lambda: postgres_command(self.home, self.postgres_port),
            lambda: postgres_answers(self.home, self.postgres_port),
            (signal.SIGINT, signal.SIGQUIT),
        )
        self.valkey = Server(
            "valkey",
            self.home,
            lambda: valkey_command(self.home, self.valkey_port),
            lambda: valkey_answers(self.home, self.valkey_port),
            (signal.SIGTERM,),
        )
        self._held = ExitStack()

    @property
    def database_url(self) -> str:
        """URL of the farm's database, password included."""
        return database_url(self.home, self.postgres_port)

    @property
    def redis_url(self) -> str:
        """URL of Valkey, password included."""
        return redis_url(self.home, self.valkey_port)

    def start(self) -> None:
        """Start both and wait until they answer; leftovers of a killed instance are stopped first.

        Raises StartError when the data directory is in use or a server does not come up.
        """
        with ExitStack() as undo:
            undo.enter_context(self.home.locked())
            leftovers.stop(self.home)
            forget_pid(self.home)
            make_cluster(self.home)
            for server in (self.valkey, self.postgres):
                undo.callback(server.stop)
                server.start()
            self._held = undo.pop_all()

    def stop(self) -> None:
        """Stop both; doing it twice does no harm."""
        self._held.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def last_line(log: Path) -> str:
    """The last line a program wrote, for a message."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1] if lines else f"see {log}"
