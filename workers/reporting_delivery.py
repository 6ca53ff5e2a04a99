"""Delivery of reports: at least once, each attempt a row, the same key in every attempt.

A receiver of type email and a plain address get the whole report; others get its head lines as one
message in their own form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID

from alerts.nouns import Alert, Delivery, Notification
from alerts.receivers.base import AnyReceiver
from alerts.receivers.email import Email
from core.database import query, unit_of_work
from core.errors import BadInput, DeliveryError
from core.metrics import REPORT_DELIVERIES
from reports.mail import Written, mail
from reports.schedule import carrier
from reports.tables import ATTACHED
from workers import delivery, reporting_rows, reporting_schedules
from workers.sending import close, receiver_of, record, tried

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
    report = reporting_rows.find(row.report_id, row.tenant)
    outcome = tried(
        row,
        lambda: _receiver(row.receiver, report["mail_by"]),
        lambda receiver: _send(receiver, row, report, now),
        now,
    )
    REPORT_DELIVERIES.labels("failed" if outcome.error else "delivered").inc()
    with unit_of_work() as work:
        close(work, "report_deliveries", row, outcome)
        record(work, "report_attempts", "delivery_id", row, outcome)
    return outcome.error is None


def _send(receiver: AnyReceiver, row: Any, report: Mapping[str, Any], now: datetime) -> Delivery:
    written = _written(report)
    if isinstance(receiver, _Carrier):
        receiver.prepared = _mail(receiver, report, written, row.dedup_key)
    return receiver.send(_message(row, report, written), now)


def _receiver(name: str, mail_by: str | None) -> AnyReceiver:
    """What sends to this name or address. Raises DeliveryError where alerts.yaml has it no more."""
    if "@" not in name:
        found = receiver_of(name)
        return _Carrier(found, None) if isinstance(found, Email) else found
    try:
        by = receiver_of(carrier(mail_by, reporting_schedules.receivers()))
    except BadInput as problem:
        raise DeliveryError(str(problem), permanent=True) from None
    return _Carrier(by, [name]) if isinstance(by, Email) else by


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
