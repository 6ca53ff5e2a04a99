"""The nouns of the guard half: what goes into an analysis and what comes out of it.

All are frozen; they cross every layer boundary. Spans are `(start, end)` code-point offsets into
the *original* text of the field that they name, end exclusive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Span = tuple[int, int]


class EngineClass(StrEnum):
    """Which worker class runs an engine; also the name of its queue."""

    CPU = "cpu"
    GPU = "gpu"


class Mode(StrEnum):
    """How long an analysis may think: 10, 50 or 200 ms of engine time."""

    FAST = "fast"
    BALANCED = "balanced"
    THOROUGH = "thorough"


class Outcome(StrEnum):
    """How one engine ended on one input."""

    CLEAN = "clean"
    FLAGGED = "flagged"
    TIMEOUT = "timeout"
    FAILURE = "failure"
    UNSUPPORTED = "unsupported"
    SKIPPED = "skipped"


class Verdict(StrEnum):
    """The risk, named."""

    SAFE = "SAFE"
    LOW_RISK = "LOW_RISK"
    MEDIUM_RISK = "MEDIUM_RISK"
    HIGH_RISK = "HIGH_RISK"


class Action(StrEnum):
    """What the caller should do."""

    ALLOW = "allow"
    AUDIT = "audit"
    WARN = "warn"
    BLOCK = "block"


class JobState(StrEnum):
    """The life of a job; the last five are terminal and each job reaches exactly one of them."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    COMPLETED_WITH_ERRORS = "completed_with_errors"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


TERMINAL_STATES = frozenset(
    {
        JobState.COMPLETED,
        JobState.COMPLETED_WITH_ERRORS,
        JobState.FAILED,
        JobState.CANCELLED,
        JobState.EXPIRED,
    }
)


@dataclass(frozen=True, slots=True)
class Content:
    """One input of an analysis. Fields that were not given are empty or None.

    `text` is the prompt; `history` items are `{"role", "content"}`; `tools` are the caller's tool
    declarations, kept as given.
    """

    text: str = ""
    response: str | None = None
    system_prompt: str | None = None
    documents: tuple[str, ...] = ()
    history: tuple[Mapping[str, str], ...] = ()
    tools: tuple[Mapping[str, Any], ...] = ()

    def fields(self) -> dict[str, str]:
        """Every non-empty text by its field name: `text`, `response`, `documents[0]`, …"""
        found = {"text": self.text} if self.text else {}
        if self.response:
            found["response"] = self.response
        for place, document in enumerate(self.documents):
            if document:
                found[f"documents[{place}]"] = document
        for place, turn in enumerate(self.history):
            if turn.get("content"):
                found[f"history[{place}]"] = turn["content"]
        return found


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing an engine found. `score` is in [0, 1]; `spans` point into `field`."""

    engine: str
    category: str
    score: float
    label: str
    field: str
    spans: tuple[Span, ...]
    message: str


@dataclass(frozen=True, slots=True)
class EngineResult:
    """How one engine ended on one input: outcome, its findings, and what it cost.

    `score` is an engine's probability in [0, 1] also where it found nothing; 0 when it has none.
    """

    engine: str
    version: str
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    duration_ms: float = 0.0
    reason: str = ""
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Risk bounds: below `audit` SAFE, below `warn` LOW_RISK, below `block` MEDIUM_RISK."""

    audit: float = 0.3
    warn: float = 0.5
    block: float = 0.7


@dataclass(frozen=True, slots=True)
class Judgement:
    """The folded verdict over every engine's result on one input."""

    risk_score: float
    verdict: Verdict
    action: Action
    recommendation: str
    degraded: bool
    findings: tuple[Finding, ...]
    engines_run: tuple[str, ...]
    engines_triggered: tuple[str, ...]
    engines_skipped: tuple[str, ...]
    engines_failed: tuple[str, ...] = field(default=())

    @property
    def is_safe(self) -> bool:
        """True when the action lets the input pass without a warning."""
        return self.action in (Action.ALLOW, Action.AUDIT)
