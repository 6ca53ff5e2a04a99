"""The windows that detectors ask for, read once for all detectors that ask the same.

What `rollups.windows` knows comes from there; verdicts, and how a window's events divide, are asked
of the rows themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from core.database import UnitOfWork
from detectors.base import DetectorSpec, Point
from detectors.drift import PER_DOUBLING
from detectors.metrics import METRICS
from workers import rollups

COLUMNS = rollups.LABELS
SHARES = rollups.SHARES
_PERSON = (
    " NULL::text AS model, NULL::text AS environment, NULL::jsonb AS tags,"
    " coalesce({one}.user_id, a.user_id, {one}.session_id, a.session_id) AS user_id,"
    " coalesce({one}.session_id, a.session_id) AS session_id"
)
"""An item's own user, or else the job's; a session stands for a user whom nobody named."""
_PEOPLE = (
    "a.item_users[v.first_item + 1:v.last_item + 1],"
    " a.item_sessions[v.first_item + 1:v.last_item + 1]"
)
VERDICTS = (
    "(SELECT a.tenant, v.created_at AS ts, a.application_id, i.risk_score, i.action,"
    f" v.analysis_id,{_PERSON.format(one='i')}"
    " FROM verdicts v JOIN analyses a ON a.id = v.analysis_id"
    f" CROSS JOIN LATERAL unnest(v.risks, v.actions, {_PEOPLE})"
    "  AS i (risk_score, action, user_id, session_id)"
    " WHERE v.created_at >= :since AND v.created_at < :until)"
)
"""Each judged item, as a subquery. Parameters: since and until."""
FINDINGS = (
    "(SELECT a.tenant, v.created_at AS ts, a.application_id, t.times, c.category,"
    f"{_PERSON.format(one='t')}"
    " FROM verdicts v JOIN analyses a ON a.id = v.analysis_id"
    " CROSS JOIN LATERAL (SELECT CAST(v.body AS jsonb) AS body OFFSET 0) AS b"
    " CROSS JOIN LATERAL (SELECT CAST(i.item ->> 0 AS int) AS place, i.user_id, i.session_id,"
    "  count(*) AS times FROM ROWS FROM (jsonb_array_elements(b.body -> 'items'),"
    f"  unnest({_PEOPLE})) AS i (item, user_id, session_id) GROUP BY 1, 2, 3) AS t"
    " CROSS JOIN LATERAL (SELECT DISTINCT f ->> 'category' AS category FROM jsonb_array_elements("
    "  b.body -> 'shapes' -> t.place -> 'judgement' -> 'findings') AS f) AS c"
    " WHERE v.created_at >= :since AND v.created_at < :until"
    ' AND v.engines @> \'[{"outcome": "flagged"}]\')'
)
_PARTS = {"drift": "bins", "novelty": "categories", "probing": "blocked"}

Key = tuple[str, ...]
"""A group's labels in the order of `group_by`."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What is measured; detectors of one shape share a query. `parts` is how windows divide."""

    metric: str
    statistic: str
    window: float
    group_by: Key
    parts: str = ""


def shape(spec: DetectorSpec) -> Shape:
    """What this entry measures."""
    parts = _PARTS.get(spec.type, "")
    return Shape(spec.metric, spec.statistic, spec.window, spec.group_by, parts)


