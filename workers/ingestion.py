"""Telemetry: events travel in batches in the message body and are copied into day partitions."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, date, datetime
from typing import Any

from core.database import UnitOfWork, unit_of_work
from core.errors import BrokerDown, DatabaseBusy
from core.ids import new_id
from core.metrics import INGESTION_SECONDS, TELEMETRY_EVENTS
from core.telemetry import Event
from workers import pending
from workers.app import app, broker_guarded
from workers.queues import queue_lengths
from workers.task import periodic

log = logging.getLogger(__name__)

EVENTS_PER_MESSAGE = 500
COLUMNS = (
    "ts",
    "tenant",
    "application_id",
    "event_id",
    "event_type",
    "model",
    "status",
    "latency_ms",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cost",
    "user_id",
    "session_id",
    "environment",
    "tags",
    "received_at",
)
CONTENT_COLUMNS = ("ts", "tenant", "application_id", "event_id", "prompt", "response")
PARTITIONED = ("contents", "telemetry", "telemetry_contents")

_ready: set[date] = set()


def accept(events: Sequence[Event], *, tenant: str = "default") -> None:
    """Hand events to the io workers. Raises BrokerDown when they could not be handed over."""
    received = datetime.now(UTC)
    rows = [_row(event, tenant, received) for event in events]
    batches = {
        new_id().hex: rows[start : start + EVENTS_PER_MESSAGE]
        for start in range(0, len(rows), EVENTS_PER_MESSAGE)
    }
    pending.keep(batches)
    try:
        _send(batches)
    except BrokerDown:
        pending.forget(batches)
        raise


def _send(batches: Mapping[str, list[list[Any]]]) -> None:
    def send() -> None:
        with (
            app.producer_or_acquire() as producer,
            producer.batch() if len(batches) > 1 else nullcontext(),
        ):
            for key, rows in batches.items():
                store_events.apply_async((rows, key), queue="io", producer=producer)

    broker_guarded(send)


@periodic(lambda: 2.0, "control")
@app.task(name="telemetry.resend")
def resend() -> int:
    """Send again what was accepted and neither waits in the queue nor has been stored."""
    if queue_lengths()["io"]:
        return 0
    late = pending.overdue()
    if late:
        _send(late)
        log.warning("%d batches of telemetry sent again", len(late))
    return len(late)


@app.task(
    name="telemetry.store",
    acks_late=True,
    only_copy=True,
)
def store_events(rows: list[list[Any]], key: str = "") -> None:
    """Copy a batch into its day partitions; an event that is there already counts once.

    `key` names its copy in `pending`.
    """
    _make_room(datetime.now(UTC).date())
    with unit_of_work() as work:
        work.connection.exec_driver_sql(
            "CREATE TEMP TABLE arriving (LIKE telemetry, prompt text, response text) ON COMMIT DROP"
        )
        _copy(work, "arriving", (*COLUMNS, "prompt", "response"), rows)
        listed = ", ".join(COLUMNS)
        stored = work.connection.exec_driver_sql(
            f"INSERT INTO telemetry ({listed}) SELECT {listed} FROM arriving"
            " ORDER BY tenant, application_id, event_id, ts ON CONFLICT DO NOTHING"
        ).rowcount
        texts = ", ".join(CONTENT_COLUMNS)
        if any(row[-1] is not None or row[-2] is not None for row in rows):
            work.connection.exec_driver_sql(
                f"INSERT INTO telemetry_contents ({texts}) SELECT {texts} FROM arriving"
                " WHERE prompt IS NOT NULL OR response IS NOT NULL"
                " ORDER BY tenant, application_id, event_id, ts ON CONFLICT DO NOTHING"
            )
        work.connection.exec_driver_sql(
            "INSERT INTO applications (tenant, id) SELECT DISTINCT tenant, application_id"
            " FROM arriving ORDER BY 1, 2 ON CONFLICT DO NOTHING"
        )
    if key:
        pending.forget([key])
    TELEMETRY_EVENTS.inc(stored)
    received = datetime.fromisoformat(rows[0][COLUMNS.index("received_at")])
    INGESTION_SECONDS.observe((datetime.now(UTC) - received).total_seconds())


def _make_room(today: date) -> None:
    """Have the day's tables; while somebody's long query forbids it, the default table serves."""
    try:
        with unit_of_work() as work:
            ensure_partitions(work, today)
    except DatabaseBusy as problem:
        log.warning("no new day tables yet: %s", problem)


def ensure_partitions(work: UnitOfWork, today: date) -> int:
    """Create the day tables from a week back to two days ahead; returns how many were made."""
    if today in _ready:
        return 0
    made = work.execute(
        "SELECT count(*) FILTER (WHERE sentinel_ensure_partition(parent, day)) FROM"
        " unnest(CAST(:parents AS text[])) AS parent,"
        " (SELECT CAST(:today AS date) + offset_days AS day FROM"
        "  generate_series(-8, 2) AS offset_days) AS days",
        parents=list(PARTITIONED),
        today=today,
    ).scalar_one()
    work.after_commit(lambda: _ready.add(today))
    return int(made)


def drop_before(work: UnitOfWork, oldest: date) -> list[str]:
    """Drop the day tables of all days before `oldest`; returns their names.

    Rows outside the day tables, such as events that came late, go when they were received that
    long ago.
    """
    dropped = []
    for parent in PARTITIONED:
        names = work.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = to_regclass(:parent) ORDER BY 1",
            parent=parent,
        ).scalars()
        for name in list(names):
            day = name.removeprefix(f"{parent}_")
            if day.isdigit() and date.fromisoformat(day) < oldest:
                work.connection.exec_driver_sql(f"DROP TABLE {name}")
                dropped.append(name)
    work.execute("DELETE FROM contents_other WHERE created_at < :oldest", oldest=oldest)
    work.execute("DELETE FROM telemetry_other WHERE received_at < :oldest", oldest=oldest)
    work.execute(
        "DELETE FROM telemetry_contents_other c WHERE ts < :oldest AND NOT EXISTS"
        " (SELECT FROM telemetry_other t WHERE (t.tenant, t.application_id, t.event_id, t.ts)"
        " = (c.tenant, c.application_id, c.event_id, c.ts))",
        oldest=oldest,
    )
    return dropped


def _row(event: Event, tenant: str, received: datetime) -> list[Any]:
    return [
        event.timestamp.isoformat(),
        tenant,
        event.application_id,
        event.event_id,
        event.event_type,
        event.model,
        event.status,
        event.latency_ms,
        event.prompt_tokens,
        event.completion_tokens,
        event.total_tokens,
        event.cost,
        event.user_id,
        event.session_id,
        event.environment,
        None if event.tags is None else json.dumps(event.tags),
        received.isoformat(),
        event.prompt,
        event.response,
    ]


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _copy(
    work: UnitOfWork, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    buffer = io.StringIO()
    for row in rows:
        buffer.write(
            "\t".join("\\N" if value is None else str(value).translate(_ESCAPES) for value in row)
        )
        buffer.write("\n")
    buffer.seek(0)
    cursor = work.connection.connection.cursor()
    try:
        cursor.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN", buffer)
    finally:
        cursor.close()
