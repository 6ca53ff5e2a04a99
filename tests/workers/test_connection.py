"""How a lost broker is looked for, and that losing it ends no worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from kombu import Consumer, Exchange, Queue
from kombu.common import ignore_errors
from kombu.exceptions import OperationalError

from core.embedded import EmbeddedStores
from core.ports import free_port
from workers import redis_transport
from workers.app import app


def test_a_broker_that_is_away_is_looked_for_every_second() -> None:
    pauses: list[float] = []
    connection = app.amqp.Connection(f"redis://127.0.0.1:{free_port()}/0")
    with connection, pytest.raises(OperationalError):
        connection.ensure_connection(lambda _, pause: pauses.append(pause), max_retries=6)
    assert pauses[0] < 0.5
    assert pauses[-1] == 1.0 == max(pauses)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedStores]:
    """A Valkey of this test's own."""
    stores = EmbeddedStores(tmp_path)
    stores.valkey.start()
    yield stores
    stores.valkey.kill()


def test_a_broker_lost_with_a_message_in_hand_ends_no_worker(broker: EmbeddedStores) -> None:
    """What Celery's consumer does once the broker is lost; an exception would end the worker."""
    queue = Queue("held", Exchange("held"), "held")
    connection = app.amqp.Connection(broker.redis_url, transport=redis_transport.Transport)
    held: list[object] = []
    consumer = Consumer(connection, queue, on_message=held.append)
    consumer.consume()
    orders = Queue("orders", Exchange("orders"), "orders")
    Consumer(connection.channel(), orders, on_message=held.append).consume()
    producer = connection.Producer(consumer.channel)
    producer.publish({}, exchange=queue.exchange, routing_key="held", declare=[queue])
    connection.drain_events(timeout=5)
    with pytest.raises(TimeoutError):
        connection.drain_events(timeout=0.2)

    broker.valkey.kill()
    with suppress(Exception):
        connection.collect(socket_timeout=1)
    ignore_errors(connection, connection.close)
    assert len(held) == 1
    assert not connection.connected

    broker.valkey.start()
    with app.amqp.Connection(broker.redis_url) as anew:
        anew.ensure_connection(max_retries=3)
        assert anew.connected
