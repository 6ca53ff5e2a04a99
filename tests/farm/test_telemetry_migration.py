"""The migration of telemetry over a database that holds events already."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from alembic import command

import migrations
from workers import event_lines

pytestmark = pytest.mark.farm

NOW = datetime.now(UTC)


@pytest.fixture
def before(stores: Any) -> Iterator[Any]:
    """A database of the version before, with three events stored, two of them the same."""
    admin = psycopg2.connect(stores.database_url)
    admin.autocommit = True
    admin.cursor().execute("CREATE DATABASE before")
    url = stores.database_url.rsplit("/", 1)[0] + "/before"
    command.upgrade(migrations.config(url), "0003")
    connection = psycopg2.connect(url)
    connection.autocommit = True
    for event, minutes in (("one", 0), ("two", 0), ("two", 5)):
        insert(connection, event, NOW - timedelta(days=1, minutes=minutes))
    yield url, connection
    connection.close()
    admin.cursor().execute("DROP DATABASE before")
    admin.close()


def insert(connection: Any, event: str, moment: datetime) -> None:
    connection.cursor().execute(
        "INSERT INTO telemetry (ts, application_id, event_id, event_type, status, latency_ms,"
        " received_at) VALUES (%s, 'app', %s, 'metric', 'success', 100, %s)"
        " ON CONFLICT DO NOTHING",
        (moment, event, moment),
    )


def asked(connection: Any, statement: str) -> Any:
    cursor = connection.cursor()
    cursor.execute(statement)
    return cursor.fetchall()


SUM = "SELECT sum(events), sum(latencies), sum(latency_ms) FROM telemetry_{level}s"


@pytest.mark.parametrize("level", ["minute", "hour"])
def test_what_is_stored_already_is_counted_by_event_and_known(before: Any, level: str) -> None:
    url, connection = before
    migrations.upgrade(url)
    assert asked(connection, SUM.format(level=level)) == [(2, 2, 200.0)]
    keys = {
        key.replace("-", "") for (key,) in asked(connection, "SELECT id::text FROM telemetry_ids")
    }
    assert keys == {event_lines.key("default", "app", name) for name in ("one", "two")}


def test_a_process_of_the_version_before_stores_and_counts_on(before: Any) -> None:
    url, connection = before
    migrations.upgrade(url)
    for event in ("two", "three", "three"):
        insert(connection, event, NOW)
    assert asked(connection, "SELECT count(*) FROM telemetry") == [(4,)]
    assert asked(connection, SUM.format(level="hour")) == [(3, 3, 300.0)]
