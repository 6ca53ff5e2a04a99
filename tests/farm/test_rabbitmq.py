"""The farm over RabbitMQ: quorum queues, ids alone in messages, nothing lost with a broker."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from amqp.exceptions import PreconditionFailed
from kombu import Connection

from core.ports import accepts, free_port
from core.tether import import_path, tethered
from tests.conftest import Farm, eventually
from tests.farm.small_farm import SmallFarm, small_farm
from tests.farm.test_outage import failing_checks
from tests.farm.test_telemetry import EVENTS, event, stored
from workers.rabbitmq import NoAnswer, Transport

pytestmark = pytest.mark.farm

DEBIAN = "/usr/lib/rabbitmq/bin/rabbitmq-server"
"""What Debian's wrapper calls once it has become the user `rabbitmq`; it runs as anybody."""
NO_METRICS = {"METRICS_ENABLED": "false"}
PROMPT = "never to be seen in a message"


class RabbitMQ:
    """A node of its own on loopback, with its epmd; killed and started again as a test wants."""

    def __init__(self, server: str, home: Path) -> None:
        self.server = server
        self.port, distribution, epmd = free_port(), free_port(), free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        self.log = home / "rabbitmq.log"
        (home / "plugins").write_text("[].\n")
        (home / "environment").write_text("")
        (home / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            "disk_free_limit.absolute = 1MB\n"
            "raft.wal_max_size_bytes = 33554432\n"
        )
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(epmd),
            "RABBITMQ_ALLOW_INPUT": "1",
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(home / "environment"),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
            "RABBITMQ_NODENAME": f"sentinel-{self.port}@localhost",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_PLUGINS_EXPAND_DIR": str(home / "expand"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            **import_path(None),
        }
        self.epmd = self._run("epmd", "-port", str(epmd), "-address", "127.0.0.1")
        eventually(lambda: accepts("127.0.0.1", epmd))
        self.node: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """It takes some seconds until it serves."""
        self.node = self._run(self.server, "-noinput")

    def serving(self) -> bool:
        assert self.node is not None
        assert self.node.poll() is None, self.log.read_text(errors="replace")[-2000:]
        return accepts("127.0.0.1", self.port)

    def kill(self) -> None:
        """`kill -9`; the script has become the node, so its process is the node's."""
        if self.node is not None:
            self.node.kill()
            self.node.wait()
            self.node = None

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """As a node that hangs: its connections stay open."""
        assert self.node is not None
        self.node.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.node.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.kill()
        self.epmd.terminate()
        self.epmd.wait()

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        with open(self.log, "ab") as log:
            return subprocess.Popen(
                tethered(command, signum=signal.SIGKILL),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )


@pytest.fixture(scope="module")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    found = shutil.which("rabbitmq-server")
    if found is None:
        reason = "rabbitmq-server is not on PATH; `apt-get install rabbitmq-server` brings it"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    node = RabbitMQ(DEBIAN if Path(DEBIAN).exists() else found, tmp_path_factory.mktemp("rabbit"))
    try:
        node.start()
        yield node
    finally:
        node.close()


@pytest.fixture(scope="module")
def farm(rabbitmq: RabbitMQ, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallFarm]:
    with small_farm(tmp_path_factory.mktemp("farm"), BROKER_URL=rabbitmq.url) as running:
        yield running


@pytest.fixture
def connection(rabbitmq: RabbitMQ) -> Iterator[Any]:
    with Connection(rabbitmq.url, transport_options={"max_retries": 1}) as opened:
        yield opened


def test_a_guard_call_is_judged_and_a_batch_completes(farm: SmallFarm) -> None:
    answer = farm.client.post("/v1/analyze", json={"text": "hello"})
    assert (answer.status_code, answer.json()["verdict"]) == (200, "SAFE")
    items = [{"text": f"item {number} " * 40} for number in range(1000)]
    batch = farm.finished(farm.submit(items=items))
    assert batch["progress"] == {"done": 1000, "total": 1000}


