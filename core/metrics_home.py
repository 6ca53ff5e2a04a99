"""The folder in which the processes of a node count together.

prometheus_client looks for it once, when it is imported, so a role calls `share` before. Totals
never fall while the node runs: what a dead process counted is added up and kept. They begin again
at 0 when a role starts and no other process of the node lives. Process ids tell the files apart,
so the folder must not be shared between machines or containers.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from core.errors import StartError

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_DEAD = 0
"""In the place of a process id: the file that keeps what dead processes counted."""


def share(home: Path) -> None:
    """Count in the folder of the node at `home`, unless the environment names another.

    Raises StartError when it cannot be written.
    """
    folder = Path(os.environ.get(VARIABLE) or home.expanduser().absolute() / "run" / "metrics")
    os.environ[VARIABLE] = str(folder)
    tidy(folder)


def tidy(folder: Path) -> None:
    """Make the folder, and take what dead processes left in it. Raises StartError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(folder, fcntl.LOCK_EX):
            files = [file for file in folder.glob("*_*.db") if _pid(file) != _DEAD]
            dead = [file for file in files if not _lives(_pid(file))]
            if len(dead) < len(files):
                _add_up(dead)
            else:
                _remove(folder.glob("*_*.db"))
    except OSError as problem:
        raise StartError(
            f"the metrics folder {folder} cannot be written: {problem.strerror}; "
            "choose another data directory with SENTINEL_HOME"
        ) from problem


@contextmanager
def locked(folder: Path, how: int = fcntl.LOCK_SH) -> Iterator[None]:
    """No file is taken away meanwhile. A child forked in between does not hold the lock on."""
    with open(folder / "lock", "ab") as file:
        fcntl.flock(file, how)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)


def _add_up(files: Iterable[Path]) -> None:
    """Move counts into the file of the dead; a gauge ends with its process."""
    from prometheus_client.mmap_dict import MmapedDict

    for file in files:
        kind = file.stem.rpartition("_")[0]
        if not kind.startswith("gauge") and file.stat().st_size:
            total = MmapedDict(str(file.with_name(f"{kind}_{_DEAD}.db")))  # type: ignore[no-untyped-call]
            for key, value, *_ in MmapedDict.read_all_values_from_file(file):  # type: ignore[no-untyped-call]
                total.write_value(key, total.read_value(key)[0] + value, 0.0)  # type: ignore[no-untyped-call]
            total.close()  # type: ignore[no-untyped-call]
        file.unlink()


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink()


def _pid(file: Path) -> int:
    return int(file.stem.rpartition("_")[2])


def _lives(pid: int) -> bool:
    """Whether the process that wrote under this id runs; we have not written before the import."""
    if pid == os.getpid():
        return "prometheus_client" in sys.modules
    return psutil.pid_exists(pid)
