"""How often a lost broker is looked for."""

from __future__ import annotations

import pytest
from kombu.exceptions import OperationalError

from core.ports import free_port
from workers.app import app


def test_a_broker_that_is_away_is_looked_for_every_second() -> None:
    pauses: list[float] = []
    connection = app.amqp.Connection(f"redis://127.0.0.1:{free_port()}/0")
    with connection, pytest.raises(OperationalError):
        connection.ensure_connection(lambda _, pause: pauses.append(pause), max_retries=6)
    assert pauses[0] < 0.5
    assert pauses[-1] == 1.0 == max(pauses)
