"""Alerting: what to tell whom is decided, and written, in one transaction; then delivery sends it.

Deciding takes an advisory lock, so two schedulers never decide twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from alerts.nouns import Alert, fingerprint
from alerts.plan import Decision, GroupState, decide, new_group
from alerts.rounds import Key, Round, Router
from alerts.silences import Silence
from core.database import UnitOfWork, unit_of_work
from core.ids import new_id
from core.settings import settings
from workers import alert_config
from workers.alert_config import config
from workers.alert_rows import (
    alert_from_row,
    silence_from_row,
    state_from_row,
    state_to_row,
    to_json,
)
from workers.app import app
from workers.attempts import DECIDER_LOCK
from workers.delivery import deliver_due, queue
from workers.task import periodic

REMEMBERED = timedelta(days=1)
AT_LEAST = timedelta(seconds=10)
"""How often all is looked at, whatever is due: an alert may be stored later than a younger one."""
DESERTED_TICKS = 12
"""By then a worker among two has had one of them, but for one time in 4,096."""
HEART = "heartbeat"
"""Group key of the sign of life."""
TENANT = "default"

_ALERT = "id, tenant, labels, annotations, starts_at, updated_at, ends_at, acknowledged_by"


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
    """End the anomalies of detectors that nobody evaluates, and their alerts; returns how many.

    A detector that was removed, disabled or renamed is not evaluated, so nothing else ends them.
    One that is unknown here may still be evaluated by a worker with another file, which takes its
    share of the ticks; so it is an orphan after DESERTED_TICKS without any.
    """
    ended = work.execute(
        "UPDATE anomalies AS a SET ended_at = :now WHERE a.ended_at IS NULL"
        " AND a.detector_id <> ALL(CAST(:enabled AS text[]))"
        " AND NOT EXISTS (SELECT FROM detector_ticks AS t WHERE t.tenant = :tenant"
        " AND t.detector_id = a.detector_id AND t.tick > :since) RETURNING id",
        now=now,
        tenant=TENANT,  # a tick is of all tenants, and stored under this one
        enabled=list(enabled_ids),
        since=now - timedelta(seconds=DESERTED_TICKS * settings().detector_interval),
    ).scalars()
    orphans = list(ended)
    for anomaly_id in orphans:
        resolve(work, anomaly_id, now)
    return len(orphans)


@periodic(lambda: 1.0, "watch")
@app.task(name="alerting.dispatch")
def dispatch() -> None:
    """Look at every group, and deliver what is due."""
    alert_config.watch()
    decide_and_deliver()


def decide_and_deliver() -> None:
    """One round of both."""
    decide_all(datetime.now(UTC))
    deliver_due()


def decide_all(now: datetime) -> int:
    """Queue the notifications that are due now; returns how many. Nobody decides beside us."""
    router = config.router()
    with unit_of_work() as work:
        alone = work.execute("SELECT pg_try_advisory_xact_lock(:key)", key=DECIDER_LOCK).scalar()
        if not alone or _idle(work, now):
            return 0
        states = _states(work)
        silences = _silences(work, now)
        known: dict[str, list[tuple[UUID, Alert]]] = {}
        for row in _remembered(work, now):
            known.setdefault(row.tenant, []).append((row.id, alert_from_row(row)))
        queued, next_at = _heartbeat(work, router, states, now)
        for tenant in sorted({*known, *states}):
            alerts = known.get(tenant, [])
            ids = {alert.fingerprint: alert_id for alert_id, alert in alerts}
            of_tenant = {k: s for k, s in states.get(tenant, {}).items() if k[0] != HEART}
            round_ = Round(
                router,
                [alert for _, alert in alerts],
                of_tenant,
                silences.get(tenant, []),
                now,
                scope=tenant,
            )
            decisions = list(round_.decisions())
            queued += _write(work, tenant, decisions, of_tenant, ids, now)
            next_at = min(next_at, round_.next_at(decisions) or next_at)
        newest = max((one for each in known.values() for one, _ in each), default=None)
        _note(work, newest, next_at)
    return queued


def _idle(work: UnitOfWork, now: datetime) -> bool:
    """Whether nothing is due and nothing has been raised since the last round."""
    return bool(
        work.execute(
            "SELECT FROM alert_rounds r WHERE name = 'last' AND next_at > :now"
            " AND next_at <= :now + :longest AND config = :config AND NOT EXISTS"
            " (SELECT FROM alerts WHERE id > coalesce(r.last_alert, :nil))",
            now=now,
            longest=AT_LEAST,
            config=config.digest,
            nil=UUID(int=0),
        ).rowcount
    )


def _note(work: UnitOfWork, newest: UUID | None, next_at: datetime) -> None:
    work.execute(
        "INSERT INTO alert_rounds (name, last_alert, config, next_at)"
        " VALUES ('last', :alert, :config, :next) ON CONFLICT (name) DO UPDATE SET last_alert ="
        " excluded.last_alert, config = excluded.config, next_at = excluded.next_at",
        alert=newest,
        config=config.digest,
        next=next_at,
    )


def _remembered(work: UnitOfWork, now: datetime) -> Iterable[Any]:
    """Each alert as it stands now: those that burn, and those that ended not long ago."""
    return work.execute(
        f"SELECT {_ALERT} FROM alerts WHERE status = 'firing' UNION ALL SELECT * FROM"
        f" (SELECT DISTINCT ON (tenant, fingerprint) {_ALERT} FROM alerts a"
        "  WHERE status <> 'firing' AND ends_at > :since AND NOT EXISTS (SELECT FROM alerts b"
        "   WHERE b.tenant = a.tenant AND b.fingerprint = a.fingerprint AND b.status = 'firing')"
        "  ORDER BY tenant, fingerprint, id DESC) ended",
        since=now - REMEMBERED,
    ).all()


def _states(work: UnitOfWork) -> dict[str, dict[Key, GroupState]]:
    found: dict[str, dict[Key, GroupState]] = {}
    for row in work.execute("SELECT tenant, state FROM alert_groups").all():
        state = state_from_row(row.state)
        found.setdefault(row.tenant, {})[(state.group_key, state.receiver)] = state
    return found


def _silences(work: UnitOfWork, now: datetime) -> dict[str, list[Silence]]:
    found: dict[str, list[Silence]] = {}
    rows = work.execute(
        "SELECT * FROM silences WHERE starts_at <= :now AND ends_at > :now ORDER BY id", now=now
    )
    for row in rows.all():
        found.setdefault(row.tenant, []).append(silence_from_row(row))
    return found


def _heartbeat(
    work: UnitOfWork, router: Router, states: Mapping[str, Mapping[Key, GroupState]], now: datetime
) -> tuple[int, datetime]:
    """The sign of life to the watcher outside, where one is configured; how many, and the next."""
    beat, next_at = router.config.heartbeat, now + AT_LEAST
    if beat is None:
        return 0, next_at
    known = states.get(TENANT, {})
    decisions = []
    for target in router.parts(beat.target(), beat.receiver):
        state = known.get((HEART, target.receiver))
        if state is None:
            state = replace(new_group(target, beat.alert(now).labels, TENANT), group_key=HEART)
        if state.due is None or state.due <= now:
            decisions.append(decide(state, [beat.alert(now)], target, now))
            state = decisions[-1].state
        next_at = min(next_at, state.due or next_at)
    return _write(work, TENANT, decisions, known, {}, now), next_at


def _write(
    work: UnitOfWork,
    tenant: str,
    decisions: Iterable[Decision],
    states: Mapping[Key, GroupState],
    ids: Mapping[str, UUID],
    now: datetime,
) -> int:
    """Store what was decided and queue what is to be sent; returns how many that is."""
    queued, rows = 0, []
    for decision in decisions:
        state = decision.state
        if state != states.get((state.group_key, state.receiver)):
            rows.append(
                (tenant, state.group_key, state.receiver, to_json(state_to_row(state)), now)
            )
        if decision.notification is not None:
            queue(work, tenant, decision.notification, ids, now, state.number)
            queued += 1
    work.insert_many(
        "INSERT INTO alert_groups (tenant, group_key, receiver, state, updated_at) VALUES %s"
        " ON CONFLICT (tenant, group_key, receiver)"
        " DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at",
        rows,
    )
    return queued
