"""A farm to break: `sentinel up` on free ports in a directory of its own, and its processes."""

from __future__ import annotations

import configparser
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
import xmlrpc.client
from pathlib import Path
from typing import Any, cast

import httpx
import psutil
import psycopg2
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from supervisor.xmlrpc import SupervisorTransport

from core.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 90.0
STOP_SECONDS = 20.0
STORES = ("valkey", "postgres")
_EXITED = re.compile(r"exited: (\S+) \(exit status ")


def own_ends(log: str) -> list[str]:
    """The programs in supervisord's log that ended without being killed; those of the stores aside,
    which are struck by signals that they answer with an exit."""
    return [name for name in _EXITED.findall(log) if name not in STORES]


class NothingToStrike(Exception):
    """The process is being started again at this moment; strike it later."""


class Farm:
    """The running farm: where its API and its stores are, and which process does what."""

    def __init__(self, home: Path, environment: dict[str, str] | None = None) -> None:
        self.home = home
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        inherited = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
        ports = ("GRPC_PORT", "METRICS_PORT", "FLOWER_PORT", "POSTGRES_PORT", "VALKEY_PORT")
        self.log = home / "up.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cli.sentinel", "up"],
                cwd=ROOT,
                env={
                    **inherited,
                    "SENTINEL_HOME": str(home),
                    "GATEWAY_PORT": str(port),
                    **{name: str(free_port()) for name in ports},
                    "LOG_LEVEL": "warning",
                    "BRAIN_WORKERS": "2",
                    "BRAIN_ANALYSIS_MODE": "fast",  # the strikes are at the farm, not the models
                    **(environment or {}),
                },
                stdout=log,
                stderr=log,
            )
        try:
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise
        kept = json.loads((home / "run" / "environment.json").read_text())
        self.database_url, self.redis_url = kept["DATABASE_URL"], kept["REDIS_URL"]

    def wait_until_ready(self) -> None:
        """Raises SystemExit with the farm's last words when it is not in time."""
        until = time.monotonic() + READY_SECONDS
        while not self.ready():
            if time.monotonic() > until or self.process.poll() is not None:
                said = self.log.read_text(errors="replace").strip()
                raise SystemExit(f"the farm is not ready:\n{said[-1500:]}")
            time.sleep(0.2)

    def ready(self) -> bool:
        """Whether the API says that everything behind it answers."""
        try:
            return httpx.get(f"{self.url}/ready", timeout=3).status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        """Stop everything, as Ctrl-C does."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def programs(self, prefix: str) -> list[str]:
        """The names of supervised programs that begin like this."""
        return sorted(one["name"] for one in self._supervised() if one["name"].startswith(prefix))

    def program(self, name: str) -> psutil.Process:
        """The main process of a supervised program. Raises NothingToStrike while it has none."""
        for one in self._supervised():
            if one["name"] == name and one["pid"]:
                return psutil.Process(one["pid"])
        raise NothingToStrike(name)

    def ended_by_themselves(self) -> list[str]:
        """The names of the programs that did, once for each time."""
        return own_ends((self.home / "logs" / "supervisord.log").read_text(errors="replace"))

    def supervisor(self) -> psutil.Process:
        """supervisord, the parent of every program."""
        return psutil.Process(int((self.home / "run" / "supervisord.pid").read_text()))

    def _supervised(self) -> list[dict[str, Any]]:
        settings = configparser.RawConfigParser()
        settings.read(self.home / "run" / "supervisord.conf")
        socket = settings["unix_http_server"]["file"]
        transport = SupervisorTransport(None, None, f"unix://{socket}")
        try:
            with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as server:
                return cast(list[dict[str, Any]], server.supervisor.getAllProcessInfo())
        except (OSError, http.client.HTTPException, xmlrpc.client.Error) as problem:
            raise NothingToStrike("the supervisor does not answer") from problem

    def database(self) -> Any:
        """A connection of one's own, without transactions. Raises psycopg2.OperationalError."""
        connection = psycopg2.connect(
            self.database_url, connect_timeout=2, options="-c statement_timeout=20s"
        )
        connection.autocommit = True
        return connection

    def valkey(self) -> redis.Redis:
        """A client that tries once and waits briefly."""
        return redis.Redis.from_url(
            self.redis_url,
            socket_timeout=2,
            socket_connect_timeout=1,
            retry=Retry(NoBackoff(), 0),
        )
