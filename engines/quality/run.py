"""Runs the whole verdict path over labelled texts, in this process and on one core."""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from core.analysis import Content, EngineClass, EngineResult, Judgement, Mode, Outcome
from core.errors import BadInput
from engines import choice
from engines.base import Engine
from engines.policy import Policy
from engines.quality.cases import Case
from engines.quality.figures import Scored
from engines.runner import run
from engines.verdict import ANSWERED, fold

CHUNK = 128
"""Texts that travel together, so that engines with a `batch_size` can batch."""
SHOWN = 400
"""Characters that are kept of a text that was judged wrongly."""


@dataclass(slots=True)
class Tally:
    """What one engine said on a set: texts that it answered and would flag alone, by label."""

    flagged: Counter[int] = field(default_factory=Counter)
    answered: Counter[int] = field(default_factory=Counter)
    silent: Counter[tuple[Outcome, str]] = field(default_factory=Counter)


@dataclass(slots=True)
class Measured:
    """One set: a verdict for each line, what each engine said, and how long it took."""

    name: str
    lines: list[Scored] = field(default_factory=list)
    seconds: float = 0.0
    engines: dict[str, Tally] = field(default_factory=dict)
    unexamined: int = 0


def choose(
    policy: Policy,
    mode: Mode,
    names: Collection[str] = (),
    *,
    gpu: bool = False,
    enabled: Collection[str] = (),
    disabled: Collection[str] = (),
) -> tuple[Engine, ...]:
    """The engines named, or those of mode and policy; of the GPU class only named or wanted ones.

    Raises BadInput when there are none.
    """
    found = choice.choose(policy, mode, names, enabled, disabled)
    if not names and not gpu:
        found = tuple(one for one in found if one.engine_class == EngineClass.CPU)
    if not found:
        raise BadInput(f"no engine is left for the mode {mode}", field="engines")
    return found


def open_ended(policy: Policy) -> Policy:
    """The policy, but for what no engine could examine: holding that back is no detection."""
    return replace(policy, fail_closed=False, thresholds=policy.limits)


def judged(
    policy: Policy, contents: Sequence[Content], results: list[list[EngineResult]]
) -> list[Judgement]:
    """The verdicts over what the engines said, as a worker comes to them."""
    return [fold(policy.weighed(each), policy) for each in policy.screened(contents, results)]


def warm_up(engines: Sequence[Engine]) -> None:
    """Load what engines load, so that it is not measured; one that cannot says so later."""
    run(engines, [Content(text="Good morning.")])


def measure(
    name: str,
    cases: Sequence[Case],
    engines: Sequence[Engine],
    policy: Policy,
    *,
    advance: Callable[[int], object] = lambda _count: None,
) -> Measured:
    """Judge each case; `advance` is told how many are done after each chunk."""
    measured = Measured(name, engines={engine.name: Tally() for engine in engines})
    policy = open_ended(policy)
    for first in range(0, len(cases), CHUNK):
        chunk = cases[first : first + CHUNK]
        contents = [case.content for case in chunk]
        began = time.perf_counter()
        answers = run(engines, contents, options=policy.options)
        judgements = judged(policy, contents, answers)
        measured.seconds += time.perf_counter() - began
        for case, results, judgement in zip(chunk, answers, judgements, strict=True):
            _count(measured, case, results, judgement, policy)
        advance(len(chunk))
    return measured


def scored(case: Case, judgement: Judgement, policy: Policy) -> Scored:
    """The verdict over a case; the text is kept where the verdict is wrong."""
    alarms = {one.engine for one in judgement.findings if one.score >= policy.limits.warn}
    flagged = not judgement.is_safe
    shown = next(iter(case.content.fields().values()), str(case.content.tools))
    text = shown if flagged != bool(case.label) else ""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16] if text else ""
    return Scored(
        case.label,
        judgement.risk_score,
        flagged,
        tuple(sorted(alarms)),
        text[:SHOWN],
        digest,
    )


def _count(
    measured: Measured,
    case: Case,
    results: Sequence[EngineResult],
    judgement: Judgement,
    policy: Policy,
) -> None:
    line = scored(case, judgement, policy)
    measured.lines.append(line)
    measured.unexamined += not judgement.engines_run
    for result in results:
        tally = measured.engines[result.engine]
        if result.outcome in ANSWERED:
            tally.answered[case.label] += 1
            tally.flagged[case.label] += result.engine in line.alarms
        elif result.outcome is not Outcome.UNSUPPORTED:
            tally.silent[result.outcome, result.reason] += 1


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this thread, and those that it starts, on one core, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
