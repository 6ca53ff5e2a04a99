"""Alerting: what to tell whom is decided, and written, in one transaction; then delivery sends it.

Deciding takes an advisory lock, so two schedulers never decide twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from alerts.nouns import Alert, fingerprint
from alerts.plan import GroupState, Phase, decide, new_group
from alerts.tree import Target, route
from core.database import UnitOfWork, unit_of_work
from core.ids import new_id
from workers.alert_rows import alert_from_row, state_from_row, state_to_row, to_json
from workers.app import app
from workers.delivery import config, deliver_due, queue
from workers.task import periodic

DECIDER_LOCK = 0x5E47A1
REMEMBERED = timedelta(days=1)


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


def end_orphans(work: UnitOfWork, enabled_ids: Collection[str], now: datetime) -> int:
    """End the anomalies of detectors that are not enabled, and their alerts; returns how many.

    A detector that was removed, disabled or renamed is not evaluated, so nothing else ends them.
    """
    ended = work.execute(
        "UPDATE anomalies SET ended_at = :now WHERE ended_at IS NULL"
        " AND detector_id <> ALL(CAST(:enabled AS text[])) RETURNING id",
        now=now,
        enabled=list(enabled_ids),
    ).scalars()
    orphans = list(ended)
    for anomaly_id in orphans:
        resolve(work, anomaly_id, now)
    return len(orphans)


@periodic(lambda: 1.0, "watch")
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
            queue(work, tenant, decision.notification, ids, now)
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
