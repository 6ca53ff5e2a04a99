"""The fold of all results into one judgement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.analysis import Action, EngineResult, Finding, Judgement, Outcome, Thresholds, Verdict
from engines.policy import EngineRule, Policy
from engines.verdict import FAMILIES, INFORMATIVE, judge, risk_of

LIMITS = Thresholds()
steady = settings(deadline=None, derandomize=True, database=None)


def finding(score: float, category: str = "prompt_injection", engine: str = "one") -> Finding:
    return Finding(engine, category, score, f"rule {score}", "text", ((0, 1),), "found")


def result(engine: str, *findings: Finding, outcome: Outcome | None = None) -> EngineResult:
    own = outcome or (Outcome.FLAGGED if findings else Outcome.CLEAN)
    return EngineResult(engine, "1.0.0", own, findings)


def judged(
    *results: EngineResult, required: Sequence[str] = (), fail_closed: bool = True
) -> Judgement:
    return judge(results, LIMITS, required=required, fail_closed=fail_closed)


CATEGORIES = [*(name for members in FAMILIES.values() for name in members), *INFORMATIVE, "other"]
findings = st.builds(
    finding,
    st.floats(0, 1),
    st.sampled_from(sorted(CATEGORIES)),
    st.sampled_from(["one", "two"]),
)
results_lists = st.lists(
    st.builds(
        EngineResult,
        st.sampled_from(["one", "two", "three"]),
        st.just("1.0.0"),
        st.sampled_from(list(Outcome)),
        st.lists(findings, max_size=3).map(tuple),
    ),
    max_size=5,
)


@pytest.mark.parametrize(
    ("score", "verdict", "action"),
    [
        (0.0, Verdict.SAFE, Action.ALLOW),
        (0.2999, Verdict.SAFE, Action.ALLOW),
        (0.3, Verdict.LOW_RISK, Action.AUDIT),
        (0.4999, Verdict.LOW_RISK, Action.AUDIT),
        (0.5, Verdict.MEDIUM_RISK, Action.WARN),
        (0.6999, Verdict.MEDIUM_RISK, Action.WARN),
        (0.7, Verdict.HIGH_RISK, Action.BLOCK),
        (1.0, Verdict.HIGH_RISK, Action.BLOCK),
    ],
)
def test_the_risk_gives_verdict_and_action(score: float, verdict: Verdict, action: Action) -> None:
    judgement = judged(result("one", finding(score)))
    assert (judgement.risk_score, judgement.verdict, judgement.action) == (score, verdict, action)


@given(results=results_lists, extra=findings)
@steady
def test_another_finding_never_lowers_the_risk(results: list[EngineResult], extra: Finding) -> None:
    more = [*results, result("four", extra)]
    assert judge(more, LIMITS).risk_score >= judge(results, LIMITS, fail_closed=False).risk_score


@given(results=results_lists, data=st.data())
@steady
def test_the_order_of_results_does_not_matter(
    results: list[EngineResult], data: st.DataObject
) -> None:
    turned = data.draw(st.permutations(results))
    assert judge(turned, LIMITS) == judge(results, LIMITS)


@given(results=results_lists)
@steady
def test_the_risk_stays_within_its_range(results: list[EngineResult]) -> None:
    assert 0 <= judge(results, LIMITS).risk_score <= 1


@given(count=st.integers(1, 400))
@steady
def test_unanimous_clean_is_safe_however_many_agree(count: int) -> None:
    judgement = judged(*(result(f"engine {place}") for place in range(count)))
    assert (judgement.risk_score, judgement.verdict) == (0, Verdict.SAFE)
    assert judgement.action is Action.ALLOW


def test_unanimous_clean_is_safe_even_with_thresholds_of_nought() -> None:
    assert judge([result("one")], Thresholds(0, 0, 0)).action is Action.ALLOW


def test_most_engines_saying_block_gives_block() -> None:
    loud = [result(f"loud {place}", finding(0.9)) for place in range(171)]
    quiet = [result(f"quiet {place}") for place in range(46)]
    assert judged(*loud, *quiet).action is Action.BLOCK


def test_a_single_strong_finding_is_not_outvoted() -> None:
    quiet = [result(f"quiet {place}") for place in range(216)]
    assert judged(result("loud", finding(0.9)), *quiet).action is Action.BLOCK


def test_look_alike_rules_of_one_category_do_not_add_up() -> None:
    many = [result(f"engine {place}", finding(0.2)) for place in range(50)]
    assert judged(*many).risk_score == 0.2


def test_evidence_of_different_families_adds_up() -> None:
    both = (finding(0.5, "prompt_injection"), finding(0.5, "secrets"))
    assert judged(result("one", *both)).risk_score == 0.75


@pytest.mark.parametrize("family", FAMILIES)
def test_categories_of_one_family_do_not_add_up(family: str) -> None:
    many = [result(name, finding(0.4, name)) for name in FAMILIES[family]]
    assert judged(*many).risk_score == 0.4


def test_three_doubts_about_three_things_are_no_warning() -> None:
    doubts = [result(name, finding(0.25, name)) for name in ("jailbreak", "toxicity", "secrets")]
    assert judged(*doubts).risk_score == 0.25


@pytest.mark.parametrize("category", sorted(INFORMATIVE))
def test_what_only_informs_does_not_add_to_others(category: str) -> None:
    assert judged(result("one", finding(0.4, "secrets"), finding(0.4, category))).risk_score == 0.4
    assert judged(result("one", finding(0.9, category))).risk_score == 0.9


@given(results=results_lists, place=st.integers(0, 20), score=st.floats(0, 1))
@steady
def test_a_stronger_finding_never_lowers_the_risk(
    results: list[EngineResult], place: int, score: float
) -> None:
    found = [one for each in results for one in each.findings]
    if found:
        old = found[place % len(found)]
        stronger = [replace(old, score=max(score, old.score)) if f == old else f for f in found]
        assert risk_of(stronger) >= risk_of(found)


@given(results=results_lists, weights=st.tuples(st.floats(0, 1), st.floats(0, 1)))
@steady
def test_more_weight_never_lowers_the_risk(
    results: list[EngineResult], weights: tuple[float, float]
) -> None:
    low, high = (
        judge(results, Policy(engines={"one": EngineRule(weight=weight)}, fail_closed=False))
        for weight in sorted(weights)
    )
    assert low.risk_score <= high.risk_score


@given(results=results_lists, cuts=st.tuples(st.floats(0, 1), st.floats(0, 1)))
@steady
def test_a_higher_cut_never_raises_the_risk(
    results: list[EngineResult], cuts: tuple[float, float]
) -> None:
    low, high = (
        judge(results, Policy(engines={"*": EngineRule(threshold=cut)}, fail_closed=False))
        for cut in sorted(cuts)
    )
    assert low.risk_score >= high.risk_score


def test_a_policy_brings_thresholds_required_engines_and_how_it_fails() -> None:
    rules = {"must": EngineRule(required=True)}
    policy = Policy(thresholds=Thresholds(0.1, 0.2, 0.3), engines=rules)
    assert judge([result("must", finding(0.2))], policy).action is Action.WARN
    assert judge([result("one")], policy).engines_failed == ("must",)
    assert judge([result("one")], policy).action is Action.BLOCK
    assert judge([result("one")], replace(policy, fail_closed=False)).action is Action.ALLOW


@pytest.mark.parametrize("outcome", [Outcome.FAILURE, Outcome.TIMEOUT])
def test_a_failed_engine_degrades_the_judgement_and_is_named(outcome: Outcome) -> None:
    judgement = judged(result("good"), result("bad", outcome=outcome))
    assert (judgement.degraded, judgement.engines_failed) == (True, ("bad",))
    assert (judgement.engines_run, judgement.action) == (("good",), Action.ALLOW)


@pytest.mark.parametrize("outcome", [Outcome.SKIPPED, Outcome.UNSUPPORTED])
def test_an_engine_without_a_turn_does_not_degrade(outcome: Outcome) -> None:
    judgement = judged(result("good"), result("other", outcome=outcome))
    assert (judgement.degraded, judgement.engines_skipped) == (False, ("other",))


@pytest.mark.parametrize("outcome", [Outcome.FAILURE, Outcome.TIMEOUT, Outcome.SKIPPED])
def test_a_required_engine_without_an_answer_blocks(outcome: Outcome) -> None:
    judgement = judged(result("good"), result("must", outcome=outcome), required=["must"])
    assert (judgement.action, judgement.verdict) == (Action.BLOCK, Verdict.HIGH_RISK)
    assert judgement.risk_score >= LIMITS.block
    assert judgement.degraded


def test_a_required_engine_without_a_result_blocks_and_is_named() -> None:
    judgement = judged(result("good"), required=["must"])
    assert (judgement.action, judgement.engines_failed) == (Action.BLOCK, ("must",))


def test_a_required_engine_with_nothing_to_read_does_not_block() -> None:
    unsupported = result("must", outcome=Outcome.UNSUPPORTED)
    assert judged(result("good"), unsupported, required=["must"]).action is Action.ALLOW


def test_failing_open_lets_the_verdict_stand_but_says_so() -> None:
    results = (result("good"), result("must", outcome=Outcome.FAILURE))
    judgement = judged(*results, required=["must"], fail_closed=False)
    assert (judgement.action, judgement.degraded) == (Action.ALLOW, True)


@pytest.mark.parametrize(("closed", "action"), [(True, Action.BLOCK), (False, Action.ALLOW)])
def test_when_every_engine_fails_the_policy_decides(closed: bool, action: Action) -> None:
    judgement = judged(result("one", outcome=Outcome.TIMEOUT), fail_closed=closed)
    assert (judgement.action, judgement.degraded) == (action, True)


def test_what_a_late_engine_found_still_counts() -> None:
    late = result("late", finding(0.9), outcome=Outcome.TIMEOUT)
    assert judged(result("good"), late).action is Action.BLOCK


UNEXAMINED = [
    [result("one", outcome=Outcome.SKIPPED)],
    [result("one", outcome=Outcome.UNSUPPORTED)],
    [result("one", outcome=Outcome.SKIPPED), result("two", outcome=Outcome.UNSUPPORTED)],
    [],
]


@pytest.mark.parametrize("results", UNEXAMINED)
def test_an_input_that_nobody_examined_is_blocked(results: list[EngineResult]) -> None:
    judgement = judged(*results)
    assert (judgement.action, judgement.verdict) == (Action.BLOCK, Verdict.HIGH_RISK)
    assert judgement.risk_score >= LIMITS.block
    assert judgement.degraded
    assert judgement.recommendation.startswith("No engine examined this input; it is held back")


@pytest.mark.parametrize("results", UNEXAMINED)
def test_failing_open_an_unexamined_input_passes_with_a_warning(
    results: list[EngineResult],
) -> None:
    judgement = judged(*results, fail_closed=False)
    assert (judgement.action, judgement.degraded) == (Action.ALLOW, True)
    assert "do not take that for safety" in judgement.recommendation


def test_an_input_that_only_a_late_engine_saw_is_not_called_unexamined() -> None:
    late = result("late", finding(0.1), outcome=Outcome.TIMEOUT)
    assert judged(late).action is Action.BLOCK
    assert "No engine" not in judged(late).recommendation


def test_every_recommendation_is_one_sentence() -> None:
    cases = [judged(result("one", finding(score / 10))) for score in range(11)]
    cases += [judged(result("one"), result("two", outcome=Outcome.FAILURE))]
    cases += [judged(), judged(fail_closed=False), judged(result("one"), required=["must"])]
    assert all(case.recommendation.count(".") == 1 for case in cases)


def test_the_strongest_finding_comes_first() -> None:
    judgement = judged(result("one", finding(0.1), finding(0.8)), result("two", finding(0.4)))
    assert [each.score for each in judgement.findings] == [0.8, 0.4, 0.1]


def test_a_probability_without_a_finding_orders_what_passes_and_no_more() -> None:
    doubtful = replace(result("one"), score=0.2)
    sure = replace(result("one"), score=0.99)
    assert (judged(doubtful).risk_score, judged(doubtful).action) == (0.2, Action.ALLOW)
    assert (judged(sure).risk_score, judged(sure).action) == (0.2999, Action.ALLOW)
