"""PostgreSQL: one engine per process, and the unit of work that owns what follows a commit."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg2.extras import execute_values
from sqlalchemy import Connection, CursorResult, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from core.errors import DatabaseDown
from core.settings import settings


@functools.cache
def _engine_of(pid: int, url: str) -> Engine:
    return create_engine(
        url,
        pool_size=8,
        max_overflow=16,
        pool_timeout=5,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args={
            "connect_timeout": 3,
            "application_name": "sentinel",
            "options": "-c timezone=UTC -c lock_timeout=10s -c statement_timeout=60s",
            "keepalives_idle": 30,
        },
    )


def engine() -> Engine:
    """The connection pool of this process; a forked child gets its own."""
    return _engine_of(os.getpid(), settings().database())


class UnitOfWork:
    """One transaction, and the calls that must wait until it is committed."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.following: list[Callable[[], None]] = []

    def execute(self, statement: str, **values: Any) -> CursorResult[Any]:
        """Run one SQL statement with `:name` parameters."""
        return self.connection.execute(_prepared(statement), values)

    def insert_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Insert many rows in one round trip; `statement` has `VALUES %s` where they go."""
        if not rows:
            return
        cursor = self.connection.connection.cursor()
        try:
            execute_values(cursor, statement, rows, page_size=1000)
        finally:
            cursor.close()

    def relax(self) -> None:
        """Do not wait for the disk at commit: for facts that are cheap to lose, such as a claim."""
        self.connection.exec_driver_sql("SET LOCAL synchronous_commit = off")

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call this once the rows are safe, never before, and not at all on rollback."""
        self.following.append(call)


@functools.lru_cache(maxsize=512)
def _prepared(statement: str) -> Any:
    return text(statement)


@contextmanager
def unit_of_work() -> Iterator[UnitOfWork]:
    """A transaction: committed at the end, rolled back on an exception.

    Raises DatabaseDown when PostgreSQL does not answer. What `after_commit` was told runs
    after the commit, in order; an exception there reaches the caller with the rows stored.
    """
    with translated(), engine().begin() as connection:
        work = UnitOfWork(connection)
        yield work
    for call in work.following:
        call()


@contextmanager
def translated() -> Iterator[None]:
    """Turn a lost connection into DatabaseDown; leave every other database error as it is."""
    try:
        yield
    except PoolTimeout as problem:
        raise DatabaseDown("no database connection became free in time; try again") from problem
    except (OperationalError, InterfaceError) as problem:
        if isinstance(problem, DBAPIError) and not _is_outage(problem):
            raise
        raise DatabaseDown() from problem


def _is_outage(problem: DBAPIError) -> bool:
    code = getattr(problem.orig, "pgcode", None)
    return problem.connection_invalidated or code is None or code.startswith(("08", "57P", "53"))


def ping() -> None:
    """Ask PostgreSQL for one row. Raises DatabaseDown."""
    with translated(), engine().connect() as connection:
        connection.exec_driver_sql("SELECT 1")
