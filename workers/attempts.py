"""One attempt to deliver a notification, and what follows from the answer, in one transaction."""

from __future__ import annotations

import logging
import time
import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from alerts.nouns import Delivery
from alerts.plan import refused
from alerts.receivers.base import AnyReceiver
from alerts.retry import next_attempt
from core.database import UnitOfWork, unit_of_work
from core.errors import DeliveryError
from core.ids import new_id
from core.metrics import ALERT_FAILURES, ALERTS_SENT
from workers import pacing
from workers.alert_config import config
from workers.alert_rows import notification_from_row, state_from_row, state_to_row, to_json

log = logging.getLogger(__name__)

DECIDER_LOCK = 0x5E47A1
"""Held by whoever decides, and by whoever takes a decision back."""


def attempt(row: Any) -> DeliveryError | None:
    """Send a claimed notification once and write down how it went.

    Where the receiver's own cap leaves no room it goes back without an attempt.
    """
    now, begun = datetime.now(UTC), time.perf_counter()
    receiver = config().receivers.get(row.receiver)
    if receiver is not None and (until := pacing.take(receiver, now)) is not None:
        _put_back(row, until)
        return DeliveryError(f"its rate cap of {receiver.rate} is reached", permanent=False)
    delivery, error = _sent(receiver, row, now)
    spent = (time.perf_counter() - begun) * 1000
    again = None
    if error is not None:
        ALERT_FAILURES.labels(row.receiver).inc()
        log.warning("receiver %s: %s", row.receiver, error)
        if receiver is not None:
            again = next_attempt(receiver.retry, row.attempts, error, now)
        if error.retry_after and again is not None:
            pacing.hold(row.receiver, min(again, now + timedelta(seconds=error.retry_after)))
    else:
        ALERTS_SENT.labels(row.receiver).inc()
    state = "delivered" if error is None else "pending" if again else "failed"
    with unit_of_work() as work:
        if state == "failed":
            _take_back(work, row)
        elif state == "delivered":
            _forgive(work, row)
        closed = work.execute(
            "UPDATE notifications SET state = :state, next_attempt_at = :again,"
            " lease_until = NULL, delivered_at = CASE WHEN :ok THEN now() END"
            " WHERE id = :id AND attempts = :attempts AND state = 'sending'",
            id=row.id,
            state=state,
            again=again,
            ok=error is None,
            attempts=row.attempts,
        )
        if not closed.rowcount:
            log.warning("an attempt outlived its lease", extra={"notification": str(row.id)})
        _record(work, row, now, spent, delivery, error)
    return error


def _sent(
    receiver: AnyReceiver | None, row: Any, now: datetime
) -> tuple[Delivery | None, DeliveryError | None]:
    if receiver is None:
        return None, DeliveryError("alerts.yaml no longer names this receiver", permanent=True)
    from workers.message_context import context

    try:
        notification = notification_from_row(row.payload)
        notification = replace(notification, context=context(row, receiver.curves))
        return receiver.send(notification, now), None
    except DeliveryError as problem:
        return None, problem
    except Exception as problem:  # noqa: BLE001  # a plug-in's fault is a failed attempt
        trace = "".join(traceback.format_tb(problem.__traceback__))
        log.error("receiver %s is at fault", row.receiver, extra={"trace": trace})
        return None, DeliveryError(type(problem).__name__, permanent=False)


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


def _record(
    work: UnitOfWork,
    row: Any,
    now: datetime,
    spent: float,
    delivery: Delivery | None,
    error: DeliveryError | None,
) -> None:
    work.execute(
        "INSERT INTO notification_attempts (id, tenant, application_id, notification_id,"
        " attempt, at, delivered, status_code, detail, duration_ms) VALUES (:id, :tenant,"
        " :application, :notification, :attempt, :at, :ok, :code, :detail, :ms)",
        id=new_id(),
        tenant=row.tenant,
        application=row.application_id,
        notification=row.id,
        attempt=row.attempts,
        at=now,
        ok=error is None,
        code=error.status if error else delivery.status if delivery else None,
        detail=str(error) if error else delivery.detail if delivery else "",
        ms=spent,
    )
