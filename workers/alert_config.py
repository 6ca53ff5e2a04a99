"""The alerts.yaml in force: one for the whole farm, whoever loaded it.

The text that loaded last stands in PostgreSQL, and each process makes its configuration of it. A
new text takes its place when it loads: after the file changed, a signal, or a request. One that
does not load is remembered as the last error and changes nothing else.
"""

from __future__ import annotations

import hashlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alerts.config import SHIPPED, AlertConfig, parse_alerts
from alerts.rounds import Router
from core.database import TROUBLE, single, unit_of_work
from core.errors import ConfigError, Unavailable
from core.http import HttpClient
from core.metrics import ALERT_FAILURES, ALERTS_SENT
from core.settings import settings

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How long a process goes by its configuration before it looks for a newer one."""
NAME = "current"


def file() -> Path:
    """The file that is read."""
    return settings().alerts_file or SHIPPED


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as problem:
        raise ConfigError(f"{path} cannot be read: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise ConfigError(f"{path} is not UTF-8 text; save it as UTF-8") from problem


def _parsed(text: str, path: str) -> AlertConfig:
    loaded = parse_alerts(text, path, http=HttpClient(allow_private=settings().private_targets))
    for name in loaded.receivers:
        ALERTS_SENT.labels(name)
        ALERT_FAILURES.labels(name)
    return loaded


def _digest(text: str, path: str) -> str:
    return hashlib.sha256(f"{path}\n{text}".encode()).hexdigest()


class _Running:
    """The configuration of this process, looked after once a second."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.cache_clear()

    def cache_clear(self) -> None:
        """Forget everything, as a new process has."""
        with self._lock:
            self._router: Router | None = None
            self._digest = ""
            self._looked = -LOOK_SECONDS
            self._seen: tuple[int, int, int] | None = None

    def __call__(self) -> AlertConfig:
        """The configuration in force. Raises ConfigError where none ever loaded."""
        return self.router().config

    def router(self) -> Router:
        """As calling it, ready to route."""
        with self._lock:
            if self._router is None or time.monotonic() - self._looked >= LOOK_SECONDS:
                self._looked = time.monotonic()
                self._follow()
            if self._router is None:
                path = file()
                self._router = Router(_parsed(_read(path), str(path)))
            return self._router

    def _follow(self) -> None:
        """Take over what stands in PostgreSQL, if it is new and can be used here."""
        try:
            row = stored()
        except TROUBLE:
            return
        if not row or not row["digest"] or row["digest"] == self._digest:
            return
        if row["path"] != str(file()):
            return
        try:
            self._router = Router(_parsed(row["body"], row["path"]))
        except ConfigError as problem:
            log.error("the alerts.yaml in force cannot be used here: %s", problem)
            if self._router is None:
                raise
        self._digest = row["digest"]

    @property
    def digest(self) -> str:
        """Of what this process goes by; it changes with each other configuration."""
        with self._lock:
            return f"{self._digest}:{id(self._router) if not self._digest else ''}"

    def changed(self) -> bool:
        """Whether the file is another one than at the last call; true at the first."""
        with suppress(OSError):
            known = file().stat()
            seen = (known.st_mtime_ns, known.st_size, known.st_ino)
            with self._lock:
                if seen == self._seen:
                    return False
                self._seen = seen
            return True
        return False


config = _Running()


def stored() -> Mapping[str, Any] | None:
    """Digest, text, path and last error. Raises DatabaseDown."""
    rows = single("SELECT * FROM alert_configs WHERE name = :name", name=NAME)
    return dict(rows[0]._asdict()) if rows else None


def watch(now: datetime | None = None) -> bool:
    """Take in the file if it has changed; returns whether it loaded. Never raises ConfigError."""
    if not config.changed():
        return False
    try:
        reload(now)
    except ConfigError as problem:
        log.error("alerts.yaml: %s; the one before stays in force", problem)
        return False
    return True


def reload(now: datetime | None = None) -> AlertConfig:
    """Put the file in force for the whole farm.

    Raises ConfigError when it does not load: then what was in force stays so, and the message is
    remembered.
    """
    moment = now or datetime.now(UTC)
    path = file()
    try:
        text = _read(path)
        loaded = _parsed(text, str(path))
    except ConfigError as problem:
        with unit_of_work() as work:
            work.execute(
                "INSERT INTO alert_configs (name, path, error, error_at)"
                " VALUES (:name, :path, :error, :now) ON CONFLICT (name)"
                " DO UPDATE SET error = excluded.error, error_at = excluded.error_at",
                name=NAME,
                path=str(path),
                error=str(problem),
                now=moment,
            )
        raise
    with unit_of_work() as work:
        work.execute(
            "INSERT INTO alert_configs (name, path, digest, body, loaded_at)"
            " VALUES (:name, :path, :digest, :body, :now) ON CONFLICT (name) DO UPDATE"
            " SET path = excluded.path, digest = excluded.digest, body = excluded.body,"
            "  loaded_at = excluded.loaded_at, error = NULL, error_at = NULL",
            name=NAME,
            path=str(path),
            digest=_digest(text, str(path)),
            body=text,
            now=moment,
        )
    for warning in loaded.warnings:
        log.warning("alerts.yaml: %s", warning)
    return loaded


def state() -> Mapping[str, Any]:
    """What `/ready`, the metric and the API say: path, digest, loaded_at, error, error_at."""
    row = stored()
    if row is None:
        empty = dict.fromkeys(("digest", "loaded_at", "error", "error_at"))
        return {"path": str(file()), **empty}
    return {key: row[key] for key in ("path", "digest", "loaded_at", "error", "error_at")}


def on_signal(install: Callable[[int, Any], Any] = signal.signal) -> None:
    """Let SIGHUP read the file again, in a thread, since a handler must not wait for a store."""

    def handle(_number: int, _frame: object) -> None:
        threading.Thread(target=_reload_quietly, name="reload", daemon=True).start()

    install(signal.SIGHUP, handle)


def _reload_quietly() -> None:
    try:
        reload()
        log.info("alerts.yaml was read again", extra={"pid": os.getpid()})
    except (ConfigError, Unavailable) as problem:
        log.error("alerts.yaml: %s; the one before stays in force", problem)
