"""The third version adds a table and touches none that the second uses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest
from alembic import command

import migrations

COLUMNS = """
SELECT table_name, column_name, data_type FROM information_schema.columns
WHERE table_schema = 'public' AND table_name NOT IN ('policies', 'alembic_version') ORDER BY 1, 2
"""


@pytest.fixture
def second(stores: Any) -> Iterator[tuple[str, Any]]:
    """URL of a database of the second version, and a cursor on it."""
    server = psycopg2.connect(stores.database_url)
    server.autocommit = True
    with server.cursor() as cursor:
        cursor.execute("CREATE DATABASE of_the_second_version")
    url = stores.database_url.rpartition("/")[0] + "/of_the_second_version"
    command.upgrade(migrations.config(url), "0002")
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        yield url, cursor
    connection.close()
    with server.cursor() as cursor:
        cursor.execute("DROP DATABASE of_the_second_version")
    server.close()


def columns(cursor: Any) -> list[tuple[str, ...]]:
    cursor.execute(COLUMNS)
    return list(cursor.fetchall())


def test_the_tables_of_the_running_version_stay_as_they_are(second: tuple[str, Any]) -> None:
    url, cursor = second
    before = columns(cursor)
    command.upgrade(migrations.config(url), "0003")
    assert columns(cursor) == before


def test_a_version_of_a_policy_is_stored_once(second: tuple[str, Any]) -> None:
    url, cursor = second
    migrations.upgrade(url)
    row = (
        "INSERT INTO policies (name, version, digest, origin, body) VALUES ('a', 1, 'd', %s, '{}')"
    )
    cursor.execute(row, ("stored",))
    for origin in ("stored", "calibrated", "elsewhere"):
        with pytest.raises(psycopg2.IntegrityError):
            cursor.execute(row, (origin,))
