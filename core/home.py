"""The data directory of a standalone farm: its folders, its secrets, its lock."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.errors import StartError
from core.tether import import_path

MARK = "SENTINEL_INSTANCE"
"""Variable that tells the processes of one home from everybody else's.

SPT_NOENV beside it keeps the setproctitle library, where it is installed, from overwriting it.
"""

_UNWRITABLE = "%", " ;", " #", "\n", "\r"
"""What supervisord's configuration file does not keep as it is inside a path."""


@dataclass(frozen=True)
class Home:
    """Paths below the data directory `root`. Each sub-folder is readable by its owner alone."""

    root: Path

    @classmethod
    def at(cls, path: Path) -> Home:
        """The home at `path`, which is made absolute and created where it is missing.

        Raises StartError when it cannot be written.
        """
        home = cls(path.expanduser().absolute())
        if any(part in str(home.root) for part in _UNWRITABLE):
            raise StartError(
                f"the data directory {home.root} has %, ' ;', ' #' or a line break in its path; "
                "choose another with SENTINEL_HOME or --home"
            )
        try:
            home.root.mkdir(mode=0o711, parents=True, exist_ok=True)
            for folder in (home.postgres, home.valkey, home.secrets, home.run, home.logs):
                folder.mkdir(mode=0o700, exist_ok=True)
            probe = home.run / f"probe-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as problem:
            raise StartError(
                f"the data directory {home.root} cannot be written "
                f"({problem.strerror}: {problem.filename}); "
                "choose another with SENTINEL_HOME or --home"
            ) from problem
        return home

    @property
    def postgres(self) -> Path:
        """PostgreSQL's folder, owned by the user PostgreSQL runs as."""
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        """Valkey's folder: configuration and append-only file."""
        return self.root / "valkey"

    @property
    def secrets(self) -> Path:
        """Passwords and keys, one a file."""
        return self.root / "secrets"

    @property
    def run(self) -> Path:
        """What lives only as long as the farm runs."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        """One log a program."""
        return self.root / "logs"

    def secret(self, name: str) -> str:
        """The secret `name`, made on first use and kept ever after."""
        path = self.secrets / name
        try:
            kept = path.read_text(encoding="ascii").strip() if path.exists() else ""
            if not kept:
                kept = secrets.token_urlsafe(32)
                write_private(path, kept + "\n")
        except OSError as problem:
            raise StartError(
                f"the secret {path} cannot be read or written: {problem.strerror}; "
                "run as the owner of the data directory"
            ) from problem
        return kept

    def child_environment(self) -> dict[str, str]:
        """The environment handed to a program of this home, its mark included."""
        return {
            **os.environ,
            **import_path(os.environ.get("PYTHONPATH")),
            MARK: str(self.root.resolve()),
            "SPT_NOENV": "1",
        }

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the home for this process. Raises StartError while another one holds it."""
        with open(self.run / "lock", "a+", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "unknown"
                raise StartError(
                    f"the data directory {self.root} is in use by process {holder}; "
                    "stop that one or choose another with SENTINEL_HOME or --home"
                ) from None
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield


def write_private(path: Path, text: str) -> None:
    """Replace a file by one that only its owner can read, whole or not at all."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
