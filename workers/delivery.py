"""Delivery of notifications: at least once, each attempt a row, the same key in every attempt.

Each attempt has a thread of its own, and a receiver only a share of them, so that one which hangs
delays its own notifications alone. What a process cannot finish is due again when its lease ends.
"""

from __future__ import annotations

import functools
import importlib
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from alerts.curves import picture
from alerts.nouns import Alert, Notification
from alerts.sample import samples
from core.database import TROUBLE, UnitOfWork, unit_of_work
from core.errors import ConfigError
from core.ids import new_id
from workers import pacing
from workers.alert_config import config
from workers.alert_rows import notification_to_row, to_json
from workers.attempts import attempt

__all__ = ["config", "deliver_due", "queue", "send_test"]

log = logging.getLogger(__name__)

LEASE_SECONDS = 180.0
"""Longer than an attempt takes: a mail server may answer each of several commands late."""
SENDERS = 16
SHARE = 4
"""Most attempts at once with one receiver."""
PROMPT_SECONDS = 1.0

_claiming = threading.Lock()


def queue(
    work: UnitOfWork,
    tenant: str,
    notification: Notification,
    ids: Mapping[str, UUID],
    now: datetime,
    number: int = 0,
) -> UUID:
    """Write a notification that is to be sent, the group's `number`-th; returns its id."""
    notification_id = new_id()
    named = {alert.labels.get("application") or "default" for alert in notification.alerts}
    work.execute(
        "INSERT INTO notifications (id, tenant, application_id, group_key, receiver, status,"
        " reason, payload, alert_ids, dedup_key, state, next_attempt_at, created_at, number)"
        " VALUES (:id, :tenant, :application, :group, :receiver, :status, :reason,"
        " CAST(:payload AS jsonb), CAST(:alerts AS uuid[]), :dedup, 'pending', :now, :now,"
        " :number)",
        id=notification_id,
        tenant=tenant,
        application=named.pop() if len(named) == 1 else "default",
        group=notification.group_key,
        receiver=notification.receiver,
        status=str(notification.status),
        reason=notification.reason,
        payload=to_json(notification_to_row(notification)),
        alerts=[str(ids[a.fingerprint]) for a in notification.alerts if a.fingerprint in ids],
        dedup=notification.dedup_key,
        now=now,
        number=number,
    )
    return notification_id


class _Senders:
    """The threads of one process that talk to receivers, and with which they do."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=SENDERS, thread_name_prefix="sender")
        self._lock = threading.Lock()
        self._busy: Counter[str] = Counter()
        self._threads.submit(warm)

    def busy(self) -> Counter[str]:
        """Attempts under way by receiver."""
        with self._lock:
            return +self._busy

    def begin(self, row: Any) -> Future[None]:
        """Attempt a claimed notification in the background."""
        with self._lock:
            self._busy[row.receiver] += 1
        return self._threads.submit(self._send, row)

    def _send(self, row: Any) -> None:
        try:
            attempt(row)
        except TROUBLE as problem:
            log.warning("an attempt was not recorded: %s", type(problem).__name__)
        finally:
            with self._lock:
                self._busy[row.receiver] -= 1


def warm() -> None:
    """Load what the first message would have to wait for: a second, with pictures two."""
    importlib.import_module("workers.message_context")
    if any("html" in one.parts for one in config().receivers.values()):
        picture(next(iter(samples()[0].context.curves.values())))


@functools.cache
def _senders(pid: int) -> _Senders:
    return _Senders()


def deliver_due() -> int:
    """Begin an attempt of each due notification that finds a sender; returns how many it began.

    Waits for them for at most PROMPT_SECONDS; those that take longer go on in the background.
    """
    if not _claiming.acquire(blocking=False):
        return 0
    try:
        senders, begun, until = _senders(os.getpid()), 0, time.monotonic() + PROMPT_SECONDS
        while due := _claim_due(senders.busy()):
            begun += len(due)
            wait([senders.begin(row) for row in due], max(0.0, until - time.monotonic()))
        return begun
    finally:
        _claiming.release()


_DUE = (
    "(state = 'pending' AND next_attempt_at <= now() OR state = 'sending' AND lease_until < now())"
)
_FIRST = (
    "NOT EXISTS (SELECT FROM notifications e WHERE e.state IN ('pending', 'sending')"
    " AND e.tenant = n.tenant AND e.group_key = n.group_key AND e.receiver = n.receiver"
    " AND e.id < n.id)"
)
"""A group's notifications go out in order: no "resolved" overtakes its "firing"."""


def _claim_due(busy: Counter[str]) -> list[Any]:
    """As many due notifications as have a sender; receivers that are busy get no more."""
    if not (free := SENDERS - busy.total()):
        return []
    with unit_of_work() as work:
        return list(
            work.execute(
                "UPDATE notifications SET state = 'sending', attempts = attempts + 1,"
                " lease_until = now() + make_interval(secs => :lease)"
                " WHERE id IN (SELECT n.id FROM notifications n JOIN (SELECT id, row_number()"
                "   OVER (PARTITION BY receiver ORDER BY next_attempt_at, id) AS place"
                f"   FROM notifications n WHERE {_DUE} AND {_FIRST}"
                "    AND receiver <> ALL(CAST(:busy AS text[]))"
                f"  ) ranked ON ranked.id = n.id AND ranked.place <= :share WHERE {_DUE}"
                "   ORDER BY n.next_attempt_at LIMIT :free FOR UPDATE OF n SKIP LOCKED)"
                " RETURNING *",
                lease=LEASE_SECONDS,
                busy=[*busy, *pacing.held(work, datetime.now(UTC))],
                share=SHARE,
                free=free,
            ).all()
        )


def send_test(name: str, tenant: str = "default") -> None:
    """Send a marked test notification to one receiver, as one recorded attempt.

    Raises ConfigError for an unknown receiver, DeliveryError when it was not delivered.
    """
    if name not in config().receivers:
        known = ", ".join(sorted(config().receivers)) or "none"
        raise ConfigError(f"alerts.yaml names no receiver {name!r}; known: {known}")
    now = datetime.now(UTC)
    labels = {"alertname": "sentinel-test", "severity": "info", "test": "true"}
    notification = Notification(
        receiver=name,
        group_key=f"test:{name}",
        group_labels={"alertname": "sentinel-test"},
        alerts=(Alert(labels, now, now, annotations={"summary": "A test; nothing is wrong."}),),
        at=now,
        dedup_key=new_id().hex,
        reason="a test was asked for",
    )
    with unit_of_work() as work:
        queued = queue(work, tenant, notification, {}, now)
        row = work.execute(
            "UPDATE notifications SET state = 'sending', attempts = 1,"
            " lease_until = now() + make_interval(secs => :lease) WHERE id = :id RETURNING *",
            id=queued,
            lease=LEASE_SECONDS,
        ).one()
    if (error := attempt(row)) is not None:
        raise error
