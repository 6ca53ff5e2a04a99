"""Nouns as JSON rows and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import from_json, to_json

from core.analysis import Content, EngineResult, Finding, Judgement, Outcome


def content_to_row(content: Content) -> dict[str, Any]:
    """The fields that were given."""
    row: dict[str, Any] = {"text": content.text}
    if content.response is not None:
        row["response"] = content.response
    if content.system_prompt is not None:
        row["system_prompt"] = content.system_prompt
    for name in ("documents", "history", "tools"):
        if given := getattr(content, name):
            row[name] = list(given)
    return row


def content_from_row(row: Mapping[str, Any]) -> Content:
    """The content that `content_to_row` wrote."""
    if len(row) == 1:
        return Content(text=row["text"])
    return Content(
        text=row["text"],
        response=row.get("response"),
        system_prompt=row.get("system_prompt"),
        documents=tuple(row.get("documents", ())),
        history=tuple(row.get("history", ())),
        tools=tuple(row.get("tools", ())),
    )


def contents_to_text(contents: Sequence[Content]) -> str:
    """A chunk's contents as the JSON of one row."""
    return to_json([content_to_row(content) for content in contents]).decode()


def contents_from_text(text: str) -> list[Content]:
    """The contents that `contents_to_text` wrote."""
    return [content_from_row(row) for row in from_json(text)]


def parts_to_text(items: Sequence[Sequence[EngineResult]]) -> str:
    """One class's results on neighbouring items, until every class has brought its own."""
    rows = [[{**result_to_row(one), "score": one.score} for one in item] for item in items]
    return to_json(rows).decode()


def parts_from_text(text: str) -> list[list[EngineResult]]:
    """The results that `parts_to_text` wrote."""
    return [[result_from_row(result) for result in item] for item in from_json(text)]


def finding_to_row(finding: Finding) -> dict[str, Any]:
    """A finding in the contract's shape."""
    return {
        "engine": finding.engine,
        "category": finding.category,
        "score": round(finding.score, 4),
        "label": finding.label,
        "field": finding.field,
        "spans": [list(span) for span in finding.spans],
        "message": finding.message,
    }


def finding_from_row(row: Mapping[str, Any]) -> Finding:
    """The finding that `finding_to_row` wrote."""
    spans = tuple((int(start), int(end)) for start, end in row["spans"])
    return Finding(**{**row, "spans": spans})


def result_to_row(result: EngineResult) -> dict[str, Any]:
    """One engine's outcome."""
    row: dict[str, Any] = {
        "engine": result.engine,
        "version": result.version,
        "outcome": str(result.outcome),
        "duration_ms": round(result.duration_ms, 3),
    }
    if result.findings:
        row["findings"] = [finding_to_row(finding) for finding in result.findings]
    if result.reason:
        row["reason"] = result.reason
    return row


def result_from_row(row: Mapping[str, Any]) -> EngineResult:
    """The result that `result_to_row` wrote."""
    return EngineResult(
        engine=row["engine"],
        version=row["version"],
        outcome=Outcome(row["outcome"]),
        findings=tuple(finding_from_row(finding) for finding in row.get("findings", ())),
        duration_ms=row["duration_ms"],
        reason=row.get("reason", ""),
        score=row.get("score", 0.0),
    )


def judgement_to_row(judgement: Judgement) -> dict[str, Any]:
    """What the fold says beyond risk, verdict and action."""
    return {
        "recommendation": judgement.recommendation,
        "findings": [finding_to_row(finding) for finding in judgement.findings],
        "engines_run": list(judgement.engines_run),
        "engines_triggered": list(judgement.engines_triggered),
        "engines_skipped": list(judgement.engines_skipped),
        "engines_failed": list(judgement.engines_failed),
    }
