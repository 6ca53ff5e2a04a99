"""When to try a failed delivery again: values on the receiver's class, decided by one function."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from core.errors import DeliveryError


@dataclass(frozen=True, slots=True)
class Retry:
    """Waits of `first`, then `factor` times the one before, at most `longest`, in seconds.

    After `attempts` tries it is given up. A peer's Retry-After is obeyed up to `patience`.
    """

    first: float = 0.5
    factor: float = 1.5
    longest: float = 300.0
    attempts: int = 24
    patience: float = 3600.0


def next_attempt(
    retry: Retry, attempts: int, error: DeliveryError, now: datetime
) -> datetime | None:
    """When to try again after `attempts` failed tries, the last with `error`; None gives up."""
    if error.permanent or attempts >= retry.attempts:
        return None
    wait = min(retry.longest, retry.first * retry.factor ** max(0, attempts - 1))
    if error.retry_after is not None:
        wait = max(wait, min(error.retry_after, retry.patience))
    return now + timedelta(seconds=wait)
