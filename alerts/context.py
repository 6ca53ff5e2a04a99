"""What delivery knows around a notification: links, pictures, and the mails before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Curve:
    """A metric over the windows before an anomaly and in it, oldest first.

    `value` is what was out of the ordinary and `baseline` what was usual, in `unit`. `band` is the
    range that counts as ordinary, `bound` a fixed limit; `begun` is where the anomaly's first
    window starts, and `window` its length.
    """

    metric: str
    unit: str
    points: tuple[tuple[datetime, float], ...]
    window: timedelta
    value: float
    begun: datetime
    baseline: float | None = None
    band: tuple[float, float] | None = None
    bound: float | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that a message shows beside what was decided; all of it may be missing.

    `external_url` is where people reach the farm, without a slash at the end. `ids` and `curves`
    go by the fingerprint of an alert. `thread` holds the deduplication keys of the first and the
    latest notification that this one follows up. `scope` is the tenant.
    """

    external_url: str = ""
    ids: Mapping[str, str] = field(default_factory=dict, hash=False)
    curves: Mapping[str, Curve] = field(default_factory=dict, hash=False)
    thread: tuple[str, ...] = ()
    scope: str = ""


NO_CONTEXT = Context()
