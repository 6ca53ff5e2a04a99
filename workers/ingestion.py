"""Telemetry: events wait in Valkey from their acceptance until they are in their tables."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from core.errors import BrokerDown, BufferFull, Unavailable
from core.ids import new_id
from core.metrics import INGESTION_SECONDS, TELEMETRY_EVENTS
from core.telemetry import Event, Reject
from workers import event_lines, pending, storing
from workers.app import app, broker_guarded
from workers.grouping import Groups
from workers.pending import Batch
from workers.queues import queue_lengths
from workers.task import periodic

log = logging.getLogger(__name__)

EVENTS_PER_BATCH = 500
EVENTS_AT_ONCE = 4000
"""Of one transaction, about; beyond it nothing is gained."""
REJECTS_AT_MOST = 1000
DRAIN_SECONDS = 2.0
GATHER_SECONDS = 0.02
LONGEST_GATHER_SECONDS = 0.25
LINGER_SECONDS = 0.3
"""A worker that finds nothing goes on looking for so long, which spares the next post the bell."""
_RECEIVED = event_lines.COLUMNS.index("received_at") + 1


def accept(events: Sequence[Event], *, tenant: str = "default") -> None:
    """Let events wait to be stored; they survive the death of any process from here on.

    Few events share a batch with those of other requests that come at the same moment. Raises
    BufferFull when as many wait as may, and BrokerDown.
    """
    received = datetime.now(UTC).isoformat()
    lines = [event_lines.of_event(event, tenant, received) for event in events]
    if len(lines) >= EVENTS_PER_BATCH:
        _hand_over(lines)
    elif lines:
        _groups.add(lines)


def reject(rejects: Sequence[Reject], *, tenant: str = "default") -> None:
    """Let the first of these refused events wait to be stored; best effort, raises nothing."""
    now = datetime.now(UTC)
    lines = [
        event_lines.of_reject(each, tenant, now, new_id().hex) for each in rejects[:REJECTS_AT_MOST]
    ]
    if not lines:
        return
    key = pending.new_key(len(lines), pending.REJECTED)
    try:
        if pending.keep({key: event_lines.joined(lines)}, len(lines)):
            _ring()
    except (BufferFull, BrokerDown) as problem:
        log.warning("%d rejects are not kept: %s", len(lines), problem)


def _hand_over(lines: Sequence[str]) -> None:
    parts = [
        lines[start : start + EVENTS_PER_BATCH] for start in range(0, len(lines), EVENTS_PER_BATCH)
    ]
    batches = {pending.new_key(len(part)): event_lines.joined(part) for part in parts}
    if pending.keep(batches, len(lines)):
        _ring()


_groups = Groups(_hand_over, EVENTS_PER_BATCH)
coming = _groups.coming
"""A block whose thread is about to `accept`: posts of the same moment wait for it a little."""


def _ring() -> None:
    """Have an io worker look; where the bell is lost, `recover` rings again."""
    try:
        broker_guarded(lambda: drain.apply_async(queue="io"))
    except BrokerDown as problem:
        log.warning("telemetry waits, and no worker was told: %s", problem)


@app.task(name="telemetry.drain", acks_late=True, only_copy=True)
def drain() -> None:
    """Store what waits, and look again for a while; ring for another worker where much is left."""
    now = time.monotonic()
    until, useful, last = now + DRAIN_SECONDS, now, False
    while True:
        begun = time.monotonic()
        batches, left = pending.take(EVENTS_AT_ONCE, last=last)
        if left:
            _ring()
        if batches:
            _store(batches)
        if last and not left:
            return
        now = time.monotonic()
        useful = now if batches else useful
        last = now > min(until, useful + LINGER_SECONDS)
        if not left and not last:
            time.sleep(gathering(now - begun))


def gathering(spent: float) -> float:
    """Seconds to let more events come when nothing is left: the longer, the more the last look and
    storing took, so that small posts never cost more than a third of a worker's time."""
    return min(max(2 * spent, GATHER_SECONDS), LONGEST_GATHER_SECONDS)


def _store(batches: Sequence[Batch]) -> None:
    """Store batches, or give them back."""
    keys = [batch.key for batch in batches]
    lines = [line for batch in batches if not batch.rejected for line in batch.lines]
    rejects = [line for batch in batches if batch.rejected for line in batch.lines]
    try:
        new = storing.store_or_reject(lines) if lines else 0
        if rejects:
            storing.store_rejects(rejects)
    except Unavailable:
        pending.give_back(keys)
        raise
    pending.forget(keys)
    TELEMETRY_EVENTS.inc(new)
    now = datetime.now(UTC)
    for batch in batches:
        if not batch.rejected:
            received = datetime.fromisoformat(batch.lines[0].split("\t")[_RECEIVED])
            INGESTION_SECONDS.observe((now - received).total_seconds())


@app.task(name="telemetry.store", acks_late=True, only_copy=True)
def store_events(rows: list[list[Any]], key: str = "") -> None:
    """Store a batch that the version before sent; `key` names the copy that it kept."""
    new = storing.store_or_reject([event_lines.of_row(row) for row in rows])
    if key:
        pending.forget_older(key)
    TELEMETRY_EVENTS.inc(new)


@periodic(lambda: 2.0, "control")
@app.task(name="telemetry.resend")
def recover() -> int:
    """Take up again what a dead worker had taken, and ring where events wait for nobody."""
    lost, unheard = pending.recover()
    if lost:
        log.warning("%d batches of telemetry taken up again", lost)
    if unheard and not queue_lengths()["io"]:
        _ring()
    for key, lines in pending.older().items():
        if lines:
            new_key = pending.new_key(len(lines))
            pending.keep({new_key: event_lines.joined(lines)}, len(lines))
        pending.forget_older(key)
    return lost
