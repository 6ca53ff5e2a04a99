"""What an engine is, and three rungs for whoever writes one.

1. `PatternEngine`: data only, a table of `rules`.
2. `TextEngine`: one method, `scan(view)`, called with every reading of every field.
3. `Engine`: full control, `examine(document)`, or `examine_many(documents)` with a `batch_size`.

An engine is one file in this folder; file, `name` and class name are the same word. It holds no
state of a request: one instance serves the whole process.
"""

from __future__ import annotations

import itertools
import re
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from core.analysis import EngineClass, EngineResult, Finding, Mode, Outcome
from engines.document import Document
from engines.needles import CASED, LOWERED
from engines.normaliser import View
from engines.outline import Outline

MAX_SPANS = 100
"""Spans that one finding carries; a text that repeats one attack needs no more to be judged."""


class Engine(ABC):
    """Rung three. Everything that operations need to know is a class attribute."""

    name: ClassVar[str]
    version: str
    category: ClassVar[str]
    inputs: ClassVar[tuple[str, ...]]
    requires: ClassVar[tuple[str, ...]] = ()
    looks_for: ClassVar[frozenset[str]] = frozenset()
    """The categories that it may find; empty where that is `category` alone."""
    rules_out: ClassVar[frozenset[str]] = frozenset()
    """The categories of which each result's `score` is the probability, so that a low one rules
    them out."""
    engine_class: ClassVar[EngineClass] = EngineClass.CPU
    modes: ClassVar[frozenset[Mode]] = frozenset(Mode)
    timeout: ClassVar[float] = 5.0
    batch_size: ClassVar[int] = 1
    seconds: ClassVar[tuple[float, float]] = (1e-5, 5e-8)
    """About what a short input takes, and each further character; batches are cut by it."""
    abstract: ClassVar[bool] = True

    def __init__(self) -> None:
        self._loading = threading.Lock()
        self._loaded = False

    @property
    def manual(self) -> str:
        """The docstring of the engine's file: what it finds, why it matters, examples, source."""
        return sys.modules[type(self).__module__].__doc__ or ""

    @property
    def summary(self) -> str:
        """The first line of the manual."""
        return self.manual.strip().partition("\n")[0]

    def load(self) -> None:  # noqa: B027  # most engines have nothing to load
        """Do the slow things that need doing once: heavy imports, weights, compiled patterns."""

    def prepare(self) -> None:
        """Load, unless this instance already has."""
        if self._loaded:
            return
        with self._loading:
            if not self._loaded:
                self.load()
                self._loaded = True

    @abstractmethod
    def examine(self, document: Document) -> EngineResult:
        """Judge one document that has at least one of `inputs`."""

    def examine_many(self, documents: Sequence[Document]) -> list[EngineResult]:
        """Judge several at once, in their order; worth overriding with a `batch_size` above 1."""
        return [self.examine(document) for document in documents]

    def analyze(self, document: Document) -> EngineResult:
        """The result on one document; `unsupported` where it has none of `inputs`."""
        return self.analyze_many([document])[0]

    def analyze_many(self, documents: Sequence[Document]) -> list[EngineResult]:
        """The results on several documents, in their order.

        A document lacks an input when it has none of `inputs`, or not every kind of `requires`.
        """
        self.prepare()
        readable = [self._can_read(document) for document in documents]
        if documents and all(readable):
            return self.examine_many(documents)
        asked = list(itertools.compress(documents, readable))
        answers = iter(self.examine_many(asked) if asked else ())
        nothing = self.without(Outcome.UNSUPPORTED, "an input that it needs is absent")
        return [next(answers) if able else nothing for able in readable]

    def _can_read(self, document: Document) -> bool:
        """Whether it has one of `inputs`, and each kind of `requires`."""
        return document.has(self.inputs) and all(document.has((kind,)) for kind in self.requires)

    def found(self, findings: Iterable[Finding]) -> EngineResult:
        """A result with these findings, look-alikes merged; `clean` when there are none."""
        merged = _merge(findings)
        outcome = Outcome.FLAGGED if merged else Outcome.CLEAN
        return EngineResult(self.name, self.version, outcome, merged)

    def without(self, outcome: Outcome, reason: str) -> EngineResult:
        """A result that says why there is no answer."""
        return EngineResult(self.name, self.version, outcome, reason=reason)