def test_telemetry_is_stored(farm: SmallFarm) -> None:
    assert farm.client.post(EVENTS, json=[event("rabbit", n) for n in range(3)]).status_code == 202
    assert len(stored(farm, "rabbit", 3)) == 3


@pytest.mark.parametrize("queue", ["cpu", "cpu-batch", "io", "watch", "control"])
def test_a_queue_is_a_quorum_queue(farm: SmallFarm, connection: Any, queue: str) -> None:
    with pytest.raises(PreconditionFailed, match=r"x-queue-type.*'?quorum"):
        connection.channel().queue_declare(queue, durable=True, auto_delete=False)


def test_readiness_counts_what_waits_in_the_queues(farm: SmallFarm) -> None:
    detail = farm.client.get("/ready").json()["checks"]["broker"]["detail"]
    assert "cpu: 0 waiting" in detail
    assert "gpu: 0 waiting" in detail


@pytest.fixture(scope="module")
def second_host(
    farm: SmallFarm, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], int]]:
    """Starts its CPU worker, which knows the URLs of the stores alone; answers its process id."""
    home = tmp_path_factory.mktemp("second")
    names = ("PATH", "DATABASE_URL", "REDIS_URL", "BROKER_URL")
    environment = {name: farm.environment[name] for name in names}
    host = Farm(farm.url, home, environment | {"SENTINEL_HOME": str(home)} | NO_METRICS)
    with closing(host.client):
        yield partial(run_cpu_worker, host)
        host.stop("worker-cpu")


def run_cpu_worker(host: Farm) -> int:
    host.start("worker-cpu", "worker", "--class", "cpu")
    return host.processes["worker-cpu"].pid


def test_a_message_carries_the_run_alone(farm: SmallFarm, connection: Any) -> None:
    farm.stop("worker-cpu")
    job = farm.submit(text=PROMPT, engines=["jailbreak"])
    message = eventually(lambda: connection.default_channel.basic_get("cpu"))
    connection.default_channel.basic_reject(message.delivery_tag, requeue=True)
    (run,) = farm.row("SELECT id::text FROM runs WHERE analysis_id = %s", job)
    assert run in str(message.body)
    assert not {"never", "jailbreak"} & set(re.findall("[a-z]+", repr(vars(message))))


def test_a_broker_that_hangs_is_not_waited_for(farm: SmallFarm, rabbitmq: RabbitMQ) -> None:
    options = {"read_timeout": 1, "max_retries": 1}
    with Connection(rabbitmq.url, transport=Transport, transport_options=options) as opened:
        channel = opened.default_channel
        with rabbitmq.stopped(), pytest.raises(NoAnswer):
            channel.queue_declare("cpu", passive=True)


def test_a_killed_broker_is_said_and_loses_nothing(
    farm: SmallFarm, rabbitmq: RabbitMQ, second_host: Callable[[], int]
) -> None:
    job = farm.submit(text=PROMPT, mode="fast")
    rabbitmq.kill()
    refused = farm.client.post("/api/v1/analyses", json={"text": "not judged yet"})
    assert (refused.status_code, "broker" in refused.json()["detail"]) == (503, True)
    assert "broker" in failing_checks(farm)
    rabbitmq.start()
    pid = second_host()
    assert farm.finished(job)["status"] == "completed"
    (worker,) = farm.row("SELECT worker FROM runs WHERE analysis_id = %s", job)
    assert worker.startswith(f"cpu-{pid}@")


def test_after_it_beat_and_the_io_worker_go_on(farm: SmallFarm) -> None:
    begun = farm.row("SELECT now()")[0]

    def ticked() -> bool:
        return bool(farm.row("SELECT max(tick) > %s FROM detector_ticks", begun)[0])

    eventually(ticked)
    assert farm.client.post(EVENTS, json=event("after")).status_code == 202
    assert len(stored(farm, "after", 1)) == 1
