"""PostgreSQL: one engine per process, and the unit of work that owns what follows a commit."""

from __future__ import annotations

import functools
import hashlib
import math
import os
import re
import select
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2
import psycopg2.errors
from psycopg2.extras import NamedTupleCursor, execute_values, register_uuid
from sqlalchemy import Connection, CursorResult, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry, Pool, QueuePool

from core.errors import DatabaseBusy, DatabaseDown, SentinelError
from core.settings import settings

IDLE_SECONDS = 2.0
"""A connection that rested longer is asked whether it still lives before it is used."""

CONNECT: dict[str, Any] = {
    "connect_timeout": 3,
    "application_name": "sentinel",
    "options": "-c timezone=UTC -c lock_timeout=10s -c statement_timeout=60s",
    "keepalives_idle": 30,
}
_ONE_PLAN = "-c plan_cache_mode=force_generic_plan"
"""Statements of the hot paths find their rows by key; planning them anew over the partitions costs
more than it gains."""
POOL: dict[str, int] = {"pool_size": 8, "max_overflow": 16, "timeout": 5, "recycle": 1800}

register_uuid()  # type: ignore[no-untyped-call]


@functools.cache
def _engine_of(pid: int, url: str) -> Engine:
    made = create_engine(
        url,
        connect_args=CONNECT,
        pool_size=POOL["pool_size"],
        max_overflow=POOL["max_overflow"],
        pool_timeout=POOL["timeout"],
        pool_recycle=POOL["recycle"],
    )
    _watch(made)
    return made


@functools.cache
def _autocommit_of(pid: int, url: str) -> Pool:
    """Bare connections for single statements: SQLAlchemy's pool without its statement layer."""

    def connect() -> Any:
        connection = psycopg2.connect(
            url.replace("+psycopg2", "", 1),
            cursor_factory=NamedTupleCursor,
            **{**CONNECT, "options": f"{CONNECT['options']} {_ONE_PLAN}"},
        )
        connection.autocommit = True
        return connection

    made = QueuePool(
        connect,
        reset_on_return=None,
        pool_size=POOL["pool_size"],
        max_overflow=POOL["max_overflow"],
        timeout=POOL["timeout"],
        recycle=POOL["recycle"],
    )
    _watch(made)
    return made


def _watch(pool: Engine | Pool) -> None:
    event.listen(pool, "checkin", _rest)
    event.listen(pool, "checkout", _wake)


def _rest(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["rested"] = time.monotonic()


def _wake(connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
    try:
        if _hung_up(connection):
            raise DisconnectionError()
        if time.monotonic() - record.info.get("rested", -math.inf) < IDLE_SECONDS:
            return
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        connection.rollback()
    except psycopg2.Error as problem:
        raise DisconnectionError() from problem


def _hung_up(connection: Any) -> bool:
    """Whether the server ended a connection at rest: it has something to say that nobody asked."""
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))


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


def query(statement: str, **values: Any) -> list[dict[str, Any]]:
    """The rows of one statement, planned for these values: lists, filters, aggregates."""
    with unit_of_work() as work:
        return [row._asdict() for row in work.execute(statement, **values)]


def single(statement: str, **values: Any) -> Sequence[Any]:
    """Run one statement as a transaction of its own, in one round trip; its rows, if any.

    For hot paths: the statement is prepared once per connection. Give a parameter a CAST where
    its place does not tell its type. Raises DatabaseDown when PostgreSQL does not answer,
    IntegrityError (psycopg2's) where a constraint says no.
    """
    with translated():
        pool = _autocommit_of(os.getpid(), settings().database())
        try:
            return _executed(pool, statement, values)
        except psycopg2.errors.FeatureNotSupported:
            pool.dispose()
            return _executed(pool, statement, values)


def _executed(pool: Pool, statement: str, values: Mapping[str, Any]) -> Sequence[Any]:
    """One attempt. A plan outdated by a live migration costs the connections, not the caller."""
    name, names, prepare = _prepared_once(statement)
    connection = pool.connect()
    try:
        cursor = connection.cursor()
        known = connection.info.setdefault("prepared", set())
        if name not in known:
            cursor.execute(prepare)
            known.add(name)
        marks = ", ".join(["%s"] * len(names))
        arguments = [values[each] for each in names]
        cursor.execute(f"EXECUTE {name}" + (f" ({marks})" if marks else ""), arguments)
        return cursor.fetchall() if cursor.description else ()
    except _FATAL:
        connection.invalidate()
        raise
    finally:
        connection.close()


_FATAL = (
    psycopg2.OperationalError,
    psycopg2.InterfaceError,
    psycopg2.errors.FeatureNotSupported,
)
_PARAMETER = re.compile(r"(?<![:\w]):(\w+)")


@functools.lru_cache(maxsize=512)
def _prepared_once(statement: str) -> tuple[str, tuple[str, ...], str]:
    """A name for the statement, its parameters in order, and the command that prepares it."""
    names = tuple(dict.fromkeys(_PARAMETER.findall(statement)))
    numbered = _PARAMETER.sub(lambda match: f"${names.index(match[1]) + 1}", statement)
    name = f"s_{hashlib.sha256(statement.encode()).hexdigest()[:16]}"
    return name, names, f"PREPARE {name} AS {numbered}"


@contextmanager
def translated() -> Iterator[None]:
    """Turn a lost connection into DatabaseDown; leave every other database error as it is."""
    try:
        yield
    except PoolTimeout as problem:
        raise DatabaseDown("no database connection became free in time; try again") from problem
    except psycopg2.Error as problem:
        raise _typed(problem, problem) from problem
    except DBAPIError as problem:
        raise _typed(problem, problem.orig) from problem


TROUBLE: tuple[type[Exception], ...] = (SentinelError, psycopg2.Error, SQLAlchemyError)
"""Everything a store may answer with: for loops that must go on whatever it is."""


def _typed(problem: Exception, cause: BaseException | None) -> Exception:
    """The error by what to do next, told from PostgreSQL's code."""
    if not isinstance(cause, psycopg2.OperationalError | psycopg2.InterfaceError):
        return problem
    code = getattr(cause, "pgcode", None)
    if code is None or code.startswith(_OUTAGE):
        return DatabaseDown()
    return DatabaseBusy() if code.startswith(_BUSY) else problem


_OUTAGE = ("08", "57P", "53")
_BUSY = ("40", "55P03", "57014")


def ping() -> None:
    """Ask PostgreSQL for one row. Raises DatabaseDown."""
    single("SELECT 1")
