"""Thresholds that keep a budget of false positives on somebody's own harmless traffic. Pure.

A threshold is fitted to a sample, so what it will flag of the traffic to come is known within an
interval only. `interval` is Clopper and Pearson's, which holds for every sample size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from core.analysis import Thresholds
from core.errors import BadInput
from engines.verdict import DIGITS

STEP = 10.0**-DIGITS
LOWEST = 0.3
"""Below this risk a text is not even worth a look, however seldom it occurs."""
BLOCK_PART = 5
"""One in so many of the flagged harmless texts may be blocked."""
AUDIT_PART = 0.6
"""The audit threshold as a part of the warn threshold, where the old one does not lie below it."""
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Share:
    """How many of the harmless texts reach a threshold, and what share of all traffic may do so."""

    threshold: float
    flagged: int
    total: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """The measured share."""
        return self.flagged / self.total


@dataclass(frozen=True, slots=True)
class Fitted:
    """The thresholds, and whether the sample is large enough for what they promise.

    `held` is true where `warn` could have been lower than `lowest`.
    """

    thresholds: Thresholds
    enough: bool
    enough_for_block: bool
    held: bool


def needed(rate: float) -> int:
    """Harmless texts of which none may be flagged before one can say that fewer than `rate` are."""
    return math.ceil(3 / rate - 1e-9)


def fit(risks: Sequence[float], rate: float, before: Thresholds, lowest: float = LOWEST) -> Fitted:
    """The smallest thresholds at which at most `rate` of these harmless texts are flagged.

    `block` is fitted to a fifth of the budget where there are texts enough for that; else it stays,
    or rises with `warn`. Raises BadInput when no threshold keeps the budget.
    """
    if not risks or not 0 < rate < 1:
        raise BadInput("a budget needs texts, and a share between 0 and 1")
    free = smallest(risks, rate)
    if free > 1:
        certain = sum(risk >= 1 for risk in risks)
        raise BadInput(
            f"{certain} of {len(risks)} texts have risk 1, so that no threshold keeps the budget of"
            f" {rate:.3%}; put what they have in common on the policy's allow list"
        )
    warn = max(free, lowest)
    enough_for_block = len(risks) >= needed(rate / BLOCK_PART)
    block = max(before.block, warn)
    if enough_for_block:
        block = max(min(smallest(risks, rate / BLOCK_PART), 1.0), warn)
    audit = before.audit if before.audit < warn else round(warn * AUDIT_PART, DIGITS)
    return Fitted(
        replace(before, audit=audit, warn=warn, block=block),
        enough=len(risks) >= needed(rate),
        enough_for_block=enough_for_block,
        held=free < lowest,
    )


def smallest(risks: Sequence[float], rate: float) -> float:
    """The smallest threshold that at most `rate` of the risks reach; above 1 when none does."""
    allowed = math.floor(rate * len(risks) + 1e-9)
    first_spared = sorted(risks, reverse=True)[allowed]
    return round(first_spared + STEP, DIGITS)


def reaching(risks: Sequence[float], threshold: float) -> Share:
    """How many of these texts reach a threshold."""
    flagged = sum(0 < risk >= threshold for risk in risks)
    return Share(threshold, flagged, len(risks), *interval(flagged, len(risks)))


def interval(hits: int, total: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Bounds of the share of which `hits` of `total` is a sample."""
    beyond = (1 - confidence) / 2

    def at_most(share: float, count: int) -> float:
        return math.fsum(_binomial(k, total, share) for k in range(count + 1))

    low = 0.0 if hits == 0 else _root(lambda share: 1 - at_most(share, hits - 1) - beyond)
    high = 1.0 if hits == total else _root(lambda share: beyond - at_most(share, hits))
    return low, high


def _binomial(hits: int, total: int, share: float) -> float:
    ways = math.lgamma(total + 1) - math.lgamma(hits + 1) - math.lgamma(total - hits + 1)
    return math.exp(ways + hits * math.log(share) + (total - hits) * math.log1p(-share))


def _root(rising: Callable[[float], float]) -> float:
    """Where a rising function of a share passes zero."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return (low + high) / 2
