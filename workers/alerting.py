"""Alerting: what to tell whom is decided and written in one transaction, then delivered.

Deciding takes an advisory lock, so two schedulers never decide twice. Delivery is at least once:
each attempt is a row, and every attempt of a notification carries the same deduplication key.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from alerts.config import AlertConfig, load_alerts
from alerts.nouns import Alert, Delivery, Notification, fingerprint
from alerts.plan import GroupState, Phase, decide, new_group
from alerts.retry import next_attempt
from alerts.tree import Target, route
from core.database import UnitOfWork, unit_of_work
from core.errors import ConfigError, DeliveryError
from core.http import HttpClient
from core.ids import new_id
from core.metrics import ALERT_FAILURES, ALERTS_SENT
from core.settings import settings
from workers.alert_rows import (
    alert_from_row,
    notification_from_row,
    notification_to_row,
    state_from_row,
    state_to_row,
    to_json,
)
from workers.app import app
from workers.task import periodic

log = logging.getLogger(__name__)

DECIDER_LOCK = 0x5E47A1
LEASE_SECONDS = 60.0
REMEMBERED = timedelta(days=1)
SENDERS = 8

_delivering = threading.Lock()


@functools.cache
def config() -> AlertConfig:
    """alerts.yaml, read once per process. Raises ConfigError."""
    client = HttpClient(allow_private=settings().private_targets)
    loaded = load_alerts(settings().alerts_file, http=client)
    for name in loaded.receivers:
        ALERTS_SENT.labels(name)
        ALERT_FAILURES.labels(name)
    return loaded


def fire(
    work: UnitOfWork,
    tenant: str,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    anomaly_id: UUID,
    since: datetime,
    now: datetime,
) -> None:
    """Raise the alert with these labels, or keep it burning."""
    work.execute(
        "INSERT INTO alerts (id, tenant, application_id, fingerprint, name, severity, labels,"
        " annotations, status, anomaly_id, starts_at, updated_at) VALUES (:id, :tenant,"
        " :application, :fingerprint, :name, :severity, CAST(:labels AS jsonb),"
        " CAST(:annotations AS jsonb), 'firing', :anomaly, :since, :now)"
        " ON CONFLICT (tenant, fingerprint) WHERE status = 'firing' DO UPDATE"
        " SET updated_at = :now, anomaly_id = :anomaly, annotations = excluded.annotations",
        id=new_id(),
        tenant=tenant,
        application=labels.get("application") or "default",
        fingerprint=fingerprint(labels),
        name=labels["alertname"],
        severity=labels["severity"],
        labels=to_json(dict(labels)),
        annotations=to_json(dict(annotations)),
        anomaly=anomaly_id,
        since=since,
        now=now,
    )


def resolve(work: UnitOfWork, anomaly_id: UUID, now: datetime) -> None:
    """End the alerts that an anomaly had raised."""
    work.execute(
        "UPDATE alerts SET status = 'resolved', ends_at = :now, updated_at = :now"
        " WHERE anomaly_id = :id AND status = 'firing'",
        id=anomaly_id,
        now=now,
    )


@periodic(lambda: 1.0, "io")
@app.task(name="alerting.dispatch")
def dispatch() -> None:
    """Look at every group, and deliver what is due."""
    decide_and_deliver()


def decide_and_deliver() -> None:
    """One round of both."""
    decide_all(datetime.now(UTC))
    deliver_due()


def decide_all(now: datetime) -> int:
    """Queue the notifications that are due now; returns how many. Nobody decides beside us."""
    with unit_of_work() as work:
        alone = work.execute("SELECT pg_try_advisory_xact_lock(:key)", key=DECIDER_LOCK).scalar()
        if not alone:
            return 0
        by_tenant: dict[str, list[tuple[UUID, Alert]]] = {}
        for row in _remembered(work, now):
            by_tenant.setdefault(row.tenant, []).append((row.id, alert_from_row(row)))
        states = _states(work)
        queued = 0
        for tenant in {*by_tenant, *(tenant for tenant, _, _ in states)}:
            queued += _decide_tenant(work, tenant, by_tenant.get(tenant, []), states, now)
    return queued


def _remembered(work: UnitOfWork, now: datetime) -> Iterable[Any]:
    return work.execute(
        "SELECT DISTINCT ON (tenant, fingerprint) * FROM alerts"
        " WHERE status = 'firing' OR ends_at > :since"
        " ORDER BY tenant, fingerprint, status = 'firing' DESC, id DESC",
        since=now - REMEMBERED,
    ).all()


def _states(work: UnitOfWork) -> dict[tuple[str, str, str], GroupState]:
    return {
        (row.tenant, row.group_key, row.receiver): state_from_row(row.state)
        for row in work.execute("SELECT * FROM alert_groups").all()
    }


def _decide_tenant(
    work: UnitOfWork,
    tenant: str,
    known: list[tuple[UUID, Alert]],
    states: Mapping[tuple[str, str, str], GroupState],
    now: datetime,
) -> int:
    ids = {alert.fingerprint: alert_id for alert_id, alert in known}
    groups: dict[tuple[str, str], tuple[Target, list[Alert]]] = {}
    for _, alert in known:
        for target in route(config().tree, alert.labels):
            key = (target.group_key(alert.labels), target.receiver)
            groups.setdefault(key, (target, []))[1].append(alert)
    queued = 0
    for key, (target, members) in groups.items():
        old = states.get((tenant, *key))
        decision = decide(
            old or new_group(target, members[0].labels, scope=tenant), members, target, now
        )
        if decision.state != old:
            _store_state(work, tenant, decision.state, now)
        if decision.notification is not None:
            _queue(work, tenant, decision.notification, ids, now)
            queued += 1
    for (owner, *place), state in states.items():
        if owner == tenant and tuple(place) not in groups and state.phase is not Phase.IDLE:
            _store_state(work, tenant, decide(state, (), _nowhere(state), now).state, now)
    return queued


def _nowhere(state: GroupState) -> Target:
    return Target(state.receiver, "", "", (), 0.0, 0.0, 0.0)


def _store_state(work: UnitOfWork, tenant: str, state: GroupState, now: datetime) -> None:
    work.execute(
        "INSERT INTO alert_groups (tenant, group_key, receiver, state, updated_at)"
        " VALUES (:tenant, :key, :receiver, CAST(:state AS jsonb), :now)"
        " ON CONFLICT (tenant, group_key, receiver)"
        " DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at",
        tenant=tenant,
        key=state.group_key,
        receiver=state.receiver,
        state=to_json(state_to_row(state)),
        now=now,
    )


def _queue(
    work: UnitOfWork,
    tenant: str,
    notification: Notification,
    ids: Mapping[str, UUID],
    now: datetime,
) -> UUID:
    notification_id = new_id()
    named = {alert.labels.get("application") or "default" for alert in notification.alerts}
    work.execute(
        "INSERT INTO notifications (id, tenant, application_id, group_key, receiver, status,"
        " reason, payload, alert_ids, dedup_key, state, next_attempt_at, created_at)"
        " VALUES (:id, :tenant, :application, :group, :receiver, :status, :reason,"
        " CAST(:payload AS jsonb), CAST(:alerts AS uuid[]), :dedup, 'pending', :now, :now)",
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
    )
    return notification_id


def deliver_due() -> int:
    """Attempt every notification that is due; returns how many attempts were made."""
    if not _delivering.acquire(blocking=False):
        return 0
    try:
        made = 0
        while due := _claim_due():
            with ThreadPoolExecutor(max_workers=SENDERS) as senders:
                list(senders.map(_attempt, due))
            made += len(due)
        return made
    finally:
        _delivering.release()


def _claim_due() -> list[Any]:
    with unit_of_work() as work:
        return list(
            work.execute(
                "UPDATE notifications SET state = 'sending', attempts = attempts + 1,"
                " lease_until = now() + make_interval(secs => :lease)"
                " WHERE id IN (SELECT id FROM notifications"
                "   WHERE (state = 'pending' AND next_attempt_at <= now())"
                "   OR (state = 'sending' AND lease_until < now())"
                "   ORDER BY next_attempt_at LIMIT :n FOR UPDATE SKIP LOCKED) RETURNING *",
                lease=LEASE_SECONDS,
                n=SENDERS,
            ).all()
        )


def _attempt(row: Any) -> DeliveryError | None:
    """Send once and write down how it went."""
    now, begun = datetime.now(UTC), time.perf_counter()
    error: DeliveryError | None = None
    delivery: Delivery | None = None
    receiver = config().receivers.get(row.receiver)
    if receiver is None:
        error = DeliveryError("alerts.yaml no longer names this receiver", permanent=True)
    else:
        try:
            delivery = receiver.send(notification_from_row(row.payload), now)
        except DeliveryError as problem:
            error = problem
    spent = (time.perf_counter() - begun) * 1000
    again = None
    if error is not None:
        ALERT_FAILURES.labels(row.receiver).inc()
        log.warning("receiver %s: %s", row.receiver, error)
        if receiver is not None:
            again = next_attempt(receiver.retry, row.attempts, error, now)
    else:
        ALERTS_SENT.labels(row.receiver).inc()
    with unit_of_work() as work:
        work.execute(
            "UPDATE notifications SET state = :state, next_attempt_at = :again,"
            " lease_until = NULL, delivered_at = CASE WHEN :ok THEN now() END"
            " WHERE id = :id AND attempts = :attempts AND state = 'sending'",
            id=row.id,
            state="delivered" if error is None else "pending" if again else "failed",
            again=again,
            ok=error is None,
            attempts=row.attempts,
        )
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
    return error


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
        queued = _queue(work, tenant, notification, {}, now)
        row = work.execute(
            "UPDATE notifications SET state = 'sending', attempts = 1,"
            " lease_until = now() + make_interval(secs => :lease) WHERE id = :id RETURNING *",
            id=queued,
            lease=LEASE_SECONDS,
        ).one()
    if (error := _attempt(row)) is not None:
        raise error
