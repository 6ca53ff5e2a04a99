"""The ninth version adds columns that may be empty; no row is written anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest
from alembic import command

import migrations

JOB = "01890000-0000-7000-8000-000000000001"
OLD_ROW = f"""
INSERT INTO analyses (id, session_id, kind, state, mode, item_count, runs_left, created_at,
    finished_at, deadline_at) VALUES ('{JOB}', 's', 'single', 'completed', 'fast', 1, 0, now(),
    now(), now())
"""


@pytest.fixture
def eighth(stores: Any) -> Iterator[tuple[str, Any]]:
    """URL of a database of the eighth version that holds a job, and a cursor on it."""
    server = psycopg2.connect(stores.database_url)
    server.autocommit = True
    with server.cursor() as cursor:
        cursor.execute("CREATE DATABASE of_the_eighth_version")
    url = stores.database_url.rpartition("/")[0] + "/of_the_eighth_version"
    command.upgrade(migrations.config(url), "0008")
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(OLD_ROW)
        yield url, cursor
    connection.close()
    with server.cursor() as cursor:
        cursor.execute("DROP DATABASE of_the_eighth_version")
    server.close()


def file_of(cursor: Any) -> Any:
    cursor.execute("SELECT pg_relation_filenode('analyses')")
    return cursor.fetchone()


def test_the_table_is_not_written_anew(eighth: tuple[str, Any]) -> None:
    url, cursor = eighth
    before = file_of(cursor)
    migrations.upgrade(url)
    assert file_of(cursor) == before


def test_a_job_of_the_version_before_has_no_user_and_it_stores_on(eighth: tuple[str, Any]) -> None:
    url, cursor = eighth
    migrations.upgrade(url)
    cursor.execute(OLD_ROW.replace("0001'", "0002'"))
    cursor.execute("SELECT session_id, user_id, item_users, item_sessions FROM analyses")
    assert cursor.fetchall() == [("s", None, None, None)] * 2
