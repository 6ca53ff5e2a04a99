"""The life of a report: ordered once, claimed by compare-and-set, kept by a lease, stored whole."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from core.database import TROUBLE, UnitOfWork, query, unit_of_work
from core.errors import NotFound
from core.ids import new_id
from core.settings import settings
from reports.figures import Figures
from reports.mail import Written
from reports.period import Period
from workers.presence import worker_name

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=15)
RENEW_SECONDS = 3.0
LOST_AFTER = timedelta(seconds=60)
MAX_DEATHS = 3

_FIGURES = TypeAdapter(Figures)
_TOLD = (
    "id, tenant, application_id, schedule_id, title, period, timezone, period_start, period_end,"
    " applications, receivers, mail_by, state, percent, step, attempt, created_at, started_at,"
    " finished_at, error"
)


@dataclass(frozen=True, slots=True)
class Order:
    """What a report is to be about, and who gets it."""

    tenant: str
    title: str
    period: Period
    applications: tuple[str, ...] = ()
    receivers: tuple[str, ...] = ()
    mail_by: str | None = None
    schedule_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """An order in the hands of this process, for one attempt."""

    id: UUID
    attempt: int
    order: Order


def address(report_id: UUID) -> str:
    """Where people read the report; a path alone where EXTERNAL_URL is not set."""
    return f"{settings().external_url.rstrip('/')}/api/v1/reports/{report_id}"


def place(work: UnitOfWork, order: Order, now: datetime, *, sent: bool = True) -> UUID | None:
    """Write an order; None where this schedule has one for the period.

    `sent` says that a message follows.
    """
    report_id = new_id()
    applications = list(order.applications)
    written = work.execute(
        "INSERT INTO reports (id, tenant, application_id, schedule_id, title, period, timezone,"
        " period_start, period_end, applications, receivers, mail_by, state, published_at,"
        " created_at) VALUES (:id, :tenant, :application, :schedule, :title, :period, :zone,"
        " :start, :end, CAST(:applications AS text[]), CAST(:receivers AS text[]), :mail_by,"
        " 'queued', :published, :now) ON CONFLICT (schedule_id, period_start, period_end)"
        " DO NOTHING",
        id=report_id,
        tenant=order.tenant,
        application=applications[0] if len(applications) == 1 else "default",
        schedule=order.schedule_id,
        title=order.title,
        period=order.period.kind,
        zone=order.period.zone,
        start=order.period.start,
        end=order.period.end,
        applications=applications,
        receivers=list(order.receivers),
        mail_by=order.mail_by,
        published=now if sent else None,
        now=now,
    )
    return report_id if written.rowcount == 1 else None


def claim(report_id: UUID, now: datetime) -> Claimed | None:
    """Take a queued report; None when somebody else has it or it is over."""
    with unit_of_work() as work:
        row = work.execute(
            "UPDATE reports SET state = 'running', attempt = attempt + 1, worker = :worker,"
            " lease_until = :until, started_at = coalesce(started_at, :now), percent = 0,"
            " step = 'begun' WHERE id = :id AND state = 'queued' RETURNING *",
            id=report_id,
            worker=worker_name(),
            until=now + LEASE,
            now=now,
        ).one_or_none()
    if row is None:
        return None
    period = Period(row.period_start, row.period_end, row.period, row.timezone)
    order = Order(
        tenant=row.tenant,
        title=row.title,
        period=period,
        applications=tuple(row.applications),
        receivers=tuple(row.receivers),
        mail_by=row.mail_by,
        schedule_id=row.schedule_id,
    )
    return Claimed(row.id, row.attempt, order)


@contextmanager
def lease(claimed: Claimed) -> Iterator[None]:
    """Renew the lease in the background while the block works."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(RENEW_SECONDS):
            try:
                _mine(claimed, "lease_until = :until", until=datetime.now(UTC) + LEASE)
            except TROUBLE as problem:
                log.warning("lease of report %s not renewed: %s", claimed.id, problem)

    thread = threading.Thread(target=renew, name="report-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def progress(claimed: Claimed, percent: int, step: str) -> None:
    """Say how far it is."""
    _mine(claimed, "percent = :percent, step = :step", percent=percent, step=step)


def _mine(claimed: Claimed, changes: str, **values: Any) -> bool:
    with unit_of_work() as work:
        return _changed(work, claimed, changes, **values)


def _changed(work: UnitOfWork, claimed: Claimed, changes: str, **values: Any) -> bool:
    """Change the row while this attempt still has it; False when it has not."""
    done = work.execute(
        f"UPDATE reports SET {changes} WHERE id = :id AND attempt = :attempt AND state = 'running'",
        id=claimed.id,
        attempt=claimed.attempt,
        **values,
    )
    return done.rowcount == 1


def finish(claimed: Claimed, figures: Figures, written: Written, now: datetime) -> bool:
    """Store the report and what is to be delivered, in one transaction.

    False, and nothing is stored, when another attempt has it.
    """
    order = claimed.order
    owner = (claimed.id, order.tenant)
    files: list[tuple[str, bytes]] = [
        ("report.html", written.html.encode()),
        ("report.txt", written.text.encode()),
        *((f"{name}.png", png) for name, png in written.charts.items()),
        *((f"{name}.csv", table.encode()) for name, table in written.tables.items()),
    ]
    with unit_of_work() as work:
        if not _changed(
            work,
            claimed,
            "state = 'completed', percent = 100, step = 'done', lease_until = NULL,"
            " finished_at = :now, error = NULL, figures = CAST(:figures AS jsonb)",
            now=now,
            figures=_FIGURES.dump_json(figures).decode(),
        ):
            return False
        work.insert_many(
            "INSERT INTO report_files (report_id, tenant, name, content) VALUES %s",
            [(*owner, name, content) for name, content in files],
        )
        work.insert_many(
            "INSERT INTO report_deliveries (id, report_id, tenant, receiver, dedup_key, state,"
            " next_attempt_at, created_at) VALUES %s",
            [
                (new_id(), *owner, to, f"report-{claimed.id.hex}-{n}", "pending", now, now)
                for n, to in enumerate(order.receivers)
            ],
        )
    return True


def fail(claimed: Claimed, error: str, now: datetime) -> bool:
    """End a report that cannot be made."""
    changes = "state = 'failed', lease_until = NULL, finished_at = :now, error = :error"
    return _mine(claimed, changes, error=error, now=now)


def rescue(now: datetime) -> list[UUID]:
    """Reports to send again: whose worker is gone, or whose message is. Ends those whose workers
    have died MAX_DEATHS times."""
    with unit_of_work() as work:
        work.execute(
            "UPDATE reports SET deaths = deaths + 1, lease_until = NULL, published_at = NULL,"
            " state = CASE WHEN deaths + 1 < :most THEN 'queued' ELSE 'failed' END,"
            " error = :error, finished_at = CASE WHEN deaths + 1 < :most THEN NULL"
            "  ELSE CAST(:now AS timestamptz) END"
            " WHERE id IN (SELECT id FROM reports WHERE state = 'running' AND lease_until < :now"
            "  ORDER BY id FOR UPDATE SKIP LOCKED)",
            most=MAX_DEATHS,
            now=now,
            error="its worker died, or the database did not answer in time",
        )
        lost = work.execute(
            "UPDATE reports SET published_at = :now WHERE id IN (SELECT id FROM reports"
            " WHERE state = 'queued' AND coalesce(published_at, created_at) < :lost"
            "  OR state = 'queued' AND published_at IS NULL AND attempt > 0"
            "  ORDER BY id FOR UPDATE SKIP LOCKED) RETURNING id",
            now=now,
            lost=now - LOST_AFTER,
        ).scalars()
        return list(lost)


def forget(before: datetime) -> int:
    """Drop the reports that were ordered before this; returns how many.

    Of a schedule that is in force the newest stays, which says that its period is done.
    """
    with unit_of_work() as work:
        return work.execute(
            "DELETE FROM reports r WHERE finished_at IS NOT NULL AND created_at < :before"
            " AND (schedule_id IS NULL OR EXISTS (SELECT FROM reports n"
            "  WHERE n.schedule_id = r.schedule_id AND n.period_end > r.period_end))",
            before=before,
        ).rowcount


def earlier(order: Order) -> Figures | None:
    """The figures of a stored report over the period before, of the same applications."""
    period = order.period.before
    rows = query(
        "SELECT CAST(figures AS text) AS figures FROM reports WHERE tenant = :tenant"
        " AND period_start = :start AND period_end = :end AND state = 'completed'"
        " AND applications = CAST(:applications AS text[]) ORDER BY id DESC LIMIT 1",
        tenant=order.tenant,
        start=period.start,
        end=period.end,
        applications=list(order.applications),
    )
    try:
        return _FIGURES.validate_json(rows[0]["figures"]) if rows else None
    except ValidationError:
        log.warning("the stored report of the period before is of another version; not compared")
        return None


def listed(
    tenant: str, *, schedule: UUID | None, state: str | None, before: UUID | None, limit: int
) -> Sequence[Mapping[str, Any]]:
    """Reports without their figures, newest first."""
    return query(
        f"SELECT {_TOLD} FROM reports WHERE tenant = :tenant"
        " AND (CAST(:schedule AS uuid) IS NULL OR schedule_id = :schedule)"
        " AND (CAST(:state AS text) IS NULL OR state = :state)"
        " AND (CAST(:before AS uuid) IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit",
        tenant=tenant,
        schedule=schedule,
        state=state,
        before=before,
        limit=limit,
    )


def find(report_id: UUID, tenant: str) -> Mapping[str, Any]:
    """One report without its figures. Raises NotFound."""
    rows = query(
        f"SELECT {_TOLD} FROM reports WHERE id = :id AND tenant = :tenant",
        id=report_id,
        tenant=tenant,
    )
    if not rows:
        raise NotFound(f"there is no report {report_id}; list GET /api/v1/reports")
    return rows[0]


def of_period(schedule_id: UUID, period: Period) -> UUID | None:
    """The report of a schedule over a period."""
    rows = query(
        "SELECT id FROM reports WHERE schedule_id = :schedule AND period_start = :start"
        " AND period_end = :end",
        schedule=schedule_id,
        start=period.start,
        end=period.end,
    )
    return rows[0]["id"] if rows else None


def file(report_id: UUID, name: str) -> bytes | None:
    """One stored file of a report."""
    rows = query(
        "SELECT content FROM report_files WHERE report_id = :id AND name = :name",
        id=report_id,
        name=name,
    )
    return bytes(rows[0]["content"]) if rows else None


def files(report_id: UUID) -> Mapping[str, bytes]:
    """Every stored file of a report by name."""
    rows = query("SELECT name, content FROM report_files WHERE report_id = :id", id=report_id)
    return {row["name"]: bytes(row["content"]) for row in rows}


def deliveries(report_id: UUID) -> Sequence[Mapping[str, Any]]:
    """Who gets the report, and every attempt to deliver it."""
    return query(
        "SELECT d.receiver, d.state, d.dedup_key, d.created_at, d.delivered_at, d.next_attempt_at,"
        " coalesce((SELECT jsonb_agg(jsonb_build_object('attempt', a.attempt, 'at', a.at,"
        "  'delivered', a.delivered, 'status_code', a.status_code, 'detail', a.detail,"
        "  'duration_ms', a.duration_ms) ORDER BY a.attempt) FROM report_attempts a"
        "  WHERE a.delivery_id = d.id), '[]') AS attempts FROM report_deliveries d"
        " WHERE d.report_id = :id ORDER BY d.id",
        id=report_id,
    )
