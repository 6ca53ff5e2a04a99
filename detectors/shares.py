"""Shares of events: how far one may lie from another by chance alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

PRIOR = 30
"""Windows that the binomial spread of a share counts for beside the spread that was seen."""


class Counted(Protocol):
    """A window's share and the number of events that it is a share of."""

    @property
    def value(self) -> float: ...
    @property
    def count(self) -> int: ...


def surprise(usual: Sequence[Counted], current: Counted) -> float:
    """How unlikely it is that one share gave both the baseline and this window, in deviations.

    Signed root of the likelihood ratio of two binomial samples, with half an event taken off the
    difference, so that one failure of one request says little.
    """
    total, hits = _hits(usual)
    expected = hits / total
    share = min(1.0, max(0.0, current.value))
    half = 0.5 / max(1, current.count)
    share = max(expected, share - half) if share > expected else min(expected, share + half)
    both = (hits + current.count * share) / (total + current.count)
    deviance = total * _divergence(expected, both) + current.count * _divergence(share, both)
    return math.sqrt(2 * max(0.0, deviance))


def _divergence(share: float, model: float) -> float:
    sides = ((share, model), (1 - share, 1 - model))
    return sum(seen * math.log(seen / expected) for seen, expected in sides if seen > 0)


def _hits(usual: Sequence[Counted]) -> tuple[float, float]:
    """Events of the baseline and hits among them, one of each kind added: nothing is impossible."""
    total = sum(each.count for each in usual)
    hits = math.fsum(each.count * min(1.0, max(0.0, each.value)) for each in usual)
    return total + 2, hits + 1


def spread_of(spread: float, usual: Sequence[Counted], count: int) -> float:
    """The spread of a share: what chance alone gives `count` events, and what was seen beside."""
    total, hits = _hits(usual)
    share = hits / total
    chance = share * (1 - share) * (1 / max(1, count) + 1 / total)
    seen = len(usual) - 1
    return math.sqrt((PRIOR * chance + seen * spread * spread) / (PRIOR + seen))
