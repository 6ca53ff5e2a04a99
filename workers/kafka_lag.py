"""How far the group is behind, partition by partition, asked beside the consumer's own work.

A consumer that waits for PostgreSQL has paused its partitions, and what the client itself knows of
their ends then grows old; so the brokers are asked, by a client of its own: one client answers one
caller at a time, and who waits here for a slow broker would keep the consumer from its group.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from confluent_kafka import KafkaException

from core.metrics import KAFKA_LAG

log = logging.getLogger(__name__)

EVERY_SECONDS = 5.0
PATIENCE_SECONDS = 2.0

Key = tuple[str, int]


class Lag(threading.Thread):
    """Sets sentinel_kafka_consumer_lag for the partitions that the consumer has.

    `client` is of the consumer's group, but no member of it.
    """

    def __init__(self, client: Any, every: float = EVERY_SECONDS) -> None:
        super().__init__(name="kafka-lag", daemon=True)
        self._client = client
        self._partitions: list[Any] = []
        self._every = every
        self._over = threading.Event()
        self._shown: set[Key] = set()

    def run(self) -> None:
        """Look until told to stop."""
        while not self._over.wait(self._every):
            self.look()

    def watch(self, partitions: list[Any]) -> None:
        """Show these from the next look on."""
        self._partitions = partitions

    def look(self) -> None:
        """Set the gauge once; while the brokers do not answer it keeps what it had."""
        try:
            behind = self._behind(self._partitions) if self._partitions else {}
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
        for one in self._client.committed(partitions, timeout=PATIENCE_SECONDS):
            if self._over.is_set():
                break
            low, high = self._client.get_watermark_offsets(one, timeout=PATIENCE_SECONDS)
            found[one.topic, one.partition] = high - max(one.offset, low)
        return found

    def stop(self) -> None:
        """Look no more."""
        self._over.set()

    def close(self) -> None:
        """Show nothing for partitions that others have now; a look that still runs is not awaited
        for long."""
        if self.is_alive():
            self.join(PATIENCE_SECONDS)
        if not self.is_alive():
            self._client.close()
        for topic, partition in self._shown:
            KAFKA_LAG.labels(topic, partition).set(0)
