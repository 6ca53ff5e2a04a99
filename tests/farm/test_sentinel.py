"""The farm over Redis Sentinel: the master dies, its replica takes over, work goes on."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from core.embedded_wheels import binary
from core.ports import accepts, free_port
from core.tether import import_path, tethered
from tests.conftest import eventually
from tests.farm.small_farm import SmallFarm, small_farm
from tests.farm.test_telemetry import EVENTS, event, stored

pytestmark = pytest.mark.farm

PASSWORD, WATCH_PASSWORD = "of the data", "of the sentinel"


class Watched:
    """A master, its replica and one sentinel that promotes the replica."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.master, self.replica, self.sentinel = free_port(), free_port(), free_port()
        self.processes: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        return f"sentinel://:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{self.sentinel}/0"

    def start(self) -> None:
        self._server(self.master)
        self._server(self.replica, f"replicaof 127.0.0.1 {self.master}")
        eventually(self._replicating)
        self._run(
            self.sentinel,
            f'requirepass "{WATCH_PASSWORD}"',
            f"sentinel monitor mymaster 127.0.0.1 {self.master} 1",
            f'sentinel auth-pass mymaster "{PASSWORD}"',
            "sentinel down-after-milliseconds mymaster 1000",
            "sentinel failover-timeout mymaster 3000",
            arguments=("--sentinel",),
        )
        eventually(self._known)

    def kill_master(self) -> None:
        process = self.processes.pop(self.master)
        process.kill()
        process.wait()

    def close(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()

    def _server(self, port: int, *lines: str) -> None:
        self._run(
            port,
            f'requirepass "{PASSWORD}"',
            f'masterauth "{PASSWORD}"',
            "repl-diskless-sync-delay 0",
            'save ""',
            *lines,
        )

    def _run(self, port: int, *lines: str, arguments: tuple[str, ...] = ()) -> None:
        folder = self.home / str(port)
        folder.mkdir()
        written = (f"port {port}", "bind 127.0.0.1", f'dir "{folder}"', *lines)
        (folder / "conf").write_text("\n".join(written) + "\n")
        server = (binary("valkey-server"), str(folder / "conf"), *arguments)
        command = tethered(server, signum=signal.SIGKILL)
        env = os.environ | import_path(os.environ.get("PYTHONPATH"))
        with open(folder / "log", "ab") as log:
            self.processes[port] = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        eventually(lambda: accepts("127.0.0.1", port))

    def _replicating(self) -> bool:
        with redis.Redis(port=self.replica, password=PASSWORD) as client:
            return client.info("replication")["master_link_status"] == "up"

    def _known(self) -> bool:
        with redis.Redis(port=self.sentinel, password=WATCH_PASSWORD) as client:
            replicas = client.sentinel_slaves("mymaster")
        return bool(replicas) and replicas[0]["flags"] == "slave"


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with ExitStack() as undo:
        servers = Watched(tmp_path_factory.mktemp("sentinel"))
        undo.callback(servers.close)
        servers.start()
        yield servers


@pytest.fixture(scope="module")
def farm(watched: Watched, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallFarm]:
    with small_farm(
        tmp_path_factory.mktemp("farm"),
        REDIS_URL=watched.url,
        REDIS_SENTINEL_PASSWORD=WATCH_PASSWORD,
        RATE_LIMIT_ENABLED="true",
        RATE_LIMIT_REQUESTS="10000",
    ) as running:
        yield running


def test_the_farm_works_over_the_master_that_the_sentinel_names(farm: SmallFarm) -> None:
    answer = farm.client.post("/v1/analyze", json={"text": "hello"})
    assert (answer.status_code, answer.json()["verdict"]) == (200, "SAFE")
    assert int(answer.headers["X-RateLimit-Remaining"]) < 10_000


def test_after_the_master_was_killed_the_farm_goes_on(farm: SmallFarm, watched: Watched) -> None:
    watched.kill_master()

    def accepted() -> str | None:
        answer = farm.client.post("/api/v1/analyses", json={"text": "after the master"})
        assert answer.status_code in (202, 503), answer.text
        return answer.json().get("id") if answer.status_code == 202 else None

    job = eventually(accepted, within=30, every=0.2)
    assert farm.finished(job)["status"] == "completed"
    assert farm.client.post(EVENTS, json=event("failover")).status_code == 202
    assert len(stored(farm, "failover", 1)) == 1
    guard = farm.client.post("/v1/analyze", json={"text": "woken by the new master"})
    assert (guard.status_code, "X-RateLimit-Remaining" in guard.headers) == (200, True)
