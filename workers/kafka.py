"""The Kafka consumer: reads telemetry, stores it here, and commits offsets once the rows are safe.

A message that cannot be read is kept in the table of rejects and passed. While PostgreSQL is away
the partitions are paused and what is held waits, so that the group keeps its members. What a crash
or a rebalance lets be read twice counts once.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from core import prices
from core.database import TROUBLE
from core.metrics import KAFKA_ERRORS, KAFKA_EVENTS
from core.settings import settings
from core.telemetry import Event, Reject
from workers import kafka_client, kafka_leaving, kafka_messages, kafka_storing, presence
from workers.kafka_lag import EVERY_SECONDS, Lag

log = logging.getLogger(__name__)

MESSAGES = 500
EVENTS = 500
GATHER_SECONDS = 0.2
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
REPEAT_SECONDS = 30.0
"""For so long the same complaint of the client is not logged again."""

Key = tuple[str, int]


class Consumer:
    """One member of the group. `turn` is one round; `run` goes round until `stop` is called."""

    def __init__(self, *, lag_every: float = EVERY_SECONDS) -> None:
        chosen = settings()
        kafka_client.demand(chosen)
        self._application = chosen.application_id
        self._worker = presence.Worker("kafka", (), 1)
        self._stopping = False
        self._leaving = False
        self._held: list[kafka_messages.Message] = []
        self._stored: dict[Key, int] = {}
        self._pause = 0.0
        self._next_try = 0.0
        self._beaten = 0.0
        self._told: dict[str, float] = {}
        self._consumer = kafka_client.consumer(
            chosen, error_cb=self._complain, on_commit=self._committed, logger=log
        )
        self._lag = Lag(kafka_client.consumer(chosen, log_level=0), lag_every)
        self._consumer.subscribe(
            list(chosen.kafka_topics),
            on_assign=self._taken,
            on_revoke=self._revoked,
            on_lost=self._lost,
        )

    def run(self) -> None:
        """Consume until told to stop, then commit and leave the group."""
        self._lag.start()
        try:
            while not self._stopping:
                self.turn()
        finally:
            with kafka_leaving.bounded():
                self.close()

    def stop(self, *_: Any) -> None:
        """Let the round that runs be the last."""
        self._stopping = True

    def close(self) -> None:
        """Commit what is stored and leave the group, so that others take over at once."""
        if self._leaving:
            return
        self._leaving = True
        self._lag.stop()
        try:
            if not kafka_leaving.leave(self._consumer, self._commit):
                log.warning("the group was left in the midst of a rebalance")
        except KafkaException as problem:
            log.warning("the group was not left in order: %s", problem.args[0].str())
        self._consumer.close()
        self._lag.close()
        presence.leave()

    def turn(self) -> None:
        """Read for GATHER_SECONDS or MESSAGES and store it; or, in trouble, wait as long."""
        self._beat()
        if self._pause:
            self._wait()
        else:
            self._hold(self._consumer.consume(MESSAGES, GATHER_SECONDS))
        if self._held and time.monotonic() >= self._next_try:
            self._work()
        self._lag.watch(self._consumer.assignment())

    def _hold(self, messages: Sequence[Any]) -> None:
        for message in messages:
            problem = message.error()
            if problem is None:
                self._held.append(kafka_messages.received(message))
            else:
                self._complain(problem)

    def _wait(self) -> None:
        """Answer the group while the partitions stand still; new ones are paused as they come."""
        self._consumer.pause(self._consumer.assignment())
        message = self._consumer.poll(GATHER_SECONDS)
        if message is not None:
            self._hold([message])

    def _work(self) -> None:
        """Store what is held, in order; what could not be stored stays held."""
        try:
            while self._held:
                taken, events, rejects = self._next()
                self._keep(events, rejects)
                self._done(taken)
        except TROUBLE as problem:
            self._slow_down(problem)
        else:
            self._go_on()
        finally:
            self._commit()

    def _next(self) -> tuple[int, list[Event], list[Reject]]:
        """The first messages that are held, as many as hold EVENTS events, and what they hold."""
        now = datetime.now(UTC)
        events: list[Event] = []
        rejects: list[Reject] = []
        for count, message in enumerate(self._held, 1):
            good, bad = kafka_messages.read(message, now=now, default_application=self._application)
            events += good
            rejects += bad
            if len(events) >= EVENTS:
                return count, events, rejects
        return len(self._held), events, rejects

    def _keep(self, events: Sequence[Event], rejects: Sequence[Reject]) -> None:
        refused = list(rejects)
        for start in range(0, len(events), EVENTS):
            part = events[start : start + EVENTS]
            bad = kafka_storing.store(part)
            KAFKA_EVENTS.inc(len(part) - len(bad))
            refused += bad
        if refused:
            kafka_storing.reject(refused)
            KAFKA_ERRORS.labels("reject").inc(len(refused))
            log.warning("%d refused, the first because it %s", len(refused), refused[0].reason)

    def _done(self, count: int) -> None:
        """These messages are stored: no longer held, and to be committed."""
        for message in self._held[:count]:
            self._stored[message.key] = message.offset + 1
        self._held = self._held[count:]

    def _slow_down(self, problem: Exception) -> None:
        """Pause the partitions and try again later, each time later."""
        KAFKA_ERRORS.labels("store").inc()
        self._pause = min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE)
        self._next_try = time.monotonic() + self._pause
        log.warning(
            "not stored, partitions paused, next try in %.1f s: %s",
            self._pause,
            kafka_storing.line(problem),
        )

    def _go_on(self) -> None:
        if self._pause:
            self._pause = 0.0
            self._consumer.resume(self._consumer.assignment())
            log.info("stored again, partitions resumed")

    def _commit(self) -> bool:
        """Send the offsets of what is stored; the answer comes to `_committed`. False if none."""
        if self._stored:
            try:
                self._consumer.commit(offsets=_offsets(self._stored), asynchronous=True)
            except KafkaException as problem:
                self._commit_failed(problem.args[0])
        return bool(self._stored)

    def _committed(self, problem: KafkaError | None, partitions: Sequence[TopicPartition]) -> None:
        if problem is not None:
            self._commit_failed(problem)
            return
        for one in partitions:
            key = (one.topic, one.partition)
            if one.error is None and self._stored.get(key, -1) <= one.offset:
                self._stored.pop(key, None)

    def _commit_failed(self, problem: KafkaError) -> None:
        """The rows are safe; who reads them again after a rebalance finds them stored."""
        KAFKA_ERRORS.labels("commit").inc()
        self._tell("offsets not committed yet", problem)

    def _taken(self, _consumer: Any, partitions: Sequence[TopicPartition]) -> None:
        log.info("%d partitions taken", len(partitions))

    def _revoked(self, consumer: Any, partitions: Sequence[TopicPartition]) -> None:
        """Commit what is stored of these, and let go of what is not.

        Who leaves has waited for the answer before, as long as it may.
        """
        keys = {(one.topic, one.partition) for one in partitions}
        owed = {key: offset for key, offset in self._stored.items() if key in keys}
        if owed:
            try:
                consumer.commit(offsets=_offsets(owed), asynchronous=self._leaving)
            except KafkaException as problem:
                self._commit_failed(problem.args[0])
        self._lost(consumer, partitions)

    def _lost(self, _consumer: Any, partitions: Sequence[TopicPartition]) -> None:
        """Others have these already: nothing of them may be stored late or committed by us."""
        keys = {(one.topic, one.partition) for one in partitions}
        self._held = [message for message in self._held if message.key not in keys]
        self._stored = {key: at for key, at in self._stored.items() if key not in keys}
        log.info("%d partitions given up", len(keys))

    def _complain(self, problem: KafkaError) -> None:
        """The client mends its connections itself; a fatal error needs a new process."""
        KAFKA_ERRORS.labels("client").inc()
        self._tell("Kafka", problem)
        if problem.fatal():
            log.error("Kafka's client cannot go on; leaving")
            self.stop()

    def _tell(self, what: str, problem: KafkaError) -> None:
        now, complaint = time.monotonic(), f"{what}: {problem.name()}"
        if now - self._told.get(complaint, -REPEAT_SECONDS) >= REPEAT_SECONDS:
            self._told[complaint] = now
            log.warning("%s: %s", what, problem.str())

    def _beat(self) -> None:
        """Say that rounds are made: /ready and sentinel_workers_up count who said so of late."""
        now = time.monotonic()
        if now - self._beaten < presence.BEAT_SECONDS:
            return
        arriving, self._beaten = not self._beaten, now
        try:
            presence.beat(self._worker, arriving=arriving)
        except TROUBLE as problem:
            log.debug("heartbeat not written: %s", problem)


def _offsets(stored: dict[Key, int]) -> list[TopicPartition]:
    return [TopicPartition(topic, partition, at) for (topic, partition), at in stored.items()]


def run() -> None:
    """Consume until SIGTERM or SIGINT. Raises ConfigError for what only a message would show."""
    prices.table()
    presence.introduce(
        presence.Worker("kafka", (), 1), f"kafka-{os.getpid()}@{socket.gethostname()}"
    )
    consumer = Consumer()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, consumer.stop)
    consumer.run()
