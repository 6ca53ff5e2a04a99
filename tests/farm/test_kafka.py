"""Telemetry from Kafka: every event counts once, whatever dies, and no message stops the others."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from core.database import query
from core.settings import settings
from tests.conftest import eventually
from tests.farm.kafka_cluster import PARTITIONS, Cluster, process
from tests.farm.test_telemetry import event
from workers import event_lines, presence
from workers.kafka import Consumer

pytestmark = pytest.mark.farm

SOON = "session.timeout.ms=6000,heartbeat.interval.ms=500"
"""The cluster takes a session's time for a rebalance, and for who comes after the last has left."""
LAG = "sentinel_kafka_consumer_lag"


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def topic(
    request: pytest.FixtureRequest, stores: Any, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A topic of the test's own, which consumers of this process read."""
    name = "t-" + "".join(c for c in request.node.name if c.isalnum())[:60]
    monkeypatch.setenv("KAFKA_BROKERS", cluster.address)
    monkeypatch.setenv("KAFKA_TOPICS", name)
    monkeypatch.setenv("KAFKA_GROUP", name)
    monkeypatch.setenv("KAFKA_OPTIONS", SOON)
    settings.cache_clear()
    yield name
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def start(topic: str) -> Iterator[Callable[[], Consumer]]:
    """Starts consumers, each of which has left the group when the test is over."""
    started: list[Consumer] = []

    def one() -> Consumer:
        started.append(Consumer())
        return started[-1]

    yield one
    for consumer in started:
        consumer.close()


@pytest.fixture
def consumer(start: Callable[[], Consumer]) -> Consumer:
    return start()


def events(topic: str, count: int, first: int = 0) -> list[dict[str, Any]]:
    return [event(topic, number) for number in range(first, first + count)]


def stored(topic: str) -> int:
    """Events of the test's application in their table, each counted as often as it stands there."""
    rows = query("SELECT count(*) AS n FROM telemetry WHERE application_id = :app", app=topic)
    return int(rows[0]["n"])


def rejected(topic: str) -> list[dict[str, Any]]:
    return query(
        "SELECT place, reason, field, body FROM telemetry_rejects WHERE source = 'kafka'"
        " AND reason LIKE :place ORDER BY place",
        place=f"%(message {topic}[%",
    )


def test_a_process_stores_every_shape_and_leaves_nothing_uncommitted(
    cluster: Cluster, topic: str, tmp_path: Path
) -> None:
    flat = {"request_id": "flat", "service_name": topic, "timestamp": event(topic)["timestamp"]}
    cluster.send(topic, *events(topic, 10), events(topic, 1200, first=10), flat, None)
    with process(tmp_path, cluster, topic) as running:
        eventually(lambda: stored(topic) == 1211, within=60)
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0
    assert cluster.committed(topic) == 13


KILLED = """
import os, signal
from workers import event_lines, presence
from workers.kafka import Consumer
Consumer._commit = lambda self: self._stored and os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_between_storing_and_committing_every_event_counts_once(
    cluster: Cluster, topic: str, tmp_path: Path
) -> None:
    nameless = [event(topic, number) | {"event_id": None} for number in (1, 2)]
    cluster.send(topic, [*events(topic, 20), *nameless])
    with process(tmp_path, cluster, topic, script=KILLED) as running:
        assert running.wait(60) == -signal.SIGKILL
    assert (stored(topic), cluster.committed(topic)) == (22, 0)
    with process(tmp_path, cluster, topic):
        eventually(lambda: cluster.committed(topic) == 1, within=60)
    assert stored(topic) == 22


def until(consumer: Consumer, *, committed: int, cluster: Cluster, topic: str) -> None:
    """Go round until the group has committed so many messages."""

    def enough() -> bool:
        consumer.turn()
        return cluster.committed(topic) == committed

    eventually(enough, within=60)


def test_poison_goes_to_the_rejects_and_keeps_no_partition_from_going_on(
    cluster: Cluster, topic: str, consumer: Consumer
) -> None:
    negative = event(topic, 2, latency_ms=-1)
    cluster.send(topic, event(topic, 0), b"{broken", b"\xff\xfe", partition=1)
    cluster.send(topic, [event(topic, 1), negative], b"[" * 100_000, partition=1)
    cluster.send(topic, event(topic, 3), partition=1)
    until(consumer, committed=6, cluster=cluster, topic=topic)
    assert stored(topic) == 3
    told = rejected(topic)
    assert [one["place"] for one in told] == [0, 0, 0, 1]
    assert told[3]["field"] == "data.latency_ms"
    assert any(one["body"] == "{broken" for one in told)


def test_an_event_that_no_table_takes_costs_no_neighbour(
    cluster: Cluster, topic: str, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = event_lines.of_event
    monkeypatch.setattr(
        event_lines,
        "of_event",
        lambda one, *rest: (
            whole(one, *rest).replace("\tllm.response\t", "\t\x00\t")
            if one.event_id == "odd"
            else whole(one, *rest)
        ),
    )
    cluster.send(topic, [*events(topic, 5), event(topic, 9) | {"event_id": "odd"}])
    until(consumer, committed=1, cluster=cluster, topic=topic)
    assert stored(topic) == 5
    rows = query("SELECT body FROM telemetry_rejects WHERE body LIKE :app", app=f"{topic}%")
    assert [one["body"] for one in rows] == [f"{topic} odd"]


def lag(topic: str) -> float:
    return sum(
        REGISTRY.get_sample_value(LAG, {"topic": topic, "partition": str(number)}) or 0
        for number in range(PARTITIONS)
    )


def test_without_the_database_partitions_wait_and_go_on_after_it(
    cluster: Cluster, topic: str, consumer: Consumer, stores: Any
) -> None:
    cluster.send(topic, *events(topic, 8))
    until(consumer, committed=8, cluster=cluster, topic=topic)
    stores.postgres.kill()
    try:
        cluster.send(topic, *events(topic, 40, first=8))
        for _ in range(8):
            consumer.turn()
        cluster.send(topic, *events(topic, 12, first=48))
        consumer.turn()
        consumer._lag.look()
        assert (cluster.committed(topic), lag(topic)) == (8, 52)
    finally:
        stores.postgres.start()
    until(consumer, committed=60, cluster=cluster, topic=topic)
    consumer._lag.look()
    assert (stored(topic), lag(topic)) == (60, 0)


def said(home: Path) -> str:
    return (home / "kafka.log").read_text()


def ended(running: subprocess.Popen[bytes]) -> int:
    running.send_signal(signal.SIGTERM)
    return running.wait(60)


@pytest.mark.parametrize("strategy", ["cooperative-sticky", "range"])
def test_who_stays_takes_over_from_who_leaves_and_every_event_counts_once(
    cluster: Cluster, topic: str, strategy: str, tmp_path: Path
) -> None:
    chosen, sent = f"partition.assignment.strategy={strategy},{SOON}", 0

    def sending(enough: Callable[[], bool]) -> bool:
        nonlocal sent
        cluster.send(topic, *events(topic, 4, first=sent))
        sent += 4
        return enough()

    one, two = tmp_path / "one", tmp_path / "two"
    with process(one, cluster, topic, KAFKA_OPTIONS=chosen) as leaving:
        eventually(lambda: sending(lambda: stored(topic) > 0), within=60)
        with process(two, cluster, topic, KAFKA_OPTIONS=chosen) as staying:
            eventually(lambda: sending(lambda: "2 partitions taken" in said(two)), within=60)
            assert (ended(leaving), "left" in said(one)) == (0, False)
            assert sending(lambda: True)
            eventually(lambda: cluster.committed(topic) == sent, within=60)
            assert ended(staying) == 0
    assert stored(topic) == sent


HELD = """
import ctypes
from workers import kafka, kafka_leaving, presence
kafka_leaving.LAST_SECONDS = 1
kafka.Consumer.close = lambda self: (presence.leave(), ctypes.PyDLL(None).sleep(600))
"""


def test_a_process_ends_even_if_its_client_never_closes(
    cluster: Cluster, topic: str, tmp_path: Path
) -> None:
    cluster.send(topic, *events(topic, 8))
    with process(tmp_path, cluster, topic, script=HELD) as running:
        eventually(lambda: cluster.committed(topic) == 8, within=60)
        assert ended(running) == 1
    assert "Timeout (0:00:01)!" in said(tmp_path)


def test_a_consumer_reports_to_readiness_while_it_goes_round(consumer: Consumer) -> None:
    consumer.turn()
    assert presence.fresh().get("kafka") == 1
    consumer.close()
    assert "kafka" not in presence.fresh()
