"""How often a receiver may be called: its own cap, and the pauses that it asked for.

The attempts of the last window are a row in PostgreSQL, so that all senders share one count.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from alerts.receivers.base import AnyReceiver
from core.database import UnitOfWork, unit_of_work


def take(receiver: AnyReceiver, now: datetime) -> datetime | None:
    """Count an attempt that begins now; or, where none may, the moment from which one may.

    A cap of 30 in a minute lets no minute see more than 30, wherever it begins.
    """
    rate = receiver.rate
    if rate is None:
        return None
    with unit_of_work() as work:
        attempts, held = _row(work, receiver.name)
        if held is not None and held > now:
            return held
        window = timedelta(seconds=rate.seconds)
        recent = sorted(one for one in attempts if one > now - window)[-rate.count :]
        full = len(recent) >= rate.count
        held = recent[0] + window if full else None
        if not full:
            recent.append(now)
        work.execute(
            "UPDATE receiver_paces SET attempts = CAST(:attempts AS timestamptz[]),"
            " held_until = :held WHERE receiver = :name",
            attempts=recent,
            held=held,
            name=receiver.name,
        )
        return held


def hold(receiver: str, until: datetime) -> None:
    """Nobody calls this receiver before then: it said so."""
    with unit_of_work() as work:
        work.execute(
            "INSERT INTO receiver_paces (receiver, held_until) VALUES (:name, :until)"
            " ON CONFLICT (receiver) DO UPDATE SET held_until ="
            " greatest(receiver_paces.held_until, excluded.held_until)",
            name=receiver,
            until=until,
        )


def held(work: UnitOfWork, now: datetime) -> list[str]:
    """The receivers that are not to be called now."""
    return list(
        work.execute(
            "SELECT receiver FROM receiver_paces WHERE held_until > :now", now=now
        ).scalars()
    )


def _row(work: UnitOfWork, name: str) -> tuple[list[datetime], datetime | None]:
    work.execute(
        "INSERT INTO receiver_paces (receiver) VALUES (:name) ON CONFLICT DO NOTHING", name=name
    )
    row = work.execute(
        "SELECT attempts, held_until FROM receiver_paces WHERE receiver = :name FOR UPDATE",
        name=name,
    ).one()
    return list(row.attempts), row.held_until
