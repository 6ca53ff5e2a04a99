"""Storage: whether database and broker are fit for use, and how long rows are kept."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click
from redis.exceptions import RedisError

from cli.output import json_option, show
from core.database import UnitOfWork, unit_of_work
from core.errors import BrokerDown, SentinelError
from core.settings import settings
from workers import partitions, waiting

EXIT_FAILED = 1


@click.group()
def command() -> None:
    """Look after database and broker.

    \b
    Example:
        sentinel-cli storage check
    """


@command.command()
@json_option
def check(as_json: bool) -> None:
    """Ask database and broker; exit status 1 when one is not fit for use.

    \b
    Example:
        sentinel-cli storage check
    """
    rows = [
        _asked("database", _database),
        _asked("schema", _schema),
        _asked("partitions", _partitions),
        _asked("broker", _broker),
    ]
    show(rows, as_json, empty="")
    if not all(row["ok"] for row in rows):
        sys.exit(EXIT_FAILED)


@command.group()
def retention() -> None:
    """How long rows are kept.

    \b
    Example:
        sentinel-cli storage retention show
    """


@retention.command("show")
@json_option
def shown(as_json: bool) -> None:
    """Show the age at which rows are dropped, and what is stored.

    \b
    Example:
        sentinel-cli storage retention show
    """
    chosen = settings()
    with unit_of_work() as work:
        rows = [
            _stored(work, parent, kept)
            for parents, kept in (
                (partitions.RAW, chosen.retention_raw),
                (partitions.AGGREGATED, chosen.retention_aggregated),
            )
            for parent in parents
        ]
    show(rows, as_json, empty="")


def _stored(work: UnitOfWork, parent: str, kept: str) -> dict[str, Any]:
    """How much a table by days holds, and since when; the spare table counts for its size."""
    size = work.execute(
        "SELECT pg_size_pretty(coalesce(sum(pg_total_relation_size(inhrelid)), 0))"
        " FROM pg_inherits WHERE inhparent = to_regclass(:parent)",
        parent=parent,
    ).scalar_one()
    days = partitions.days(work, parent)
    oldest = next((day for name, day in days if _holds_rows(work, name)), None)
    return {
        "rows": parent,
        "kept": kept,
        "partitions": len(days),
        "oldest": oldest and oldest.isoformat(),
        "size": size,
    }


def _holds_rows(work: UnitOfWork, name: str) -> bool:
    return bool(work.connection.exec_driver_sql(f"SELECT EXISTS (SELECT FROM {name})").scalar_one())


def _asked(name: str, ask: Callable[[], tuple[bool, str]]) -> dict[str, Any]:
    try:
        ok, detail = ask()
    except SentinelError as problem:
        ok, detail = False, str(problem)
    return {"check": name, "ok": ok, "detail": detail}


def _database() -> tuple[bool, str]:
    with unit_of_work() as work:
        version = work.execute("SHOW server_version").scalar_one()
        size = work.execute("SELECT pg_size_pretty(pg_database_size(current_database()))").scalar()
    return True, f"PostgreSQL {version}, {size}"


def _schema() -> tuple[bool, str]:
    from alembic.script import ScriptDirectory

    import migrations

    newest = ScriptDirectory.from_config(migrations.config("")).get_current_head()
    with unit_of_work() as work:
        there = work.execute("SELECT version_num FROM alembic_version").scalar()
    if there == newest:
        return True, f"version {there}"
    return False, f"version {there}, but this code needs {newest}; run `sentinel up` or migrate"


def _partitions() -> tuple[bool, str]:
    with unit_of_work() as work:
        missing = work.execute(
            "SELECT string_agg(parent, ', ') FROM unnest(CAST(:parents AS text[])) AS parent"
            " WHERE to_regclass(parent || '_' ||"
            " to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')) IS NULL",
            parents=list(partitions.PARTITIONED),
        ).scalar()
    if missing:
        return False, f"no table for today in {missing}; is an io worker with beat running?"
    return True, "today's tables are there"


def _broker() -> tuple[bool, str]:
    try:
        client = waiting.client()
        about = client.info("server")
        policy = client.info("memory")["maxmemory_policy"]
        durable = client.info("persistence")["aof_enabled"]
    except RedisError as problem:
        raise BrokerDown() from problem
    version = about.get("valkey_version") or about.get("redis_version")
    if policy != "noeviction":
        return False, f"maxmemory-policy is {policy}; set it to noeviction, or messages vanish"
    if not durable:
        return False, "append-only file is off; set appendonly yes, or a restart loses telemetry"
    return True, f"{about.get('server_name', 'redis')} {version}, noeviction, append-only file"
