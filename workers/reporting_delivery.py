"""Delivery of reports: at least once, each attempt a row, the same key in every attempt.

A receiver of type email and a plain address get the whole report; others get its head lines as one
message in their own form.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID

from alerts.nouns import Alert, Delivery, Notification
from alerts.receivers.base import AnyReceiver
from alerts.receivers.email import Email
from alerts.retry import next_attempt
from core.database import query, unit_of_work
from core.errors import BadInput, DeliveryError
from core.ids import new_id
from core.metrics import REPORT_DELIVERIES
from reports.mail import Written, mail
from reports.schedule import carrier
from reports.tables import ATTACHED
from workers import delivery, reporting_rows, reporting_schedules
from workers.alert_config import config

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=delivery.LEASE_SECONDS)
SECTION_LINES = 14
"""Lines of the text that go to a receiver which takes no mail."""


class _Carrier(Email):
    """A receiver of type email that sends one prepared mail."""

    def __init__(self, by: Email, to: Sequence[str] | None) -> None:
        config = by.config if to is None else by.config.model_copy(update={"to": tuple(to)})
        super().__init__(by.name, config, by.http)
        self.prepared = EmailMessage()

    def _mail(self, notification: Notification, now: datetime) -> EmailMessage:
        return self.prepared


def due(now: datetime) -> list[UUID]:
    """The deliveries whose attempt is due, or whose sender has gone."""
    rows = query(
        "SELECT id FROM report_deliveries WHERE state = 'pending' AND next_attempt_at <= :now"
        " OR state = 'sending' AND lease_until < :now ORDER BY next_attempt_at LIMIT 100",
        now=now,
    )
    return [row["id"] for row in rows]


def of_report(report_id: UUID) -> list[UUID]:
    """The deliveries of a report that are not over."""
    rows = query(
        "SELECT id FROM report_deliveries WHERE report_id = :id AND state = 'pending' ORDER BY id",
        id=report_id,
    )
    return [row["id"] for row in rows]


def attempt(delivery_id: UUID, now: datetime) -> bool | None:
    """Send once, if it is due, and write down how it went; None where it is not due.

    The attempt is claimed by compare-and-set, so that two workers never make it both.
    """
    with unit_of_work() as work:
        row = work.execute(
            "UPDATE report_deliveries SET state = 'sending', attempts = attempts + 1,"
            " lease_until = :until WHERE id = :id AND (state = 'pending'"
            " AND next_attempt_at <= :now OR state = 'sending' AND lease_until < :now)"
            " RETURNING *",
            id=delivery_id,
            now=now,
            until=now + LEASE,
        ).one_or_none()
    if row is None:
        return None
    begun = time.perf_counter()
    receiver: AnyReceiver | None = None
    error: DeliveryError | None = None
    done: Delivery | None = None
    try:
        receiver, done = _send(row, now)
    except _Failed as problem:
        receiver, error = problem.receiver, problem.error
    spent = (time.perf_counter() - begun) * 1000
    again = None
    if error is not None and receiver is not None:
        again = next_attempt(receiver.retry, row.attempts, error, now)
    if error is not None:
        log.warning("report %s, receiver %s: %s", row.report_id, row.receiver, error)
    REPORT_DELIVERIES.labels("failed" if error else "delivered").inc()
    _record(row, error, done, again, spent, now)
    return error is None


class _Failed(Exception):
    def __init__(self, receiver: AnyReceiver | None, error: DeliveryError) -> None:
        super().__init__(str(error))
        self.receiver = receiver
        self.error = error


def _send(row: Any, now: datetime) -> tuple[AnyReceiver, Delivery]:
    """Raises _Failed, with the receiver where there is one."""
    report = reporting_rows.find(row.report_id, row.tenant)
    receiver: AnyReceiver | None = None
    try:
        receiver = _receiver(row.receiver, report["mail_by"])
        written = _written(report)
        if isinstance(receiver, _Carrier):
            receiver.prepared = _mail(receiver, report, written, row.dedup_key)
        return receiver, receiver.send(_message(row, report, written), now)
    except DeliveryError as problem:
        raise _Failed(receiver, problem) from None
    except Exception as problem:  # noqa: BLE001  # a plug-in's fault is a failed attempt
        trace = "".join(traceback.format_tb(problem.__traceback__))
        log.error("receiver %s is at fault", row.receiver, extra={"trace": trace})
        failed = DeliveryError(type(problem).__name__, permanent=False)
        raise _Failed(receiver, failed) from None


def _receiver(name: str, mail_by: str | None) -> AnyReceiver:
    """What sends to this name or address. Raises DeliveryError where alerts.yaml has it no more."""
    known = config().receivers
    address = "@" in name
    try:
        found = known.get(carrier(mail_by, reporting_schedules.receivers()) if address else name)
    except BadInput as problem:
        raise DeliveryError(str(problem), permanent=True) from None
    if found is None:
        raise DeliveryError("alerts.yaml no longer names this receiver", permanent=True)
    if isinstance(found, Email):
        return _Carrier(found, [name] if address else None)
    return found


def _written(report: Mapping[str, Any]) -> Written:
    """The stored report."""
    files = reporting_rows.files(report["id"])
    parts = {kind: _of_kind(files, kind) for kind in ("png", "csv")}
    return Written(
        subject=files["report.txt"].decode().partition("\n")[0],
        html=files["report.html"].decode(),
        text=files["report.txt"].decode(),
        charts=parts["png"],
        tables={name: table.decode() for name, table in parts["csv"].items()},
    )


def _of_kind(files: Mapping[str, bytes], kind: str) -> dict[str, bytes]:
    end = f".{kind}"
    return {name.removesuffix(end): files[name] for name in sorted(files) if name.endswith(end)}


def _mail(by: _Carrier, report: Mapping[str, Any], written: Written, key: str) -> EmailMessage:
    return mail(
        written,
        sender=by.config.sender,
        to=by.config.to,
        key=key,
        at=report["finished_at"],
        attached=[name for name in ATTACHED if name in written.tables],
    )


def _message(row: Any, report: Mapping[str, Any], written: Written) -> Notification:
    """The head of the report as a message for any receiver: one alert that is over."""
    at = report["finished_at"]
    head = "\n".join(written.text.splitlines()[2 : 2 + SECTION_LINES])
    return Notification(
        receiver=row.receiver,
        group_key=f"report:{report['id']}",
        group_labels={"alertname": written.subject},
        alerts=(
            Alert(
                labels={"alertname": written.subject, "severity": "info", "report": "true"},
                starts_at=report["period_start"],
                updated_at=at,
                ends_at=report["period_end"],
                annotations={"summary": head, "report": reporting_rows.address(report["id"])},
            ),
        ),
        at=at,
        dedup_key=row.dedup_key,
        reason="a report on a schedule" if report["schedule_id"] else "a report was asked for",
    )


def _record(
    row: Any,
    error: DeliveryError | None,
    done: Delivery | None,
    again: datetime | None,
    spent_ms: float,
    now: datetime,
) -> None:
    with unit_of_work() as work:
        work.execute(
            "UPDATE report_deliveries SET state = :state, next_attempt_at = :again,"
            " lease_until = NULL, delivered_at = CASE WHEN :ok THEN CAST(:at AS timestamptz) END"
            " WHERE id = :id AND attempts = :attempts AND state = 'sending'",
            id=row.id,
            state="delivered" if error is None else "pending" if again else "failed",
            again=again,
            ok=error is None,
            at=datetime.now(UTC),
            attempts=row.attempts,
        )
        work.execute(
            "INSERT INTO report_attempts (id, tenant, application_id, delivery_id, attempt, at,"
            " delivered, status_code, detail, duration_ms) VALUES (:id, :tenant, :application,"
            " :delivery, :attempt, :at, :ok, :code, :detail, :ms)",
            id=new_id(),
            tenant=row.tenant,
            application=row.application_id,
            delivery=row.id,
            attempt=row.attempts,
            at=now,
            ok=error is None,
            code=error.status if error else done.status if done else None,
            detail=str(error) if error else done.detail if done else "",
            ms=spent_ms,
        )
