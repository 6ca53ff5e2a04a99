"""Folds the results of all engines on one input into one judgement. Pure.

Within a category the strongest finding counts, so that look-alike rules do not add up; categories
are independent evidence and combine as 1 - (1 - a)(1 - b)…, so that a finding never lowers the
risk and no number of clean engines raises it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence

from core.analysis import (
    Action,
    EngineResult,
    Finding,
    Judgement,
    Outcome,
    Thresholds,
    Verdict,
)

ANSWERED = frozenset({Outcome.CLEAN, Outcome.FLAGGED})
FAILED = frozenset({Outcome.FAILURE, Outcome.TIMEOUT})
DIGITS = 4
"""Decimals of a risk; the verdict is read from the rounded number that is reported."""

_ADVICE = {
    Action.ALLOW: "Let the input pass",
    Action.AUDIT: "Let the input pass and keep it for review",
    Action.WARN: "Warn the user or ask a person before going on",
    Action.BLOCK: "Do not pass the input on to the model or the user",
}
_UNEXAMINED = "No engine examined this input; do not take that for safety."
_CLOSED = "An engine that must answer did not; the input is held back until it can be examined."
_HELD = "No engine examined this input; it is held back until one can."
_PARTIAL = "; some engines gave no answer."


def judge(
    results: Sequence[EngineResult],
    thresholds: Thresholds,
    *,
    required: Collection[str] = (),
    fail_closed: bool = True,
) -> Judgement:
    """The judgement over every engine's result on one input; the order of results is no matter.

    Failed engines degrade it. It is blind when a required engine gave no answer, or no engine at
    all did, for whatever reason: then it is degraded and `fail_closed` blocks; else the verdict
    stands.
    """
    answered = _names(results, ANSWERED)
    failed = _names(results, FAILED)
    skipped = _names(results, {Outcome.SKIPPED})
    unsupported = _names(results, {Outcome.UNSUPPORTED})
    absent = set(required) - {result.engine for result in results}
    unanswered = (failed | skipped | absent) & set(required)
    blind = bool(unanswered) or not answered
    findings = tuple(sorted({one for result in results for one in result.findings}, key=_rank))
    risk = risk_of(findings)
    closed = blind and fail_closed
    if closed:
        risk = max(risk, thresholds.block)
    verdict, action = (Verdict.HIGH_RISK, Action.BLOCK) if closed else _level(risk, thresholds)
    degraded = bool(failed) or blind
    return Judgement(
        risk_score=risk,
        verdict=verdict,
        action=action,
        recommendation=_advice(action, degraded, closed, bool(answered or findings)),
        degraded=degraded,
        findings=findings,
        engines_run=tuple(sorted(answered)),
        engines_triggered=tuple(sorted({finding.engine for finding in findings})),
        engines_skipped=tuple(sorted(skipped | unsupported)),
        engines_failed=tuple(sorted(failed | absent)),
    )


def risk_of(findings: Iterable[Finding]) -> float:
    """The risk in [0, 1] that these findings amount to; 0 without any."""
    strongest: dict[str, float] = {}
    for finding in findings:
        score = round(min(max(finding.score, 0.0), 1.0), DIGITS)
        strongest[finding.category] = max(strongest.get(finding.category, 0.0), score)
    harmless = math.prod(1 - score for _, score in sorted(strongest.items()))
    return round(1 - harmless, DIGITS)


def _level(risk: float, thresholds: Thresholds) -> tuple[Verdict, Action]:
    if not risk:
        return Verdict.SAFE, Action.ALLOW
    if risk >= thresholds.block:
        return Verdict.HIGH_RISK, Action.BLOCK
    if risk >= thresholds.warn:
        return Verdict.MEDIUM_RISK, Action.WARN
    if risk >= thresholds.audit:
        return Verdict.LOW_RISK, Action.AUDIT
    return Verdict.SAFE, Action.ALLOW


def _advice(action: Action, degraded: bool, closed: bool, examined: bool) -> str:
    if not examined:
        return _HELD if closed else _UNEXAMINED
    if closed:
        return _CLOSED
    return _ADVICE[action] + (_PARTIAL if degraded else ".")


def _names(results: Iterable[EngineResult], outcomes: Collection[Outcome]) -> set[str]:
    return {result.engine for result in results if result.outcome in outcomes}


def _rank(finding: Finding) -> tuple[object, ...]:
    place = (finding.field, finding.spans, finding.message)
    return (-finding.score, finding.engine, finding.category, finding.label, *place)
