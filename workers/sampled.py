"""What became of events whose text was sent on to analysis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from core.database import query
from workers import verdicts

Name = tuple[str, str]
"""Application and event id."""
UNSAMPLED: Mapping[str, Any] = {"analysis_id": None, "verdict": None, "risk_score": None}


def outcomes(tenant: str, events: Iterable[Name]) -> dict[Name, dict[str, Any]]:
    """`analysis_id`, `verdict` and `risk_score` of those events that were submitted.

    Verdict and risk are None while the analysis is open, and where it ended without one.
    """
    named = list(events)
    links = query(
        "SELECT t.application_id, t.event_id, t.analysis_id, t.item_index"
        " FROM telemetry_analyses t JOIN unnest(CAST(:applications AS text[]),"
        "  CAST(:events AS text[])) AS e (application, id)"
        " ON e.application = t.application_id AND e.id = t.event_id"
        " WHERE t.tenant = :tenant AND t.analysis_id IS NOT NULL",
        tenant=tenant,
        applications=[application for application, _ in named],
        events=[event for _, event in named],
    )
    judged = _judged({link["analysis_id"] for link in links}) if links else {}
    return {
        (link["application_id"], link["event_id"]): {
            "analysis_id": str(link["analysis_id"]),
            "verdict": None,
            "risk_score": None,
            **judged.get((link["analysis_id"], link["item_index"]), {}),
        }
        for link in links
    }


def _judged(jobs: Iterable[UUID]) -> dict[tuple[UUID, int], dict[str, Any]]:
    rows = query(
        "SELECT analysis_id, first_item, CAST(body AS text) AS body FROM verdicts"
        " WHERE analysis_id = ANY(CAST(:jobs AS uuid[]))",
        jobs=list(jobs),
    )
    found = {}
    for row in rows:
        for item in verdicts.items_of(row["first_item"], verdicts.parse(row["body"])):
            place = (row["analysis_id"], item["item_index"])
            found[place] = {"verdict": item["verdict"], "risk_score": item["risk_score"]}
    return found
