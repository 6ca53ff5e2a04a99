"""One attempt to deliver a notification, and what follows from the answer, in one transaction."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from alerts.nouns import Delivery
from alerts.plan import refused
from alerts.receivers.base import AnyReceiver
from core.database import UnitOfWork, unit_of_work
from core.errors import DeliveryError
from core.metrics import ALERT_FAILURES, ALERTS_SENT
from workers import pacing
from workers.alert_config import config
from workers.alert_rows import notification_from_row, state_from_row, state_to_row, to_json
from workers.sending import close, receiver_of, record, tried

log = logging.getLogger(__name__)

DECIDER_LOCK = 0x5E47A1
"""Held by whoever decides, and by whoever takes a decision back."""


def attempt(row: Any) -> DeliveryError | None:
    """Send a claimed notification once and write down how it went.

    Where the receiver's own cap leaves no room it goes back without an attempt.
    """
    now = datetime.now(UTC)
    receiver = config().receivers.get(row.receiver)
    if receiver is not None and (until := pacing.take(receiver, now)) is not None:
        _put_back(row, until)
        return DeliveryError(f"its rate cap of {receiver.rate} is reached", permanent=False)
    outcome = tried(
        row, lambda: receiver_of(row.receiver), lambda found: _send(found, row, now), now
    )
    error, again = outcome.error, outcome.again
    if error is None:
        ALERTS_SENT.labels(row.receiver).inc()
    else:
        ALERT_FAILURES.labels(row.receiver).inc()
        if error.retry_after and again is not None:
            pacing.hold(row.receiver, min(again, now + timedelta(seconds=error.retry_after)))
    with unit_of_work() as work:
        if outcome.state == "failed":
            _take_back(work, row)
        elif outcome.state == "delivered":
            _forgive(work, row)
        if not close(work, "notifications", row, outcome):
            log.warning("an attempt outlived its lease", extra={"notification": str(row.id)})
        record(work, "notification_attempts", "notification_id", row, outcome)
    return error


def _send(receiver: AnyReceiver, row: Any, now: datetime) -> Delivery:
    from workers.message_context import context

    notification = notification_from_row(row.payload)
    return receiver.send(replace(notification, context=context(row, receiver.curves)), now)


def _put_back(row: Any, until: datetime) -> None:
    with unit_of_work() as work:
        work.execute(
            "UPDATE notifications SET state = 'pending', attempts = attempts - 1,"
            " next_attempt_at = :until, lease_until = NULL"
            " WHERE id = :id AND attempts = :attempts AND state = 'sending'",
            until=until,
            id=row.id,
            attempts=row.attempts,
        )


def _take_back(work: UnitOfWork, row: Any) -> None:
    """The group's receiver knows nothing of it: the next look tells it anew."""
    work.execute("SELECT pg_advisory_xact_lock(:key)", key=DECIDER_LOCK)
    kept = work.execute(
        "SELECT state FROM alert_groups WHERE tenant = :tenant AND group_key = :group"
        " AND receiver = :receiver FOR UPDATE",
        tenant=row.tenant,
        group=row.group_key,
        receiver=row.receiver,
    ).scalar()
    if kept is None:
        return
    work.execute(
        "UPDATE alert_groups SET state = CAST(:state AS jsonb) WHERE tenant = :tenant"
        " AND group_key = :group AND receiver = :receiver",
        state=to_json(state_to_row(refused(state_from_row(kept), row.number))),
        tenant=row.tenant,
        group=row.group_key,
        receiver=row.receiver,
    )


def _forgive(work: UnitOfWork, row: Any) -> None:
    work.execute(
        "UPDATE alert_groups SET state = jsonb_set(state, '{refusals}', '0')"
        " WHERE tenant = :tenant AND group_key = :group AND receiver = :receiver"
        " AND state ->> 'refusals' <> '0'",
        tenant=row.tenant,
        group=row.group_key,
        receiver=row.receiver,
    )
