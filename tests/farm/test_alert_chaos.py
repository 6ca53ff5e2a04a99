"""Whoever decides and delivers dies; every group is told all the same, under one key."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest

import migrations
from core import database
from core.settings import settings
from ops.chaos.alerts import storm
from workers import delivery


def test_no_group_is_lost_or_decided_twice_when_processes_are_killed(
    stores: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(psycopg2.connect(stores.database_url)) as server:
        server.autocommit = True
        server.cursor().execute("CREATE DATABASE killed")
    url = urlsplit(stores.database_url)._replace(path="/killed").geturl()
    migrations.upgrade(url)
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("ALERTS_FILE", str(tmp_path / "alerts.yaml"))
    settings.cache_clear()
    delivery.config.cache_clear()
    try:
        audit = storm(6, 3, tmp_path)
    finally:
        database.engine().dispose()
        settings.cache_clear()
        delivery.config.cache_clear()
    assert audit.kept, str(audit)
    assert audit.groups == 6
