"""Upkeep: partitions ahead of the clock, retention behind it. Each step reports what it changed."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from core.configfile import parse_duration
from core.database import unit_of_work
from core.settings import settings
from workers import partitions
from workers.alerting import REMEMBERED
from workers.app import app
from workers.task import periodic

log = logging.getLogger(__name__)

NOTIFICATIONS_KEPT = timedelta(days=90)
STATES_KEPT = timedelta(days=90)
"""How long a detector that is not evaluated is remembered; a window may last a month."""


@periodic(lambda: 600.0, "control")
@app.task(name="upkeep.tidy")
def tidy() -> dict[str, int]:
    """Make the next days' tables, drop those past retention, forget what has no use."""
    today = datetime.now(UTC).date()
    raw = timedelta(seconds=parse_duration(settings().retention_raw))
    aggregated = timedelta(seconds=parse_duration(settings().retention_aggregated))
    with unit_of_work() as work:
        made = partitions.ensure(work, today)
    with unit_of_work() as work:
        dropped = partitions.drop_before(work, today - raw)
        dropped += partitions.drop_before(work, today - aggregated, partitions.AGGREGATED)
        ticks = work.execute(
            "DELETE FROM detector_ticks WHERE tick < now() - interval '1 day'"
        ).rowcount
        states = work.execute(
            "DELETE FROM detector_states s WHERE NOT EXISTS (SELECT FROM detector_progress p"
            " WHERE p.tenant = s.tenant AND p.detector_id = s.detector_id"
            " AND p.updated_at > now() - :kept)",
            kept=STATES_KEPT,
        ).rowcount
        work.execute(
            "DELETE FROM detector_progress WHERE updated_at < now() - :kept", kept=STATES_KEPT
        )
        tokens = work.execute("DELETE FROM revoked_tokens WHERE expires_at < now()").rowcount
        workers = work.execute(
            "DELETE FROM worker_heartbeats WHERE seen_at < now() - interval '1 hour'"
        ).rowcount
    with unit_of_work() as work:
        groups = work.execute(
            "DELETE FROM alert_groups WHERE state ->> 'phase' = 'idle'"
            " AND coalesce(state -> 'told' -> 'owed', state -> 'owed') IN ('[]', '{}')"
            " AND updated_at < now() - :kept",
            kept=REMEMBERED,
        ).rowcount
        alerts = work.execute(
            "DELETE FROM alerts WHERE status = 'resolved' AND ends_at < now() - :kept",
            kept=max(aggregated, REMEMBERED),
        ).rowcount
        notifications = work.execute(
            "DELETE FROM notifications WHERE state IN ('delivered', 'failed')"
            " AND created_at < now() - :kept",
            kept=NOTIFICATIONS_KEPT,
        ).rowcount
    changed = {
        "partitions_made": made,
        "partitions_dropped": len(dropped),
        "ticks_forgotten": ticks,
        "states_forgotten": states,
        "tokens_forgotten": tokens,
        "workers_forgotten": workers,
        "groups_forgotten": groups,
        "alerts_forgotten": alerts,
        "notifications_forgotten": notifications,
    }
    if any(changed.values()):
        log.info("upkeep", extra=changed)
    return changed