class TextEngine(Engine):
    """Rung two: `scan` one reading of one field."""

    abstract = True
    reads: ClassVar[Literal["original", "every"]] = "every"

    @abstractmethod
    def scan(self, view: View) -> Iterable[Finding]:
        """What is found in this view; build findings with `self.finding(view, …)`."""

    def examine(self, document: Document) -> EngineResult:
        found: list[Finding] = []
        for field in document.fields(self.inputs):
            if self.reads == "original":
                found += self.scan(document.original(field))
                continue
            for view in document.unfold(field).views:
                found += self.scan(view)
        return self.found(found)

    def finding(
        self, view: View, start: int, end: int, *, label: str, score: float, message: str
    ) -> Finding:
        """A finding at `[start, end)` of the view, pointing into the original text."""
        if view.layers:
            message = f"{message} (inside {' in '.join(reversed(view.layers))})"
        spans = (view.span(start, end),)
        return Finding(self.name, self.category, score, label, view.field, spans, message)


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of a pattern table.

    `needs` are substrings of which at least one must occur before the regex is tried: those of
    all engines are looked for in one pass. `check` looks closer at a match, for checksums. An
    `outline` must occur too; as it sees the text as it is, a rule that is not cased may ask for
    digits and signs only. `begins` is a regex of how every match begins: rules that have it in
    common look for it once.
    Unless the engine is `cased`, both see the text in lower case.
    """

    label: str
    regex: str
    score: float
    message: str
    needs: tuple[str, ...] = ()
    check: Callable[[re.Match[str]], bool] | None = None
    outline: Outline | None = None
    begins: str = ""


class PatternEngine(TextEngine):
    """Rung one: a table of rules."""

    abstract = True
    rules: ClassVar[tuple[Rule, ...]]
    cased: ClassVar[bool] = False

    def load(self) -> None:
        self._compiled = tuple(
            (rule, frozenset(rule.needs), re.compile(rule.regex)) for rule in self.rules
        )
        self._always = any(not rule.needs for rule in self.rules)
        self._needles = frozenset(need for rule in self.rules for need in rule.needs)
        (CASED if self.cased else LOWERED).add(self._needles)

    def scan(self, view: View) -> Iterable[Finding]:
        there = view.needles(self.cased)
        if not self._always and there.isdisjoint(self._needles):
            return
        text = view.text if self.cased else view.lower
        begun: dict[str, list[int]] = {}
        for rule, needs, pattern in self._compiled:
            if needs and there.isdisjoint(needs):
                continue
            if rule.outline is not None and not rule.outline.occurs(view.signs):
                continue
            if rule.begins:
                if rule.begins not in begun:
                    begun[rule.begins] = _starts(rule.begins, text)
                found = _from(begun[rule.begins], pattern, text)
            else:
                found = pattern.finditer(text)
            matches = (m for m in found if rule.check is None or rule.check(m))
            for match in itertools.islice(matches, MAX_SPANS):
                yield self.finding(
                    view, *match.span(), label=rule.label, score=rule.score, message=rule.message
                )


def _starts(begins: str, text: str) -> list[int]:
    """Every place where it matches, one inside the other too."""
    pattern, places = re.compile(begins), list[int]()
    match = pattern.search(text)
    while match:
        places.append(match.start())
        match = pattern.search(text, match.start() + 1)
    return places


def _from(places: Iterable[int], pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """What `finditer` finds, where a match begins at one of these places."""
    end = 0
    for place in places:
        if place >= end and (match := pattern.match(text, place)):
            yield match
            end = match.end()


def _merge(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """One finding for each field and label: the highest score, every span."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.field, finding.label), []).append(finding)
    if not groups:
        return ()
    merged = []
    for group in groups.values():
        top = max(group, key=lambda finding: finding.score)
        spans = sorted({span for finding in group for span in finding.spans})[:MAX_SPANS]
        merged.append(
            Finding(
                top.engine, top.category, top.score, top.label, top.field, tuple(spans), top.message
            )
        )
    return tuple(sorted(merged, key=lambda finding: (-finding.score, finding.field, finding.label)))
