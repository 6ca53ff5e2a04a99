"""The farm's programs under supervisord: its configuration, its start, its end."""

from __future__ import annotations

import configparser
import http.client
import io
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from supervisor.xmlrpc import SupervisorTransport

from core import leftovers
from core.errors import SentinelError, StartError
from core.home import Home, write_private
from core.tether import tethered

STORES, FARM = "stores", "farm"
_STOP_SECONDS = {STORES: 3, FARM: 4}
_PRIORITY = {STORES: 1, FARM: 2}
_STOP_TIMEOUT = 8.5
_ANSWER_TIMEOUT = 10.0
_LONGEST_SOCKET_PATH = 95
"""107 bytes, less what supervisord appends while it binds."""


@dataclass(frozen=True)
class Program:
    """One process to keep running; `group` says with whom it stops: the stores go last."""

    name: str
    command: Sequence[str]
    group: str = FARM
    stop_signal: signal.Signals = signal.SIGTERM


@dataclass(frozen=True)
class State:
    """What supervisord says of a program, e.g. RUNNING or BACKOFF."""

    name: str
    state: str
    pid: int

    @property
    def failing(self) -> bool:
        """Whether it ended and has to be started again."""
        return self.state in ("BACKOFF", "FATAL", "EXITED", "UNKNOWN")


class SupervisorDied(SentinelError):
    """The supervisor ended by itself; everything is being stopped, start again."""


class Supervisor:
    """supervisord as a child that is stopped, with everything below it, when the block ends."""

    def __init__(
        self, home: Home, programs: Sequence[Program], environment: Mapping[str, str]
    ) -> None:
        self._home = home
        self._programs = programs
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._socket = home.run / "supervisord.sock"
        self._borrowed: Path | None = None
        if len(str(self._socket).encode()) > _LONGEST_SOCKET_PATH:
            self._borrowed = Path(tempfile.mkdtemp(prefix="sentinel-"))
            self._socket = self._borrowed / "supervisord.sock"

    def __enter__(self) -> Self:
        configuration = self._home.run / "supervisord.conf"
        write_private(configuration, self._configuration())
        command = (sys.executable, "-P", "-m", "supervisor.supervisord", "-c", str(configuration))
        try:
            self._process = subprocess.Popen(
                tethered(command, signum=signal.SIGTERM),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=self._environment,
            )
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def alive(self) -> bool:
        """Whether supervisord itself still runs."""
        return self._process is not None and self._process.poll() is None

    def start(self, group: str) -> None:
        """Start every program of a group, without waiting for them."""
        self._call("startProcessGroup", group, False)

    def states(self) -> list[State]:
        """What each program does at this moment."""
        found = cast(list[dict[str, object]], self._call("getAllProcessInfo"))
        return [
            State(str(one["name"]), str(one["statename"]), cast(int, one["pid"])) for one in found
        ]

    def log(self, name: str) -> Path:
        """The log file of a program."""
        return self._home.logs / f"{name}.log"

    def stop(self) -> None:
        """Stop everything: the farm first, then the stores, then whatever did not obey."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        leftovers.stop(self._home, patience=1)
        if self._borrowed:
            shutil.rmtree(self._borrowed, ignore_errors=True)

    def _call(self, method: str, *arguments: object) -> object:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        try:
            with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as server:
                return cast(object, getattr(server.supervisor, method)(*arguments))
        except (OSError, http.client.HTTPException, xmlrpc.client.Error) as problem:
            if not self.alive:
                raise SupervisorDied() from problem
            raise StartError(f"the supervisor does not obey: {problem}") from problem

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + _ANSWER_TIMEOUT
        while True:
            try:
                self._call("getState")
                return
            except SentinelError as problem:
                if not self.alive or time.monotonic() > deadline:
                    log = self._home.logs / "supervisord.log"
                    raise StartError(f"supervisord did not start; see {log}") from problem
            time.sleep(0.02)

    def _configuration(self) -> str:
        sections: dict[str, dict[str, str]] = {
            "supervisord": {
                "nodaemon": "true",
                "silent": "true",
                "umask": "077",
                "minfds": "256",
                "minprocs": "32",
                "logfile": _plain(self._home.logs / "supervisord.log"),
                "logfile_maxbytes": "5MB",
                "logfile_backups": "2",
                "pidfile": _plain(self._home.run / "supervisord.pid"),
                "childlogdir": _plain(self._home.logs),
            },
            "unix_http_server": {"file": _plain(self._socket), "chmod": "0700"},
            "rpcinterface:supervisor": {
                "supervisor.rpcinterface_factory": (
                    "supervisor.rpcinterface:make_main_rpcinterface"
                )
            },
        }
        for program in self._programs:
            sections[f"program:{program.name}"] = {
                "command": _plain(shlex.join(program.command)),
                "autostart": "false",
                "autorestart": "true",
                "startsecs": "2",
                "startretries": "1000000",
                "stopsignal": program.stop_signal.name.removeprefix("SIG"),
                "stopwaitsecs": str(_STOP_SECONDS[program.group]),
                "killasgroup": "true",
                "redirect_stderr": "true",
                "stdout_logfile": _plain(self.log(program.name)),
                "stdout_logfile_maxbytes": "10MB",
                "stdout_logfile_backups": "3",
            }
        for group in {program.group for program in self._programs}:
            members = [program.name for program in self._programs if program.group == group]
            sections[f"group:{group}"] = {
                "programs": ",".join(members),
                "priority": str(_PRIORITY[group]),
            }
        parser = configparser.RawConfigParser()
        parser.read_dict(sections)
        text = io.StringIO()
        parser.write(text)
        return text.getvalue()


def _plain(value: object) -> str:
    """A value in which supervisord expands nothing."""
    return str(value).replace("%", "%%")
