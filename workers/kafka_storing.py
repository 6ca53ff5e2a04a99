"""Storing what Kafka brought in this process: the rows are committed when `store` returns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import psycopg2
from sqlalchemy.exc import DBAPIError

from core.ids import new_id
from core.metrics import INGESTION_ERRORS, TELEMETRY_EVENTS
from core.telemetry import Event, Reject
from workers import event_lines, storing
from workers.kafka_messages import refusal

TENANT = "default"


def store(events: Sequence[Event]) -> list[Reject]:
    """Store the events, and say which of them no table takes; they are found by halving.

    Raises what a database that is down, busy or without our tables answers.
    """
    if not events:
        return []
    now = datetime.now(UTC).isoformat()
    lines = [event_lines.of_event(event, TENANT, now) for event in events]
    try:
        TELEMETRY_EVENTS.inc(storing.store(lines))
    except (psycopg2.Error, DBAPIError) as problem:
        if not storing.at_fault(problem):
            raise
        if len(events) == 1:
            return [refusal(events[0], f"cannot be stored: {line(problem)}")]
        middle = len(events) // 2
        return store(events[:middle]) + store(events[middle:])
    return []


def reject(rejects: Sequence[Reject]) -> None:
    """Keep what was refused, beside its reason; that is done when this returns."""
    now = datetime.now(UTC)
    storing.store_rejects(
        [event_lines.of_reject(each, TENANT, now, new_id().hex) for each in rejects]
    )
    INGESTION_ERRORS.inc(len(rejects))


def line(problem: Exception) -> str:
    """What an error says, in one line."""
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0]
