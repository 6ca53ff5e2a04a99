"""All that a report asks of the database: the one file to change where figures are kept otherwise.

Times are UTC, spans are closed at their start and open at their end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult

from core.database import UnitOfWork, unit_of_work
from reports.period import Period
from workers import rollups

TIMEOUT = "300s"
"""Longest time of one statement: a report reads weeks, a request minutes."""

_OWNED = (
    " {alias}.tenant = :tenant AND (CAST(:applications AS text[]) IS NULL"
    " OR {alias}.application_id = ANY(CAST(:applications AS text[])))"
    " AND {alias}.{at} >= :since AND {alias}.{at} < :until"
)


def _owned(alias: str, at: str) -> str:
    return _OWNED.format(alias=alias, at=at)


SUMS = ("events", "errors", "prompt_tokens", "completion_tokens", "total_tokens", "cost")
"""What `Source.calls` adds up, behind bucket, application and model; rollups.SKETCH follows."""
_CALLS = (
    "SELECT width_bucket(r.ts, CAST(:edges AS timestamptz[])) AS place, r.application_id, r.model,"
    f" {', '.join((*SUMS, *rollups.SKETCH))} FROM {{rows}} AS r WHERE {_owned('r', 'ts')}"
)
_TIMEOUTS = (
    "SELECT t.application_id, t.model, count(*) AS n FROM telemetry t"
    f" WHERE t.status = 'timeout' AND {_owned('t', 'ts')} GROUP BY 1, 2"
)
_ACTIONS = (
    "SELECT width_bucket(v.created_at, CAST(:edges AS timestamptz[])) AS place, u.done AS action,"
    " count(*) AS items FROM verdicts v, unnest(v.actions) AS u (done)"
    f" WHERE {_owned('v', 'created_at')} GROUP BY 1, 2"
)
_ENGINES = (
    "SELECT e ->> 'engine' AS engine, sum(CAST(e ->> 'items' AS int))"
    " FILTER (WHERE e ->> 'outcome' = 'flagged') AS flagged, sum(CAST(e ->> 'items' AS int))"
    " FILTER (WHERE e ->> 'outcome' IN ('clean', 'flagged')) AS ran,"
    " sum(CAST(e ->> 'items' AS int)) FILTER (WHERE e ->> 'outcome' IN ('timeout', 'failure'))"
    " AS failed, sum(CAST(e ->> 'duration_ms' AS float))"
    " FILTER (WHERE e ->> 'outcome' IN ('clean', 'flagged')) AS spent_ms"
    " FROM verdicts v, jsonb_array_elements(v.engines) AS e"
    f" WHERE {_owned('v', 'created_at')} GROUP BY 1 ORDER BY flagged DESC NULLS LAST, engine"
)
_SHAPES = (
    " FROM verdicts v"
    " CROSS JOIN LATERAL (SELECT CAST(v.body AS jsonb) AS body OFFSET 0) AS b"
    " CROSS JOIN LATERAL (SELECT CAST(i.item ->> 0 AS int) AS place, count(*) AS times,"
    "  min(i.n) AS at FROM jsonb_array_elements(b.body -> 'items') WITH ORDINALITY AS i (item, n)"
    "  GROUP BY 1) AS t"
    " CROSS JOIN LATERAL (SELECT b.body -> 'shapes' -> t.place AS shape OFFSET 0) AS s"
    " CROSS JOIN LATERAL (SELECT DISTINCT f ->> 'category' AS category"
    "  FROM jsonb_array_elements(s.shape -> 'judgement' -> 'findings') AS f) AS c"
    f' WHERE {_owned("v", "created_at")} AND v.engines @> \'[{{"outcome": "flagged"}}]\''
)
_CATEGORIES = (
    "SELECT c.category, CAST(sum(t.times) AS bigint) AS found, CAST(coalesce(sum(t.times)"
    " FILTER (WHERE s.shape ->> 'action' = 'block'), 0) AS bigint) AS blocked"
    f"{_SHAPES} GROUP BY 1 ORDER BY 2 DESC, 1"
)
_EXAMPLES = (
    "SELECT DISTINCT ON (c.category) c.category, v.analysis_id, v.application_id, v.created_at,"
    " CAST(v.first_item + t.at - 1 AS int) AS item,"
    " CAST(s.shape ->> 'risk_score' AS float) AS risk,"
    " s.shape -> 'judgement' -> 'findings' AS findings, a.created_at AS accepted_at"
    + _SHAPES.replace(
        " FROM verdicts v", " FROM verdicts v JOIN analyses a ON a.id = v.analysis_id"
    )
    + " AND 'block' = ANY(v.actions) AND s.shape ->> 'action' = 'block'"
    " ORDER BY c.category, 6 DESC, v.created_at DESC"
)
_DEGRADED = (
    "SELECT count(*) AS n FROM verdicts v, jsonb_path_query(CAST(v.body AS jsonb),"
    " '$.items[*]') AS i WHERE v.degraded AND CAST(CAST(v.body AS jsonb) -> 'shapes'"
    f" -> CAST(i ->> 0 AS int) ->> 'degraded' AS boolean) AND {_owned('v', 'created_at')}"
)
_ANOMALIES = f"SELECT count(*) AS n FROM anomalies o WHERE {_owned('o', 'created_at')}"
_WORST = (
    f"SELECT o.* FROM anomalies o WHERE {_owned('o', 'created_at')}"
    " ORDER BY array_position(ARRAY['critical', 'error', 'warning', 'info'], o.severity)"
    " NULLS LAST, abs(o.score) DESC NULLS LAST, o.id LIMIT :most"
)
_ALERTS = f"SELECT count(*) AS n FROM alerts l WHERE {_owned('l', 'starts_at')}"
_MEDIANS = (
    " percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM l.acknowledged_at"
    "  - l.starts_at)) AS to_acknowledge_s,"
    " percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM l.ends_at - l.starts_at))"
    "  FILTER (WHERE l.status = 'resolved') AS to_resolve_s"
)
_ALERTS_BY_NAME = (
    "SELECT l.name, l.severity, grouping(l.name) AS any_name, count(*) AS fired,"
    " count(*) FILTER (WHERE l.status = 'firing') AS firing,"
    f" count(l.acknowledged_at) AS acknowledged,{_MEDIANS} FROM alerts l"
    f" WHERE {_owned('l', 'starts_at')} GROUP BY GROUPING SETS ((), (l.name, l.severity))"
    " ORDER BY fired DESC, l.name, l.severity"
)
_TOLD = (
    "SELECT n.receiver, count(*) FILTER (WHERE n.state = 'delivered') AS delivered,"
    " count(*) FILTER (WHERE n.state = 'failed') AS failed,"
    " count(*) FILTER (WHERE n.state IN ('pending', 'sending')) AS open FROM notifications n"
    f" WHERE {_owned('n', 'created_at')} GROUP BY 1 ORDER BY 1"
)
_JOBS = (
    "SELECT a.state, count(*) AS n, count(a.retry_of) AS retried FROM analyses a"
    f" WHERE {_owned('a', 'created_at')} GROUP BY 1"
)
_LANES = (
    "SELECT r.queue, count(*) AS runs, coalesce(sum(r.deaths), 0) AS deaths,"
    " count(*) FILTER (WHERE r.state = 'failed') AS failed,"
    " percentile_cont(0.5) WITHIN GROUP (ORDER BY w.s) AS p50,"
    " percentile_cont(0.95) WITHIN GROUP (ORDER BY w.s) AS p95, max(w.s) AS longest"
    " FROM runs r, LATERAL (SELECT extract(epoch FROM r.started_at - r.created_at) AS s) AS w"
    f" WHERE {_owned('r', 'created_at')} GROUP BY 1 ORDER BY 1"
)


@dataclass(frozen=True, slots=True)
class Source:
    """The rows of one tenant; no `applications` means all of them."""

    tenant: str
    applications: tuple[str, ...] = ()

    def calls(self, period: Period, edges: Sequence[datetime]) -> Iterator[Any]:
        """Calls from rollups, by bucket, application, model and what else rollups tell apart.

        Buckets count the edges from 1. An hour that an edge cuts comes by its minutes.
        """
        first, last = rollups.bounds(period.start, period.end)
        hours = {edge: rollups.floor(edge, rollups.HOUR) for edge in edges[1:]}
        cut = sorted({hour for edge, hour in hours.items() if first <= hour < edge < last})
        rows = rollups.source(period.start, period.end, hours=True, cut=bool(cut))
        more: dict[str, Any] = {"first": first, "last": last} if first < last else {}
        if cut:
            more |= {"cut": cut}
        with unit_of_work() as work:
            yield from self._asked(
                work, _CALLS.format(rows=rows), period, edges=list(edges), **more
            )

    def timeouts(self, period: Period, since: datetime) -> Sequence[Any]:
        """Calls that ended by timeout, of the events of the period from `since` on."""
        return self._rows(_TIMEOUTS, replace(period, start=since))

    def actions(self, period: Period, edges: Sequence[datetime]) -> Sequence[Any]:
        """Judged inputs by bucket and action."""
        return self._rows(_ACTIONS, period, edges=list(edges))

    def degraded(self, period: Period) -> int:
        """Inputs that were judged without an engine that failed."""
        return int(self._rows(_DEGRADED, period)[0].n)

    def categories(self, period: Period) -> Sequence[Any]:
        """Inputs by category of what was found in them."""
        return self._rows(_CATEGORIES, period)

    def engines(self, period: Period) -> Sequence[Any]:
        """Inputs and milliseconds by engine."""
        return self._rows(_ENGINES, period)

    def examples(self, period: Period) -> Sequence[Any]:
        """The blocked input of the highest risk in each category."""
        return self._rows(_EXAMPLES, period)

    def anomalies(self, period: Period) -> int:
        """Anomalies that began."""
        return int(self._rows(_ANOMALIES, period)[0].n)

    def worst(self, period: Period, most: int) -> Sequence[Any]:
        """Rows of anomalies by severity, then by score."""
        return self._rows(_WORST, period, most=most)

    def alerts(self, period: Period) -> int:
        """Alerts that began."""
        return int(self._rows(_ALERTS, period)[0].n)

    def alerts_by_name(self, period: Period) -> Sequence[Any]:
        """Alerts by name and severity, and of any name; medians in seconds."""
        return self._rows(_ALERTS_BY_NAME, period)

    def told(self, period: Period) -> Sequence[Any]:
        """Notifications by receiver."""
        return self._rows(_TOLD, period)

    def jobs(self, period: Period) -> Sequence[Any]:
        """Jobs that were accepted, by the state that they are in."""
        return self._rows(_JOBS, period)

    def lanes(self, period: Period) -> Sequence[Any]:
        """Runs by queue, and the seconds until they were begun."""
        return self._rows(_LANES, period)

    def _rows(self, statement: str, period: Period, **more: Any) -> Sequence[Any]:
        with unit_of_work() as work:
            return self._asked(work, statement, period, **more).all()

    def _asked(
        self, work: UnitOfWork, statement: str, period: Period, **more: Any
    ) -> CursorResult[Any]:
        work.execute(f"SET LOCAL statement_timeout = '{TIMEOUT}'")
        return work.execute(
            statement,
            tenant=self.tenant,
            applications=list(self.applications) or None,
            since=period.start,
            until=period.end,
            **more,
        )
