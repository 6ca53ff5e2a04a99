"""Stores of its own for a measurement: both embedded servers with the schema, gone afterwards."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2

import migrations
from core.embedded import EmbeddedStores
from core.settings import settings


@contextmanager
def own_stores(*, durable: bool = True) -> Iterator[EmbeddedStores]:
    """This process is connected to them; import `workers` within, which reads its settings then.

    Unless `durable`, no commit waits for the disk.
    """
    with (
        tempfile.TemporaryDirectory() as home,
        EmbeddedStores(Path(home), postgres_port=0, valkey_port=0) as stores,
    ):
        os.environ["DATABASE_URL"] = stores.database_url
        os.environ["REDIS_URL"] = stores.redis_url
        os.environ["SENTINEL_HOME"] = home
        settings.cache_clear()
        migrations.upgrade(stores.database_url)
        if not durable:
            _relax(stores.database_url)
        yield stores


def _relax(url: str) -> None:
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("ALTER ROLE CURRENT_USER SET synchronous_commit = off")
