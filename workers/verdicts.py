"""Verdicts over a range of items as one row, and the row taken apart again.

Items whose engines ended alike share one `shape`, so that a thousand clean items cost little more
than their times. Body of a row: `{"shapes": [item, …], "items": [[shape, ms, ms, …], …]}`, where a
shape is an item in the API's shape and the numbers are its engines' times in milliseconds.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic_core import from_json, to_json

from core.analysis import EngineResult, Outcome, Thresholds
from core.database import UnitOfWork
from engines.policy import Policy, as_policy
from engines.verdict import fold
from workers.wire import judgement_to_row, result_to_row

QUIET = frozenset({Outcome.CLEAN, Outcome.UNSUPPORTED, Outcome.SKIPPED})


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The judged items `first_item` to `last_item`; the worst of them speaks for all.

    `risks` and `actions` have one entry per item; `engines` is JSON, one entry for each engine and
    outcome with the number of items and the milliseconds; `body` is JSON as above.
    """

    first_item: int
    last_item: int
    risk_score: float
    verdict: str
    action: str
    degraded: bool
    examined: bool
    risks: list[float]
    actions: list[str]
    engines: str
    body: str
    triggered: Mapping[str, int]

    def columns(self) -> dict[str, Any]:
        """The columns of table `verdicts` that this fills; arrays as one literal each, since
        PostgreSQL would plan an array of hundreds of constants one by one."""
        return {
            "first_item": self.first_item,
            "last_item": self.last_item,
            "risk_score": self.risk_score,
            "verdict": self.verdict,
            "action": self.action,
            "degraded": self.degraded,
            "examined": self.examined,
            "risks": f"{{{','.join(map(repr, self.risks))}}}",
            "actions": f"{{{','.join(self.actions)}}}",
            "engines": self.engines,
            "body": self.body,
        }


INSERT = (
    "INSERT INTO verdicts (analysis_id, tenant, application_id, first_item, last_item, risk_score,"
    " verdict, action, degraded, examined, risks, actions, engines, body)"
    " SELECT {owner}, CAST(:first_item AS int), CAST(:last_item AS int),"
    " CAST(:risk_score AS float), :verdict, :action, CAST(:degraded AS boolean),"
    " CAST(:examined AS boolean), CAST(:risks AS float[]), CAST(:actions AS text[]),"
    " CAST(:engines AS jsonb), CAST(:body AS json) {source} ON CONFLICT DO NOTHING"
)
"""Stores a row for the job that `source` selects, or for one whose columns `owner` lists."""


def insert(work: UnitOfWork, job: UUID, tenant: str, application: str, judged: Verdicts) -> None:
    """Store a row; one that is there already stays."""
    work.execute(
        INSERT.format(owner=":job, :tenant, :application", source=""),
        job=job,
        tenant=tenant,
        application=application,
        **judged.columns(),
    )


class _Shapes:
    """Judges each way that engines can end once, unless they found something."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.rows: list[dict[str, Any]] = []
        self._quiet: dict[tuple[Any, ...], int] = {}

    def of(self, results: Sequence[EngineResult]) -> int:
        """The number of the shape of these results."""
        key = tuple(
            [(one.engine, one.version, one.outcome, one.reason, one.score) for one in results]
        )
        place = self._quiet.get(key)
        if place is None:
            place = self._add(results)
            if all(one.outcome in QUIET for one in results):
                self._quiet[key] = place
        return place

    def _add(self, results: Sequence[EngineResult]) -> int:
        weighed = self.policy.weighed(results)
        judgement = fold(weighed, self.policy)
        self.rows.append(
            {
                "risk_score": judgement.risk_score,
                "verdict": str(judgement.verdict),
                "action": str(judgement.action),
                "degraded": judgement.degraded,
                "judgement": judgement_to_row(judgement),
                "engines": [_outcome(result) for result in weighed],
            }
        )
        return len(self.rows) - 1


def _outcome(result: EngineResult) -> dict[str, Any]:
    """How an engine ended; what it found is in the judgement."""
    row = result_to_row(result)
    row.pop("findings", None)
    row.pop("duration_ms")
    return row


def over(first: int, items: Sequence[Sequence[EngineResult]], by: Policy | Thresholds) -> Verdicts:
    """Judge neighbouring items, the first of which has index `first`."""
    shapes = _Shapes(as_policy(by))
    placed = [
        [shapes.of(results), *[round(result.duration_ms, 3) for result in results]]
        for results in items
    ]
    return of_body(first, {"shapes": shapes.rows, "items": placed})


def of_body(first: int, body: Mapping[str, Any]) -> Verdicts:
    """The row whose body this is, of items that were judged before."""
    shapes, items = body["shapes"], body["items"]
    counts = Counter(item[0] for item in items)
    worst = max((shapes[place] for place in counts), key=lambda shape: shape["risk_score"])
    triggered: Counter[str] = Counter()
    for place, times in counts.items():
        for engine in shapes[place]["judgement"]["engines_triggered"]:
            triggered[engine] += times
    return Verdicts(
        first_item=first,
        last_item=first + len(items) - 1,
        risk_score=worst["risk_score"],
        verdict=worst["verdict"],
        action=worst["action"],
        degraded=any(shapes[place]["degraded"] for place in counts),
        examined=any(shapes[place]["judgement"]["engines_run"] for place in counts),
        risks=[shapes[item[0]]["risk_score"] for item in items],
        actions=[shapes[item[0]]["action"] for item in items],
        engines=_text(_summary(shapes, counts, items)),
        body=_text(body),
        triggered=triggered,
    )


def _summary(
    shapes: Sequence[Mapping[str, Any]],
    counts: Mapping[int, int],
    items: Sequence[Sequence[float]],
) -> list[dict[str, Any]]:
    """Items and milliseconds of each engine by how it ended."""
    sums: dict[float, list[float]] = {}
    for place, *spent in items:
        have = sums.get(place)
        sums[place] = spent if have is None else list(map(operator.add, have, spent))
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for place, times in counts.items():
        spent = sums[place]
        for at, engine in enumerate(shapes[place]["engines"]):
            key = (engine["engine"], engine["version"], engine["outcome"])
            row = found.setdefault(key, {**engine, "items": 0, "duration_ms": 0.0})
            row["items"] += times
            row["duration_ms"] += spent[at] if spent else 0.0
    return [{**row, "duration_ms": round(row["duration_ms"], 3)} for row in found.values()]


def _text(value: object) -> str:
    return to_json(value).decode()


def items_of(first: int, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Each item of a row's body with its index, as the API shows it."""
    for index, (place, *times) in enumerate(body["items"], first):
        shape = body["shapes"][place]
        engines = [
            {**engine, "duration_ms": ms}
            for engine, ms in zip(shape["engines"], times, strict=False)
        ]
        yield {**shape, "item_index": index, "engines": engines or shape["engines"]}


def slice_of(body: Mapping[str, Any], start: int, stop: int) -> dict[str, Any]:
    """The body of the items at places `start` to `stop` (exclusive) of this one."""
    kept = body["items"][start:stop]
    used = sorted({item[0] for item in kept})
    return {
        "shapes": [body["shapes"][place] for place in used],
        "items": [[used.index(item[0]), *item[1:]] for item in kept],
    }


def failed_places(body: Mapping[str, Any]) -> list[int]:
    """Places of the items that a retry may mend: an engine failed, or none examined them."""
    return [
        place
        for place, (shape, *_) in enumerate(body["items"])
        if body["shapes"][shape]["degraded"]
    ]


def parse(body: str) -> dict[str, Any]:
    """A body column read as text."""
    found: dict[str, Any] = from_json(body)
    return found
