"""One attempt to send something to a receiver: its answer, what follows, and the row about it."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from alerts.nouns import Delivery
from alerts.receivers.base import AnyReceiver
from alerts.retry import next_attempt
from core.database import UnitOfWork
from core.errors import DeliveryError
from core.ids import new_id
from workers.alert_config import config

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt went. `again` is when to try once more, None where that is of no use."""

    at: datetime
    spent_ms: float
    delivery: Delivery | None
    error: DeliveryError | None
    again: datetime | None

    @property
    def state(self) -> str:
        """What becomes of what was to be sent."""
        if self.error is None:
            return "delivered"
        return "pending" if self.again else "failed"


def receiver_of(name: str) -> AnyReceiver:
    """The receiver of this name. Raises DeliveryError where alerts.yaml has it no more."""
    found = config().receivers.get(name)
    if found is None:
        raise DeliveryError("alerts.yaml no longer names this receiver", permanent=True)
    return found


def tried(
    row: Any,
    find: Callable[[], AnyReceiver],
    send: Callable[[AnyReceiver], Delivery],
    now: datetime,
) -> Outcome:
    """Find the receiver of a claimed row and send once. Whatever goes wrong is in the outcome."""
    begun = time.perf_counter()
    receiver: AnyReceiver | None = None
    delivery: Delivery | None = None
    error: DeliveryError | None = None
    try:
        receiver = find()
        delivery = send(receiver)
    except DeliveryError as problem:
        error = problem
    except Exception as problem:  # noqa: BLE001  # a plug-in's fault is a failed attempt
        trace = "".join(traceback.format_tb(problem.__traceback__))
        log.error("receiver %s is at fault", row.receiver, extra={"trace": trace})
        error = DeliveryError(type(problem).__name__, permanent=False)
    again = None
    if error is not None:
        log.warning("receiver %s: %s", row.receiver, error)
        if receiver is not None:
            again = next_attempt(receiver.retry, row.attempts, error, now)
    return Outcome(now, (time.perf_counter() - begun) * 1000, delivery, error, again)


def close(work: UnitOfWork, table: str, row: Any, outcome: Outcome) -> bool:
    """Write down what becomes of the row; False when this attempt outlived its lease."""
    return bool(
        work.execute(
            f"UPDATE {table} SET state = :state, next_attempt_at = :again, lease_until = NULL,"
            " delivered_at = CASE WHEN :ok THEN CAST(:done AS timestamptz) END"
            " WHERE id = :id AND attempts = :attempts AND state = 'sending'",
            id=row.id,
            attempts=row.attempts,
            state=outcome.state,
            again=outcome.again,
            ok=outcome.error is None,
            done=datetime.now(UTC),
        ).rowcount
    )


def record(work: UnitOfWork, table: str, about: str, row: Any, outcome: Outcome) -> None:
    """Keep the attempt as a row of `table`, whose column `about` has the id of what was sent."""
    error, delivery = outcome.error, outcome.delivery
    work.execute(
        f"INSERT INTO {table} (id, tenant, application_id, {about}, attempt, at, delivered,"
        " status_code, detail, duration_ms) VALUES (:id, :tenant, :application, :about, :attempt,"
        " :at, :ok, :code, :detail, :ms)",
        id=new_id(),
        tenant=row.tenant,
        application=row.application_id,
        about=row.id,
        attempt=row.attempts,
        at=outcome.at,
        ok=error is None,
        code=error.status if error else delivery.status if delivery else None,
        detail=str(error) if error else delivery.detail if delivery else "",
        ms=outcome.spent_ms,
    )
