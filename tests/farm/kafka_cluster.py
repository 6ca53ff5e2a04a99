"""A Kafka cluster of the client's own making, on a real socket, and what a test asks of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from tests.conftest import ROOT

PARTITIONS = 4
"""What the cluster gives a topic."""


class Cluster:
    """One broker, which ends with this object."""

    def __init__(self) -> None:
        self._producer = Producer({"test.mock.num.brokers": 1, "log_level": 3})
        brokers = self._producer.list_topics(timeout=20).brokers.values()
        self.address = ",".join(f"{one.host}:{one.port}" for one in brokers)

    def send(self, topic: str, *values: Any, partition: int | None = None, **headers: str) -> None:
        """One message each; what is neither bytes nor None goes as JSON."""
        for number, value in enumerate(values):
            body = value if isinstance(value, bytes | None) else json.dumps(value).encode()
            self._producer.produce(
                topic,
                body,
                partition=number % PARTITIONS if partition is None else partition,
                headers={name.replace("_", "-"): text for name, text in headers.items()},
            )
        assert self._producer.flush(20) == 0

    def committed(self, topic: str) -> int:
        """Messages of a topic that the group of its name need not read again."""
        with self._reader(topic) as reader:
            places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
            return sum(max(one.offset, 0) for one in reader.committed(places, timeout=20))

    @contextmanager
    def _reader(self, group: str) -> Iterator[Consumer]:
        reader = Consumer({"bootstrap.servers": self.address, "group.id": group})
        try:
            yield reader
        finally:
            reader.close()


@contextmanager
def process(
    home: Path, cluster: Cluster, topic: str, *, script: str = "", **settings: str
) -> Iterator[subprocess.Popen[bytes]]:
    """`sentinel kafka` in a process of its own; `script` runs before it, in the same process."""
    (home / "metrics").mkdir(exist_ok=True, parents=True)
    begin = f"import sys; sys.argv = ['sentinel', 'kafka']\n{script}\nfrom cli.sentinel import main"
    with open(home / "kafka.log", "ab") as log:
        running = subprocess.Popen(
            [sys.executable, "-c", f"{begin}\nmain()"],
            cwd=ROOT,
            env={
                **os.environ,
                "KAFKA_BROKERS": cluster.address,
                "KAFKA_TOPICS": topic,
                "KAFKA_GROUP": topic,
                "SENTINEL_HOME": str(home),
                "SENTINEL_INSTANCE": str(home),
                "PROMETHEUS_MULTIPROC_DIR": str(home / "metrics"),
                **settings,
            },
            stdout=log,
            stderr=log,
        )
    try:
        yield running
    finally:
        running.kill()
        running.wait()
