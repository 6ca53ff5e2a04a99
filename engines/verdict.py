"""Folds the results of all engines on one input into one judgement. Pure.

Categories of look-alike evidence are a family, in which the strongest finding counts: ten rules
that see one attack are one sight of it. Families are evidence of different kinds; those that by
themselves would be worth a look combine as 1 - (1 - a)(1 - b)…. Weaker ones do not: three doubts
about three things make no certainty, and ordinary text has many doubts. Nor do categories that
inform rather than accuse, such as a refusal or a language. What does not combine still counts as
the maximum does, so that a finding never lowers the risk and no number of clean engines raises it.
An engine that finds nothing may still give a probability: it orders inputs that pass, no more.
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
from engines.policy import EngineRule, Policy

ANSWERED = frozenset({Outcome.CLEAN, Outcome.FLAGGED})
FAILED = frozenset({Outcome.FAILURE, Outcome.TIMEOUT})
DIGITS = 4
"""Decimals of a risk; the verdict is read from the rounded number that is reported."""
FAMILIES = {
    "attack": (
        "prompt_injection",
        "prompt_extraction",
        "jailbreak",
        "obfuscation",
        "indirect_injection",
        "escalation",
        "tool_abuse",
        "exfiltration",
        "statistical_oddity",
    ),
    "harm": ("toxicity", "harmful_request"),
    "data": ("secrets", "personal_data", "prompt_leak"),
}
"""A category that stands in none is a family of its own."""
INFORMATIVE = frozenset({"refusal", "language_policy", "topic_policy", "denial_of_wallet"})
"""Categories whose findings never add to others."""
COMBINES_FROM = 0.3
"""The weakest finding that combines. A constant and no threshold of a policy, so that the risk does
not change when thresholds are fitted to it."""
_FAMILY = {category: family for family, members in FAMILIES.items() for category in members}

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
    by: Policy | Thresholds,
    *,
    required: Collection[str] = (),
    fail_closed: bool = True,
) -> Judgement:
    """The judgement over every engine's result on one input; the order of results is no matter.

    By a policy, or by thresholds with a policy that says nothing else; `required` and `fail_closed`
    go with the latter. The allow list is not applied here, since it needs the input's text.
    """
    if isinstance(by, Policy):
        return fold(by.weighed(results), by)
    rules = {name: EngineRule(required=True) for name in required}
    policy = Policy(thresholds=by, engines=rules, fail_closed=fail_closed)
    return fold(policy.weighed(results), policy)


def fold(results: Sequence[EngineResult], policy: Policy) -> Judgement:
    """The judgement over results that the policy has weighed.

    Failed engines degrade it. It is blind when a required engine gave no answer, or no engine at
    all did, for whatever reason: then it is degraded and, where the policy fails closed, blocked;
    else the verdict stands.
    """
    thresholds, required = policy.limits, policy.required
    answered = _names(results, ANSWERED)
    failed = _names(results, FAILED)
    skipped = _names(results, {Outcome.SKIPPED})
    unsupported = _names(results, {Outcome.UNSUPPORTED})
    absent = required - {result.engine for result in results}
    unanswered = (failed | skipped | absent) & required
    blind = bool(unanswered) or not answered
    findings = tuple(sorted({one for result in results for one in result.findings}, key=_rank))
    risk = max(risk_of(findings), _doubt(results, policy))
    closed = blind and policy.fail_closed
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
        family = _FAMILY.get(finding.category, finding.category)
        strongest[family] = max(strongest.get(family, 0.0), score)
    harmless = math.prod(
        1 - score
        for family, score in sorted(strongest.items())
        if score >= COMBINES_FROM and family not in INFORMATIVE
    )
    return max(round(1 - harmless, DIGITS), *strongest.values(), 0.0)


def _doubt(results: Iterable[EngineResult], policy: Policy) -> float:
    """The highest probability that an engine gives without a finding. It orders what is let pass
    and never reaches the bound from which one acts."""
    doubts = [
        result.score * policy.rule(result.engine).weight
        for result in results
        if result.outcome in ANSWERED
    ]
    ceiling = max(policy.limits.audit - 0.0001, 0.0)
    return round(min(max(doubts, default=0.0), ceiling), DIGITS)


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