class Reader:
    """Windows of one tenant within one transaction; what was read once is not read again."""

    def __init__(self, work: UnitOfWork, tenant: str) -> None:
        self._work = work
        self._tenant = tenant
        self._read: dict[Any, Mapping[Key, Sequence[Point]]] = {}

    def points(
        self, asked: Shape, since: datetime, until: datetime
    ) -> Mapping[Key, Sequence[Point]]:
        """The windows `[since + k * window, …)` before `until` that hold events, by group."""
        key = (asked, since, until)
        if key not in self._read:
            found = self._valued(replace(asked, parts=""), since, until)
            self._read[key] = self._divided(asked, since, until, found) if asked.parts else found
        return self._read[key]

    def _valued(
        self, asked: Shape, since: datetime, until: datetime
    ) -> Mapping[Key, Sequence[Point]]:
        found: dict[Key, list[Point]] = {}
        if METRICS[asked.metric].source == "verdicts":
            for group, place, value, count in self._rows(
                asked, VERDICTS, [_of_verdicts(asked), "count(*)"], since, until
            ):
                found.setdefault(group, []).append(
                    Point(_start(asked, since, place), _float(value), count)
                )
            return found
        for one in rollups.windows(
            self._work,
            self._tenant,
            asked.metric,
            asked.statistic,
            asked.window,
            since,
            until,
            asked.group_by,
        ):
            group = tuple(one.labels[name] for name in asked.group_by)
            found.setdefault(group, []).append(Point(one.start, one.value, one.count))
        return found

    def _divided(
        self,
        asked: Shape,
        since: datetime,
        until: datetime,
        whole: Mapping[Key, Sequence[Point]],
    ) -> Mapping[Key, Sequence[Point]]:
        source, part, number, where = _division(asked)
        parts: dict[tuple[Key, int], dict[str, int]] = {}
        for group, place, name, count in self._rows(
            asked, source, [part, number], since, until, where, 1
        ):
            parts.setdefault((group, place), {})[str(name)] = int(count)
        known = {
            (group, round((point.start - since).total_seconds() / asked.window)): point
            for group, points in whole.items()
            for point in points
        }
        found: dict[Key, list[Point]] = {}
        for group, place in sorted({*known, *parts}):
            divided = parts.get((group, place), {})
            empty = Point(_start(asked, since, place), None, sum(divided.values()))
            point = replace(known.get((group, place), empty), parts=divided)
            found.setdefault(group, []).append(point)
        return found

    def _rows(
        self,
        asked: Shape,
        source: str,
        columns: Sequence[str],
        since: datetime,
        until: datetime,
        where: str = "",
        more_groups: int = 0,
    ) -> list[tuple[Key, int, Any, Any]]:
        groups = [f"coalesce(r.{COLUMNS[name]}, '')" for name in asked.group_by]
        place = "CAST(floor(extract(epoch FROM r.ts - :since) / :window) AS integer)"
        by = ", ".join(str(number + 1) for number in range(len(groups) + 1 + more_groups))
        rows = self._work.execute(
            f"SELECT {', '.join([place, *groups, *columns])} FROM {source} AS r"
            f" WHERE r.tenant = :tenant AND r.ts >= :since AND r.ts < :until{where}"
            f" GROUP BY {by} ORDER BY {by}",
            tenant=self._tenant,
            window=asked.window,
            since=since,
            until=until,
        )
        count = len(groups) + 1
        return [(tuple(row[1:count]), row[0], row[count], row[count + 1]) for row in rows]


def _division(asked: Shape) -> tuple[str, str, str, str]:
    """Source, expression of the part, how it is counted, and which rows count."""
    if asked.parts == "categories":
        return FINDINGS, "r.category", "sum(r.times)", " AND r.category IS NOT NULL"
    if asked.parts == "blocked":
        where = " AND r.action = 'block' AND coalesce(r.user_id, '') <> ''"
        return VERDICTS, "r.user_id", "count(*)", where
    verdicts = METRICS[asked.metric].source == "verdicts"
    value = {
        "error_rate": "CASE WHEN r.status = 'success' THEN 0 ELSE 1 END",
        "block_rate": "CASE WHEN r.action = 'block' THEN 1 ELSE 0 END",
        "request_rate": "1",
    }.get(asked.metric, f"r.{asked.metric}")
    cell = (
        f"CASE WHEN {value} <= 0 THEN 'zero' ELSE CAST(CAST(floor({PER_DOUBLING}"
        f" * ln(CAST({value} AS float8)) / ln(CAST(2 AS float8))) AS integer) AS text) END"
    )
    return VERDICTS if verdicts else "telemetry", cell, "count(*)", f" AND {value} IS NOT NULL"


def _of_verdicts(asked: Shape) -> str:
    if asked.statistic == "ratio":
        return "avg(CASE WHEN r.action = 'block' THEN 1.0 ELSE 0.0 END)"
    if asked.statistic in SHARES:
        share = SHARES[asked.statistic]
        return f"percentile_cont({share}) WITHIN GROUP (ORDER BY r.{asked.metric})"
    function = {"mean": "avg", "min": "min", "max": "max"}[asked.statistic]
    return f"{function}(r.{asked.metric})"


def _start(asked: Shape, since: datetime, place: int) -> datetime:
    return since + timedelta(seconds=asked.window * place)


def _float(value: Any) -> float | None:
    return None if value is None else float(value)
