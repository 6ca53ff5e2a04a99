"""The cascade on the side of the workers: the slow engines get what the CPU engines left open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from core.analysis import Content, EngineClass, EngineResult, Outcome
from engines.base import Engine
from engines.cascade import Decision, decide
from engines.catalogue import catalogue
from engines.document import Document
from engines.policy import Policy
from workers import holding
from workers.runs import Run

DECIDED = "the CPU engines had decided"

Ask = Callable[[Sequence[Engine], Sequence[Content]], list[list[EngineResult]]]


def applies(run: Run, engine_class: EngineClass) -> bool:
    """Whether the run is this class's part of a job in which one class waits for the other."""
    return bool(run.options.get("cascade")) and run.engine_class == str(engine_class)


def decisions(
    contents: Sequence[Content], results: Sequence[Sequence[EngineResult]], policy: Policy
) -> list[Decision]:
    """What the results of the CPU engines settle, input by input."""
    return [
        decide(Document(content), found, policy, catalogue())
        for content, found in zip(contents, results, strict=True)
    ]


def spared(decision: Decision, names: Sequence[str], policy: Policy) -> frozenset[str]:
    """Those of the engines that need not be asked; never one that the policy requires."""
    known = catalogue()
    return frozenset(
        name
        for name in names
        if name not in policy.required and name in known and decision.spares(known[name])
    )


def skipped(names: Sequence[str]) -> list[EngineResult]:
    """The results of engines that were not asked."""
    known = catalogue()
    return [
        EngineResult(
            name,
            known[name].version if name in known else "",
            Outcome.SKIPPED,
            reason=DECIDED,
        )
        for name in names
    ]


def ask_undecided(
    run: Run, engines: Sequence[Engine], contents: Sequence[Content], policy: Policy, ask: Ask
) -> list[list[EngineResult]]:
    """The engines' results, where `ask` gets only what the CPU engines left open.

    Their stored results decide again as they did when the run was released.
    """
    earlier = holding.earlier_results(run)
    found = [earlier.get(index, []) for index in run.items]
    names = [engine.name for engine in engines]
    open_to: dict[tuple[Engine, ...], list[int]] = defaultdict(list)
    for place, decision in enumerate(decisions(contents, found, policy)):
        gone = spared(decision, names, policy)
        open_to[tuple(engine for engine in engines if engine.name not in gone)].append(place)
    results: list[dict[str, EngineResult]] = [{} for _ in contents]
    for asked, places in open_to.items():
        answers = ask(asked, [contents[place] for place in places])
        for place, answer in zip(places, answers, strict=True):
            results[place] = {result.engine: result for result in (*skipped(names), *answer)}
    return [[item[name] for name in names] for item in results]
