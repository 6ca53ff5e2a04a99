"""What the first version stored is read by the second."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest
from alembic import command

import migrations
from workers import verdicts
from workers.runs import _CONTENTS

JOB = "01890000-0000-7000-8000-000000000001"
OLD_ROWS = f"""
INSERT INTO analyses (id, kind, state, mode, item_count, runs_left, created_at, finished_at,
    deadline_at) VALUES ('{JOB}', 'batch', 'completed', 'fast', 2, 0, '2026-01-01', now(), now());
INSERT INTO contents (created_at, analysis_id, item_index, body)
    VALUES ('2026-01-01', '{JOB}', 0, '{{"text": "a"}}'), ('2026-01-01', '{JOB}', 1,
    '{{"text": "b"}}');
INSERT INTO items (analysis_id, item_index, risk_score, verdict, action, degraded, judgement)
    VALUES ('{JOB}', 0, 0, 'SAFE', 'allow', false, '{{"engines_run": ["e"], "findings": []}}'),
    ('{JOB}', 1, 0.9, 'HIGH_RISK', 'block', true, '{{"engines_run": [], "findings": []}}');
INSERT INTO results (analysis_id, item_index, engine_class, run_id, attempt, engines)
    VALUES ('{JOB}', 0, 'cpu', '{JOB}', 1,
    '[{{"engine": "e", "version": "1", "outcome": "clean", "duration_ms": 1.5}}]'),
    ('{JOB}', 2, 'cpu', '{JOB}', 1,
    '[{{"engine": "e", "version": "1", "outcome": "clean", "duration_ms": 2.5}}]');
"""


@pytest.fixture
def upgraded(stores: Any) -> Iterator[Any]:
    """A cursor on a database that was filled by the first version and then upgraded."""
    server = psycopg2.connect(stores.database_url)
    server.autocommit = True
    with server.cursor() as cursor:
        cursor.execute("CREATE DATABASE of_the_first_version")
    url = stores.database_url.rpartition("/")[0] + "/of_the_first_version"
    command.upgrade(migrations.config(url), "0001")
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(OLD_ROWS)
        migrations.upgrade(url)
        yield cursor
    connection.close()
    with server.cursor() as cursor:
        cursor.execute("DROP DATABASE of_the_first_version")
    server.close()


def test_verdicts_and_unfinished_parts_are_kept(upgraded: Any) -> None:
    upgraded.execute(
        "SELECT first_item, risk_score, action, examined, risks, engines, body FROM verdicts"
        " ORDER BY first_item"
    )
    safe, attack = upgraded.fetchall()
    assert safe[:5] == (0, 0.0, "allow", True, [0.0])
    assert attack[:5] == (1, 0.9, "block", False, [0.9])
    assert safe[5][0] | {"reason": None} == {
        "engine": "e",
        "version": "1",
        "outcome": "clean",
        "items": 1,
        "duration_ms": 1.5,
        "reason": None,
    }
    item = next(verdicts.items_of(0, safe[6]))
    assert (item["verdict"], item["engines"][0]["duration_ms"]) == ("SAFE", 1.5)
    upgraded.execute("SELECT first_item, body FROM parts")
    assert [(first, json.dumps(body)[:14]) for first, body in upgraded.fetchall()] == [
        (2, '[[{"engine": "')
    ]


def test_content_of_one_item_a_row_is_found(upgraded: Any) -> None:
    statement = _CONTENTS
    for name, value in {"at": "'2026-01-01'", "job": f"'{JOB}'", "first": "0", "last": "1"}.items():
        statement = statement.replace(f":{name}", value)
    upgraded.execute(statement)
    assert [(row[0], row[1], row[2]["text"]) for row in upgraded.fetchall()] == [
        (0, None, "a"),
        (1, None, "b"),
    ]
