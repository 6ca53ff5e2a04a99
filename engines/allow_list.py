"""What a policy lets pass although an engine found it: passages named by text, pattern or digest.

An entry speaks of a *passage*: one span of a finding as it stands in the original text, or the
whole field. An `exact` text also covers every span inside one of its occurrences. A finding goes
when each of its spans is covered; what surrounds it is judged as before, so that an entry never
opens the door for more than it names.

Patterns must match the whole passage, and are refused when a passage could be matched in more ways
than WAYS: backtracking then cannot take long, whatever the text.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.analysis import Content, EngineResult, Finding, Outcome, Span
from core.errors import ConfigError
from engines.base import MAX_SPANS
from engines.document import KINDS, Document

PASSAGE = 1000
"""Characters of the longest passage that a pattern is tried on."""
WAYS = 2_000_000
"""Two unbounded repeats in a row stay below it, three do not."""

_parser: Any = importlib.import_module("re._parser")


@dataclass(frozen=True, slots=True)
class Allowed:
    """One entry. Exactly one of `exact`, `regex` and `sha256` is set; empty lists mean any."""

    reason: str
    exact: str = ""
    regex: str = ""
    sha256: str = ""
    fields: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    def concerns(self, finding: Finding) -> bool:
        """Whether it speaks of this finding's engine, category and field."""
        return (
            (not self.engines or finding.engine in self.engines)
            and (not self.categories or finding.category in self.categories)
            and (not self.fields or finding.field.partition("[")[0] in self.fields)
        )

    def covers(self, text: str, span: Span) -> bool:
        """Whether the passage `[start, end)` of this field is the one that the entry names."""
        if self.exact:
            return text.strip() == self.exact or self._inside(text, span)
        return self._names(text[slice(*span)]) or self._names(text.strip())

    def _names(self, passage: str) -> bool:
        if self.regex:
            return len(passage) <= PASSAGE and bool(_compiled(self.regex).fullmatch(passage))
        return hashlib.sha256(passage.encode("utf-8", "surrogatepass")).hexdigest() == self.sha256

    def _inside(self, text: str, span: Span) -> bool:
        first = max(span[1] - len(self.exact), 0)
        return first <= span[0] and self.exact in text[first : span[0] + len(self.exact)]


def demand_tame(where: str, regex: str) -> None:
    """Refuse a pattern that is broken or may take long. Raises ConfigError naming the place."""
    try:
        _compiled(regex)
        tree = _parser.parse(regex)
    except (re.error, RecursionError, OverflowError) as problem:
        raise ConfigError(f"{where}: not a regular expression: {problem}") from None
    if _ways(tree) > WAYS:
        raise ConfigError(
            f"{where}: a text could be matched in too many ways; bound the repeats, as in"
            " [a-z]{1,20}, or split the pattern into several entries"
        )


@functools.lru_cache(maxsize=2048)
def _compiled(regex: str) -> re.Pattern[str]:
    return re.compile(regex)


def _ways(sequence: Any) -> float:
    """In how many ways backtracking may try a passage, at most; from WAYS on it is not exact."""
    ways = 1.0
    for kind, about in sequence:
        ways *= _of_one(str(kind), about)
        if ways > WAYS:
            break
    return ways


def _of_one(kind: str, about: Any) -> float:
    if kind == "BRANCH":
        return sum(_ways(branch) for branch in about[1])
    if kind == "SUBPATTERN":
        return _ways(about[-1])
    if kind == "ATOMIC_GROUP":
        return _ways(about)
    if kind in ("ASSERT", "ASSERT_NOT"):
        return _ways(about[1])
    if kind.endswith("_REPEAT"):
        return _of_repeat(*about)
    return float(WAYS + 1) if kind.startswith("GROUPREF") else 1.0


def _of_repeat(low: int, high: int, body: Any) -> float:
    shortest = max(int(body.getwidth()[0]), 1)
    inner = _ways(body)
    most = min(int(high), max(PASSAGE // shortest, int(low)))
    if inner == 1:
        return float(most - low + 1)
    ways = 0.0
    for count in range(low, most + 1):
        ways += WAYS + 1 if count > 21 else inner**count
        if ways > WAYS:
            break
    return ways


def screened(
    allow: Sequence[Allowed],
    contents: Sequence[Content],
    results: Sequence[Sequence[EngineResult]],
) -> list[list[EngineResult]]:
    """The results on these contents without the findings that the entries let pass."""
    screens = (_Screen(allow, content) for content in contents)
    return [
        [screen.over(result) if allow and result.findings else result for result in item]
        for screen, item in zip(screens, results, strict=True)
    ]


class _Screen:
    """The entries over one content."""

    def __init__(self, allow: Sequence[Allowed], content: Content) -> None:
        self._allow = allow
        self._content = content

    @functools.cached_property
    def _texts(self) -> dict[str, str]:
        return Document(self._content).fields(KINDS)

    def over(self, result: EngineResult) -> EngineResult:
        """The result with what remains; `clean`, and why, where a flag has lost every finding."""
        reasons: dict[str, None] = {}
        kept = tuple(self._kept(result.findings, reasons))
        if not reasons:
            return result
        if kept or result.outcome is not Outcome.FLAGGED:
            return replace(result, findings=kept)
        reason = f"allowed by the policy: {'; '.join(reasons)}"
        return replace(result, findings=kept, outcome=Outcome.CLEAN, reason=reason)

    def _kept(self, findings: Sequence[Finding], reasons: dict[str, None]) -> Iterator[Finding]:
        """A finding that carries as many spans as it may has perhaps lost some: it stays."""
        for finding in findings:
            if len(finding.spans) >= MAX_SPANS:
                yield finding
                continue
            text = self._texts.get(finding.field, "")
            spans = finding.spans or ((0, len(text)),)
            allowed = {span: self._reason(finding, text, span) for span in spans}
            left = tuple(span for span in spans if allowed[span] is None)
            reasons.update({reason: None for reason in allowed.values() if reason is not None})
            if left:
                yield finding if len(left) == len(spans) else replace(finding, spans=left)

    def _reason(self, finding: Finding, text: str, span: Span) -> str | None:
        for entry in self._allow:
            if entry.concerns(finding) and entry.covers(text, span):
                return entry.reason
        return None
