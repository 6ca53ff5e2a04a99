"""Rollups in the making: new events are added up in the process that stores them, and the sums are
added to the rows of their minutes and hours, whatever their age."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from core import sketch
from core.database import UnitOfWork
from workers.event_lines import COLUMNS, NULL, plain

_KEY = ("tenant", "ts", "application_id", "model", "environment")
_SUMS = (
    "events",
    "errors",
    "latencies",
    "latency_ms",
    "with_prompt_tokens",
    "prompt_tokens",
    "with_completion_tokens",
    "completion_tokens",
    "with_total_tokens",
    "total_tokens",
    "with_cost",
    "cost",
)
_REST = ("latency_min", "latency_max", "latency_low", "latency_counts")
_AMEND = (
    "INSERT INTO {table} AS r (" + ", ".join((*_KEY, *_SUMS, *_REST)) + ") VALUES %s"
    f" ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET "
    + ", ".join(f"{name} = r.{name} + excluded.{name}" for name in _SUMS)
    + ", latency_min = least(r.latency_min, excluded.latency_min)"
    ", latency_max = greatest(r.latency_max, excluded.latency_max)"
    ", latency_low = least(r.latency_low, excluded.latency_low)"
    ", latency_counts = sentinel_sketch_sum(r.latency_low, r.latency_counts,"
    " excluded.latency_low, excluded.latency_counts), updated_at = now()"
)

_PLACE = {name: place + 1 for place, name in enumerate(COLUMNS)}
"""Of a column in a line, whose first field is the event's key."""
_TS, _TENANT, _APPLICATION = _PLACE["ts"], _PLACE["tenant"], _PLACE["application_id"]
_MODEL, _STATUS, _ENVIRONMENT = _PLACE["model"], _PLACE["status"], _PLACE["environment"]
_LATENCY = _PLACE["latency_ms"]
_AMOUNTS = tuple(
    (_PLACE[name], _SUMS.index(f"with_{name}"))
    for name in ("prompt_tokens", "completion_tokens", "total_tokens", "cost")
)
_MINUTE, _HOUR = len("2025-11-06T12:00"), len("2025-11-06T12")


class _Sum:
    """What the new events of one minute or hour and one series add."""

    __slots__ = ("buckets", "least", "most", "sums")

    def __init__(self) -> None:
        self.sums: list[float] = [0] * len(_SUMS)
        self.least, self.most = math.inf, -math.inf
        self.buckets: dict[int, int] = {}

    def add(self, other: _Sum) -> None:
        """Add another's sums."""
        self.sums = [a + b for a, b in zip(self.sums, other.sums, strict=True)]
        self.least, self.most = min(self.least, other.least), max(self.most, other.most)
        for place, count in other.buckets.items():
            self.buckets[place] = self.buckets.get(place, 0) + count

    def row(self) -> tuple[Any, ...]:
        """Its columns, from the sums on."""
        low, counts = sketch.dense(self.buckets)
        ends = (None, None) if low is None else (self.least, self.most)
        return (*self.sums, *ends, low, counts)


Key = tuple[str, str, str, str, str]


def summed(events: Iterable[Sequence[str]]) -> dict[Key, _Sum]:
    """Sums by minute, tenant, application, model and environment of events, as the fields of their
    lines."""
    found: dict[Key, _Sum] = {}
    bucket = sketch.bucket
    for fields in events:
        key = (
            fields[_TENANT],
            fields[_TS][:_MINUTE],
            fields[_APPLICATION],
            fields[_MODEL],
            fields[_ENVIRONMENT],
        )
        one = found.get(key)
        if one is None:
            one = found[key] = _Sum()
        sums = one.sums
        sums[0] += 1
        if fields[_STATUS] != "success":
            sums[1] += 1
        if (given := fields[_LATENCY]) != NULL:
            latency = float(given)
            sums[2] += 1
            sums[3] += latency
            if latency < one.least:
                one.least = latency
            if latency > one.most:
                one.most = latency
            place = bucket(latency)
            one.buckets[place] = one.buckets.get(place, 0) + 1
        for column, sum_ in _AMOUNTS:
            if (given := fields[column]) != NULL:
                sums[sum_] += 1
                sums[sum_ + 1] += float(given)
    return found


def amend(work: UnitOfWork, minutes: dict[Key, _Sum]) -> None:
    """Add the sums to the rollups; in one order everywhere, so that no two wait for each other."""
    hours: dict[Key, _Sum] = {}
    for (tenant, minute, *rest), one in minutes.items():
        hours.setdefault((tenant, minute[:_HOUR], *rest), _Sum()).add(one)  # type: ignore[arg-type]
    for table, sums, suffix in (
        ("telemetry_minutes", minutes, ":00+00"),
        ("telemetry_hours", hours, ":00:00+00"),
    ):
        work.insert_many(
            _AMEND.format(table=table),
            [(*_columns(key, suffix), *sums[key].row()) for key in sorted(sums)],
        )


def _columns(key: Key, suffix: str) -> tuple[str, ...]:
    tenant, start, application, *labels = key
    shown = ("" if one == NULL else plain(one) for one in labels)
    return (plain(tenant), f"{start}{suffix}", plain(application), *shown)
