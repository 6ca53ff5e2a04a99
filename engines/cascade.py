"""When the CPU engines have decided an input, so that the slow engines need not be asked. Pure.

An attack is decided when the risk reaches the policy's block threshold: nothing that another engine
finds could change the action. Harmlessness is decided when the risk is within MARGIN, nothing
failed, and for each field and each threat that the slow engine looks for some engine that can rule
this threat out has read the field and gives it a probability within MARGIN. That a table of
patterns is silent rules nothing out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.analysis import EngineResult
from engines.base import Engine
from engines.document import KINDS, Document
from engines.policy import Policy
from engines.verdict import ANSWERED, FAILED, risk_of

MARGIN = 0.05
"""Risk and probability up to which an input may be decided as harmless."""


class Decided(StrEnum):
    """How the CPU engines left an input."""

    HARMLESS = "harmless"
    ATTACK = "attack"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the CPU engines settled: an attack, or which threats are ruled out in which fields.

    `ruled_out` is by the kinds of fields that the input has, and None where doubt is left.
    """

    attack: bool = False
    ruled_out: Mapping[str, frozenset[str]] | None = None

    def spares(self, engine: Engine) -> bool:
        """Whether this engine need not be asked."""
        if self.attack or self.ruled_out is None:
            return self.attack
        threats = engine.looks_for or {engine.category}
        read = [gone for kind, gone in self.ruled_out.items() if kind in engine.inputs]
        return all(threats <= gone for gone in read)

    @property
    def how(self) -> Decided:
        """As what the input stands where every engine is spared."""
        return Decided.ATTACK if self.attack else Decided.HARMLESS


def decide(
    document: Document,
    results: Sequence[EngineResult],
    policy: Policy,
    known: Mapping[str, Engine],
) -> Decision:
    """What these results of the CPU engines settle under a policy; `known` are the engines."""
    weighed = policy.weighed(results)
    risk = risk_of(finding for result in weighed for finding in result.findings)
    if risk >= policy.limits.block:
        return Decision(attack=True)
    answered = {result.engine for result in results if result.outcome in ANSWERED}
    unanswered = {result.engine for result in results} - answered
    failed = any(result.outcome in FAILED for result in results)
    if risk > MARGIN or failed or not answered or unanswered & policy.required:
        return Decision()
    trusted = [
        known[result.engine]
        for result in results
        if result.engine in answered and result.engine in known and result.score <= MARGIN
    ]
    kinds = [kind for kind in KINDS if document.fields((kind,))]
    return Decision(ruled_out={kind: _ruled_out(kind, trusted) for kind in kinds})


def _ruled_out(kind: str, trusted: Sequence[Engine]) -> frozenset[str]:
    reading = (engine.rules_out for engine in trusted if kind in engine.inputs)
    return frozenset().union(*reading)
