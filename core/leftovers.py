"""Processes of an earlier farm on the same data directory that was killed before it could stop.

A process is ours only when it says so itself: it carries this home's mark in its environment, or
it is a database server whose working directory lies inside this home.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from core.home import MARK, Home

_SERVERS = frozenset({"postgres", "valkey-server", "redis-server"})


def find(home: Home) -> list[psutil.Process]:
    """Everything of an earlier instance that still runs, this process's own family aside."""
    me = psutil.Process()
    spared = {me.pid, *(process.pid for process in me.parents())}
    wanted, folders = str(home.root.resolve()), (home.postgres.resolve(), home.valkey.resolve())
    return [
        process
        for process in psutil.process_iter()
        if process.pid not in spared and (_marked(process, wanted) or _serves(process, folders))
    ]


def stop(home: Home, *, patience: float = 5.0) -> int:
    """Stop what is left over, by force after `patience` seconds; returns how many there were."""
    processes = find(home)
    for process in processes:
        if _supervises(process):
            _send(process, signal.SIGKILL)
        elif not _postgres(process):
            _send(process, signal.SIGTERM)
        elif not _postgres(_parent(process)):
            _send(process, signal.SIGINT)
    if processes and not _gone(home, patience=patience):
        for process in find(home):
            _send(process, signal.SIGQUIT if _postgres(process) else signal.SIGKILL)
        if not _gone(home, patience=2):
            for process in find(home):
                _send(process, signal.SIGKILL)
            _gone(home, patience=2)
    return len(processes)


def _gone(home: Home, *, patience: float) -> bool:
    """Wait until nothing is left. A zombie counts as gone: it has no environment any more."""
    deadline = time.monotonic() + patience
    while find(home):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _marked(process: psutil.Process, wanted: str) -> bool:
    try:
        return process.environ().get(MARK) == wanted
    except (psutil.Error, OSError):
        return False


def _serves(process: psutil.Process, folders: Sequence[Path]) -> bool:
    try:
        if process.name() not in _SERVERS:
            return False
        where = Path(process.cwd())
    except (psutil.Error, OSError):
        return False
    return any(where.is_relative_to(folder) for folder in folders)


def _postgres(process: psutil.Process | None) -> bool:
    try:
        return process is not None and process.name() == "postgres"
    except psutil.Error:
        return False


def _parent(process: psutil.Process) -> psutil.Process | None:
    try:
        return process.parent()
    except psutil.Error:
        return None


def _supervises(process: psutil.Process) -> bool:
    try:
        return "supervisor.supervisord" in process.cmdline()
    except psutil.Error:
        return False


def _send(process: psutil.Process, signum: signal.Signals) -> None:
    """psutil compares create times first, so a reused process id is never hit."""
    try:
        process.send_signal(signum)
    except psutil.Error:
        return
