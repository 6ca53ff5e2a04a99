"""When the CPU engines have decided, and when a doubt is left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from core.analysis import Content, EngineClass, EngineResult, Finding, Outcome, Thresholds
from engines.base import Engine
from engines.cascade import MARGIN, Decided, decide
from engines.document import Document
from engines.policy import EngineRule, Policy

CLEAN = Outcome.CLEAN


def engine(name: str, *inputs: str, **attributes: Any) -> Engine:
    """One that says nothing, with these attributes."""
    members = {
        "name": name,
        "version": "1",
        "category": "prompt_injection",
        "inputs": inputs or ("text",),
        "examine": lambda self, document: self.found(()),
        **attributes,
    }
    made: Engine = type("Made", (Engine,), members)()
    return made


RULES = engine("rules", "text", "response")
LEARNED = engine("learned", rules_out=frozenset({"prompt_injection", "jailbreak"}))
GPU = engine("gpu", "text", "response", engine_class=EngineClass.GPU)
KNOWN = {one.name: one for one in (RULES, LEARNED, GPU)}


def result(
    name: str, outcome: Outcome = CLEAN, score: float | None = None, chance: float = 0.0
) -> EngineResult:
    found: tuple[Finding, ...] = ()
    if score is not None:
        found = (Finding(name, "prompt_injection", score, "x", "text", ((0, 1),), "x"),)
    ending = Outcome.FLAGGED if found else outcome
    return EngineResult(name, "1", ending, found, score=chance or score or 0.0)


def spared(
    *results: EngineResult, policy: Policy | None = None, gpu: Engine = GPU, **fields: Any
) -> bool:
    document = Document(Content(**{"text": "hello", **fields}))
    return decide(document, results, policy or Policy(), KNOWN).spares(gpu)


@pytest.mark.parametrize(
    ("results", "so"),
    [
        ([result("rules", score=0.7), result("learned")], True),
        ([result("rules", score=0.69), result("learned")], False),
        ([result("rules", score=0.95), result("learned", Outcome.FAILURE)], True),
        ([result("rules"), result("learned")], True),
        ([result("rules"), result("learned", score=MARGIN)], True),
        ([result("rules"), result("learned", score=MARGIN + 0.01)], False),
        ([result("rules"), result("learned", chance=MARGIN)], True),
        ([result("rules"), result("learned", chance=MARGIN + 0.01)], False),
        ([result("rules", score=MARGIN + 0.01), result("learned")], False),
        ([result("rules"), result("learned", Outcome.TIMEOUT)], False),
        ([result("rules", Outcome.FAILURE), result("learned")], False),
        ([result("rules", Outcome.UNSUPPORTED), result("learned")], True),
        ([result("rules"), result("learned", Outcome.SKIPPED)], False),
        ([result("rules")], False),
        ([], False),
    ],
)
def test_an_input_is_decided_both_ways_by_margins(
    results: Sequence[EngineResult], so: bool
) -> None:
    assert spared(*results) is so


def test_silence_in_a_field_that_was_not_read_decides_nothing() -> None:
    both = (result("rules"), result("learned"))
    assert spared(*both)
    assert not spared(*both, response="what the model said")
    assert spared(*both, response="the GPU does not read it", gpu=engine("gpu", "text"))


def test_a_threat_that_nobody_ruled_out_is_still_looked_for() -> None:
    wider = engine("gpu", looks_for=frozenset({"prompt_injection", "toxicity"}))
    narrow = engine("gpu", looks_for=frozenset({"jailbreak"}))
    results = (result("rules"), result("learned"))
    assert (spared(*results, gpu=wider), spared(*results, gpu=narrow)) == (False, True)
    assert spared(result("rules", score=0.9), gpu=wider)


def test_the_block_threshold_is_the_policy_s() -> None:
    lax = Policy(thresholds=Thresholds(0.3, 0.5, 0.9))
    assert not spared(result("rules", score=0.8), policy=lax)
    assert spared(result("rules", score=0.9), policy=lax)


def test_scores_count_as_the_policy_weighs_them() -> None:
    halved = Policy(engines={"rules": EngineRule(weight=0.5)})
    assert not spared(result("rules", score=0.9), result("learned"), policy=halved)


def test_a_required_engine_without_an_answer_leaves_a_doubt() -> None:
    demanding = Policy(engines={"rules": EngineRule(required=True)})
    results = (result("rules", Outcome.SKIPPED), result("learned"))
    assert (spared(*results), spared(*results, policy=demanding)) == (True, False)


def test_a_decision_says_which_way_it_went() -> None:
    document = Document(Content(text="hello"))
    attack = decide(document, [result("rules", score=0.9)], Policy(), KNOWN)
    harmless = decide(document, [result("learned")], Policy(), KNOWN)
    assert (attack.how, harmless.how) == (Decided.ATTACK, Decided.HARMLESS)
