"""What detectors remember between ticks: states by group, and how far each has judged.

Whoever holds a detector's row of `detector_progress` goes on with its states; another passes by.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.database import UnitOfWork, single
from detectors.base import DetectorSpec, State
from workers.detection_course import LONGEST, fingerprint, replayed
from workers.detection_windows import Key

PEOPLE = frozenset({"user", "session"})
SHORT = timedelta(days=1)
"""How long a silent user or session is remembered at least; other groups for `LONGEST`."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a detector has judged; `until` is None where it begins anew."""

    spec: DetectorSpec
    mark: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Remembered:
    """The stored state of one group, and the end of its last window that held events."""

    state: State
    heard: datetime | None


def progress(work: UnitOfWork, tenant: str, specs: Sequence[DetectorSpec]) -> list[Progress]:
    """How far each detector is, for a look."""
    return _told(specs, _rows(work, tenant, [spec.id for spec in specs]))


def held(work: UnitOfWork, tenant: str, specs: Sequence[DetectorSpec]) -> list[Progress]:
    """Take those of the detectors that nobody is at; they are ours until the transaction ends.

    Rows that are missing are made in a transaction of their own, or who comes second would wait.
    """
    ids = sorted(spec.id for spec in specs)
    missing = sorted(set(ids) - set(_rows(work, tenant, ids)))
    if missing:
        single(
            "INSERT INTO detector_progress (tenant, detector_id) SELECT CAST(:tenant AS text), id"
            " FROM unnest(CAST(:ids AS text[])) AS id ON CONFLICT DO NOTHING",
            tenant=tenant,
            ids=missing,
        )
    found = _rows(work, tenant, ids, " ORDER BY detector_id FOR UPDATE SKIP LOCKED")
    return _told([spec for spec in specs if spec.id in found], found)


_Row = tuple[str, datetime | None]


def _told(specs: Sequence[DetectorSpec], found: Mapping[str, _Row]) -> list[Progress]:
    told = []
    for spec in specs:
        mark, until = found.get(spec.id, ("", None))
        wanted = fingerprint(spec)
        told.append(Progress(spec, wanted, until if mark == wanted else None))
    return told


def _rows(work: UnitOfWork, tenant: str, ids: Sequence[str], how: str = "") -> dict[str, _Row]:
    rows = work.execute(
        "SELECT detector_id, fingerprint, until FROM detector_progress WHERE tenant = :tenant"
        f" AND detector_id = ANY(CAST(:ids AS text[])){how}",
        tenant=tenant,
        ids=list(ids),
    )
    return {row.detector_id: (row.fingerprint, row.until) for row in rows}


def load(
    work: UnitOfWork, tenant: str, detectors: Iterable[DetectorSpec]
) -> dict[str, dict[Key, Remembered]]:
    """The states of these detectors by id and group."""
    specs = {spec.id: spec for spec in detectors}
    found: dict[str, dict[Key, Remembered]] = {name: {} for name in specs}
    rows = work.execute(
        "SELECT detector_id, labels, CAST(state AS text) AS state, heard_at FROM detector_states"
        " WHERE tenant = :tenant AND detector_id = ANY(CAST(:ids AS text[]))",
        tenant=tenant,
        ids=list(specs),
    )
    for row in rows:
        key = tuple(str(row.labels.get(name, "")) for name in specs[row.detector_id].group_by)
        found[row.detector_id][key] = Remembered(json.loads(row.state), row.heard_at)
    return found


def save(
    work: UnitOfWork,
    tenant: str,
    states: Mapping[str, Mapping[Key, Remembered]],
    progress: Sequence[Progress],
    until: Mapping[str, datetime],
    now: datetime,
) -> None:
    """Write the states that went on, forget groups long silent, and note how far we are."""
    rows: list[tuple[Any, ...]] = []
    for one in progress:
        spec = one.spec
        before = until[spec.id] - kept(spec)
        work.execute(
            "DELETE FROM detector_states WHERE tenant = :tenant AND detector_id = :id"
            + ("" if one.until is None else " AND heard_at < :before"),
            tenant=tenant,
            id=spec.id,
            **({} if one.until is None else {"before": before}),
        )
        for key, kept_state in states[spec.id].items():
            if kept_state.heard is None or kept_state.heard >= before:
                labels = dict(zip(spec.group_by, key, strict=True))
                text = json.dumps(kept_state.state, separators=(",", ":"))
                rows.append((tenant, spec.id, json.dumps(labels), text, kept_state.heard, now))
    work.insert_many(
        "INSERT INTO detector_states (tenant, detector_id, labels, state, heard_at, updated_at)"
        " VALUES %s ON CONFLICT (tenant, detector_id, labels) DO UPDATE SET"
        " state = excluded.state, heard_at = excluded.heard_at, updated_at = excluded.updated_at",
        rows,
    )
    work.insert_many(
        "INSERT INTO detector_progress (tenant, detector_id, fingerprint, until, updated_at)"
        " VALUES %s ON CONFLICT (tenant, detector_id) DO UPDATE SET fingerprint ="
        " excluded.fingerprint, until = excluded.until, updated_at = excluded.updated_at",
        [(tenant, one.spec.id, one.mark, until[one.spec.id], now) for one in progress],
    )


def kept(spec: DetectorSpec) -> timedelta:
    """How long a group that fell silent is remembered."""
    if PEOPLE & set(spec.group_by):
        period = max(spec.numbers.get("period", 0.0), spec.window)
        return max(SHORT, timedelta(seconds=2 * period))
    return max(LONGEST, timedelta(seconds=spec.window * min(replayed(spec), 100)))
