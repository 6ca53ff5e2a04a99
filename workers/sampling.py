"""Which events have their text sent on to analysis: some of each application, by their ids.

The transaction that stores an event also notes that it was chosen, so that it is neither forgotten
nor analysed twice. `sample_jobs` submits what was noted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from core.database import UnitOfWork
from core.metrics import TELEMETRY_SAMPLES
from core.settings import settings
from workers import event_lines

DIGITS = 8
"""Hexadecimal digits of an event's key that decide whether it is chosen."""
NONE, ALL = "0" * DIGITS, "g"
"""No key is less than the one, every key than the other."""


@dataclass(frozen=True, slots=True)
class Shares:
    """The share of events that is chosen, as the first key that is not."""

    usual: str
    own: dict[str, str]

    @property
    def most(self) -> str:
        """The largest of them."""
        return max((self.usual, *self.own.values()))

    def chooses(self, key: str, application: str) -> bool:
        """Whether the event of this key (32 hexadecimal digits) is chosen."""
        return key[:DIGITS] < self.own.get(application, self.usual)


def _bound(share: float) -> str:
    """Keys below this are chosen."""
    return ALL if share >= 1 else f"{int(share * 16**DIGITS):0{DIGITS}x}"


def shares_of(usual: float, own: Mapping[str, float]) -> Shares:
    """Shares of 0 to 1, the usual one and those of single applications, as bounds."""
    return Shares(_bound(usual), {name: _bound(share) for name, share in own.items()})


@cache
def shares() -> Shares:
    """What the settings of this process say."""
    return shares_of(settings().telemetry_analyze_sample, settings().analyzed_shares())


def choose(work: UnitOfWork, lines: Iterable[str]) -> int:
    """Note those of the events (see `event_lines`) with text that are chosen; returns how many.

    Within the transaction that stores them; an event that was chosen before stays as it was.
    """
    wanted = shares()
    most = wanted.most
    if most == NONE:
        return 0
    rows = []
    for line in lines:
        if line[:DIGITS] < most:
            key, *fields = line.split("\t")
            if len(fields) == len(event_lines.COLUMNS):
                continue
            ts, tenant, application, event = map(event_lines.plain, fields[:4])
            if wanted.chooses(key, application):
                rows.append((tenant, application, event, ts))
    if rows:
        work.insert_many(
            "INSERT INTO telemetry_analyses (tenant, application_id, event_id, ts) VALUES %s"
            " ON CONFLICT DO NOTHING",
            sorted(rows),
        )
        work.after_commit(lambda: TELEMETRY_SAMPLES.labels("chosen").inc(len(rows)))
    return len(rows)
