"""A range of verdicts as one row, and taken apart again."""

from __future__ import annotations

import json
from typing import Any

from core.analysis import EngineResult, Finding, Outcome, Thresholds
from engines.verdict import judge
from workers import verdicts
from workers.wire import judgement_to_row

FOUND = Finding("b", "secrets", 0.9, "key", "text", ((0, 4),), "a key")
CLEAN = [
    EngineResult("a", "1", Outcome.CLEAN, duration_ms=0.5),
    EngineResult("b", "2", Outcome.CLEAN, duration_ms=0.25),
]
FLAGGED = [CLEAN[0], EngineResult("b", "2", Outcome.FLAGGED, (FOUND,), 1.0)]
FAILED = [CLEAN[0], EngineResult("b", "2", Outcome.FAILURE, reason="it broke", duration_ms=2.0)]
ITEMS = [CLEAN, FLAGGED, CLEAN, FAILED, CLEAN]


def rows(judged: verdicts.Verdicts) -> list[dict[str, Any]]:
    return list(verdicts.items_of(judged.first_item, verdicts.parse(judged.body)))


def test_each_item_is_what_the_engines_said_of_it() -> None:
    judged = rows(verdicts.over(7, ITEMS, Thresholds()))
    expected = [judgement_to_row(judge(item, Thresholds())) for item in ITEMS]
    assert [row["item_index"] for row in judged] == [7, 8, 9, 10, 11]
    assert json.dumps([row["judgement"] for row in judged]) == json.dumps(expected)
    assert judged[3]["engines"][1] == {
        "engine": "b",
        "version": "2",
        "outcome": "failure",
        "reason": "it broke",
        "duration_ms": 2.0,
    }


def test_the_worst_item_speaks_for_the_range() -> None:
    judged = verdicts.over(0, ITEMS, Thresholds())
    assert (judged.risk_score, judged.action, judged.degraded) == (0.9, "block", True)
    assert judged.risks == [0.0, 0.9, 0.0, 0.0, 0.0]
    assert judged.triggered == {"b": 1}


def test_the_summary_counts_items_and_time_by_outcome() -> None:
    summary = json.loads(verdicts.over(0, ITEMS, Thresholds()).engines)
    found = {(row["engine"], row["outcome"]): (row["items"], row["duration_ms"]) for row in summary}
    assert found == {
        ("a", "clean"): (5, 2.5),
        ("b", "clean"): (3, 0.75),
        ("b", "flagged"): (1, 1.0),
        ("b", "failure"): (1, 2.0),
    }


def test_items_that_ended_alike_share_a_shape() -> None:
    body = verdicts.parse(verdicts.over(0, [CLEAN] * 1000, Thresholds()).body)
    assert (len(body["shapes"]), len(body["items"])) == (1, 1000)


def test_a_part_of_a_row_is_a_row() -> None:
    whole = verdicts.over(0, ITEMS, Thresholds())
    body = verdicts.parse(whole.body)
    assert verdicts.failed_places(body) == [3]
    part = verdicts.of_body(1, verdicts.slice_of(body, 1, 3))
    assert (part.first_item, part.last_item, part.degraded) == (1, 2, False)
    assert rows(part) == rows(whole)[1:3]
