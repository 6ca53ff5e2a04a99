"""How far the group is behind, partition by partition, asked beside the consumer's own work.

A consumer that waits for PostgreSQL has paused its partitions, and what the client itself knows of
their ends then grows old; so the brokers are asked.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from confluent_kafka import KafkaException

from core.metrics import KAFKA_LAG

log = logging.getLogger(__name__)

EVERY_SECONDS = 5.0
PATIENCE_SECONDS = 5.0

Key = tuple[str, int]


class Lag(threading.Thread):
    """Sets sentinel_kafka_consumer_lag for the partitions that this consumer has."""

    def __init__(self, consumer: Any, every: float = EVERY_SECONDS) -> None:
        super().__init__(name="kafka-lag", daemon=True)
        self._consumer = consumer
        self._every = every
        self._over = threading.Event()
        self._shown: set[Key] = set()

    def run(self) -> None:
        """Look until told to stop."""
        while not self._over.wait(self._every):
            self.look()

    def look(self) -> None:
        """Set the gauge once; while the brokers do not answer it keeps what it had."""
        try:
            partitions = self._consumer.assignment()
            behind = self._behind(partitions) if partitions else {}
        except KafkaException as problem:
            log.debug("lag not known: %s", problem)
            return
        for topic, partition in self._shown - behind.keys():
            KAFKA_LAG.labels(topic, partition).set(0)
        for (topic, partition), messages in behind.items():
            KAFKA_LAG.labels(topic, partition).set(messages)
        self._shown = set(behind)

    def _behind(self, partitions: list[Any]) -> dict[Key, int]:
        found = {}
        for one in self._consumer.committed(partitions, timeout=PATIENCE_SECONDS):
            low, high = self._consumer.get_watermark_offsets(one, timeout=PATIENCE_SECONDS)
            found[one.topic, one.partition] = high - max(one.offset, low)
        return found

    def stop(self) -> None:
        """Look no more, and show nothing for partitions that others will have."""
        self._over.set()
        if self.is_alive():
            self.join(2 * PATIENCE_SECONDS)
        for topic, partition in self._shown:
            KAFKA_LAG.labels(topic, partition).set(0)
