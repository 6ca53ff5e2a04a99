"""Policies: what a file may say, what they make of results, and which engines they run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.analysis import EngineResult, Finding, Mode, Outcome, Thresholds
from core.configfile import parse_plain_yaml
from core.errors import BadInput, ConfigError
from engines.catalogue import catalogue, select
from engines.choice import choose
from engines.policy import EngineRule, Policy
from engines.policy_file import (
    SHIPPED,
    check_options,
    load_policies,
    load_policy,
    parse_policy,
    stored_policy,
)

FULL = """
name: billing
description: The billing assistant.
applications: [billing, refunds]
thresholds: {audit: 0.2, warn: 0.4, block: 0.6}
fail_closed: false
cascade: false
engines:
  "*": {threshold: 0.2}
  secrets: {required: true, weight: 0.5}
  jailbreak: {enabled: false}
  instruction_override: {options: {words: [one, two]}}
allow:
  - exact: "  a phrase with ${BRACES}  "
    reason: our own greeting
    engines: [jailbreak]
  - regex: 'TEST-[0-9A-F]{8,32}'
    reason: test bench
    categories: [secrets]
    fields: [text, documents]
  - sha256: 2C26B46B68FFC68FF99B453C1D30413413422D706483BFA0F98A5E886266E7AE
    reason: not to be written down
"""


def parsed(text: str) -> Policy:
    return parse_policy(parse_plain_yaml(text, "p.yaml"), "p.yaml")


def test_a_file_says_all_of_it() -> None:
    policy = parsed(FULL)
    assert (policy.name, policy.applications) == ("billing", ("billing", "refunds"))
    assert policy.thresholds == Thresholds(0.2, 0.4, 0.6)
    assert (policy.fail_closed, policy.cascade, policy.required) == (False, False, {"secrets"})
    assert policy.options == {"instruction_override": {"words": ["one", "two"]}}
    assert policy.allow[0].exact == "a phrase with ${BRACES}"
    assert policy.allow[2].sha256.islower()


def test_a_stored_policy_is_the_same_policy() -> None:
    policy = parsed(FULL)
    again = stored_policy(json.loads(json.dumps(policy.body)))
    assert (again, again.digest) == (policy, policy.digest)


def test_a_stored_policy_may_name_an_engine_that_is_gone() -> None:
    body = {"name": "old", "engines": {"bygone": {"required": True}, "*": {"weight": 0.5}}}
    assert stored_policy(body).required == {"bygone"}


CHANGES: list[tuple[str, str]] = [
    ("name: billing", "name: other"),
    ("audit: 0.2", "audit: 0.1"),
    ("fail_closed: false", "fail_closed: true"),
    ("weight: 0.5", "weight: 0.6"),
    ("[one, two]", "[one]"),
    ("a phrase", "the phrase"),
    ("{8,32}", "{8,31}"),
]


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_the_digest_changes_with_all_that_it_says(old: str, new: str) -> None:
    assert parsed(FULL).digest != parsed(FULL.replace(old, new)).digest


BROKEN: list[tuple[str, str]] = [
    ("name: Ünlaut", "name: must be"),
    ("description: no name", "name: must be"),
    ("name: a\nthreshold: 1", "unknown key 'threshold'; did you mean 'thresholds'?"),
    ("name: a\nthresholds: {audit: 0.1, warn: 0.2}", "thresholds: block: missing"),
    ("name: a\nthresholds: {audit: 0.9, warn: 0.2, block: 1}", "audit <= warn <= block"),
    ("name: a\nthresholds: {audit: 0.1, warn: 0.2, block: 7}", "block: must be a number from 0"),
    ("name: a\nfail_closed: 'no'", "fail_closed: must be true or false"),
    ("name: a\nengines: {jailbrek: {}}", "no engine 'jailbrek'; did you mean 'jailbreak'?"),
    ("name: a\nengines: {jailbreak: {wieght: 1}}", "unknown key 'wieght'; did you mean 'weight'?"),
    ("name: a\nengines: {jailbreak: {weight: 2}}", "weight: must be a number from 0 to 1"),
    ("name: a\nengines: {jailbreak: {enabled: false, required: true}}", "cannot be required"),
    ("name: a\nengines: {'*': {required: true}}", "need an engine's own entry"),
    ("name: a\nengines: {jailbreak: {options: {day: 2026-01-01}}}", "options: write texts"),
    ("name: a\nengines: {jailbreak: {options: &o {self: *o}}}", "options: write texts"),
    ("name: a\nallow: [{reason: x}]", "allow[0]: write one of exact, regex and sha256"),
    ("name: a\nallow: [{exact: x, regex: x, reason: x}]", "write one of"),
    ("name: a\nallow: [{exact: x}]", "reason: missing"),
    ("name: a\nallow: [{exact: ' ', reason: x}]", "exact: must not be empty"),
    ("name: a\nallow: [{exact: 12345, reason: x}]", "put it in quotes"),
    ("name: a\nallow: [{sha256: abc, reason: x}]", "64 hex digits"),
    ("name: a\nallow: [{regex: '(', reason: x}]", "not a regular expression"),
    ("name: a\nallow: [{regex: '(a+)+b', reason: x}]", "in too many ways"),
    ("name: a\nallow: [{exact: x, reason: x, fields: [txt]}]", "did you mean 'text'?"),
    ("name: a\nallow: [{exact: x, reason: x, engines: [secret]}]", "did you mean 'secrets'?"),
]


@pytest.mark.parametrize(("text", "message"), BROKEN)
def test_what_is_wrong_with_a_file_is_said_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parsed(text)
    assert str(caught.value).startswith("p.yaml: ")
    assert message in str(caught.value)


def test_the_shipped_policies_are_good_and_named_after_their_files() -> None:
    shipped = load_policies()
    assert {"default", "strict", "lenient"} <= shipped.keys()
    assert {file.stem for file in SHIPPED.glob("*.yaml")} == shipped.keys()
    assert shipped["default"].plain
    assert not any(shipped[name].plain for name in shipped.keys() - {"default"})
    for policy in shipped.values():
        check_options(policy)


def test_the_shipped_policies_differ_in_how_soon_they_act() -> None:
    shipped = load_policies()
    warn = {name: shipped[name].limits.warn for name in ("strict", "default", "lenient")}
    assert warn["strict"] < warn["default"] < warn["lenient"]


def test_a_folder_stands_above_the_shipped_ones(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("name: strict\napplications: [a]\n")
    found = load_policies(tmp_path)
    assert (found["strict"].applications, "lenient" in found) == (("a",), True)


def test_two_policies_may_not_claim_one_application(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(f"name: {name}\napplications: [shop]\n")
    with pytest.raises(ConfigError, match=r"'shop' is bound to the policies 'one' and 'two'"):
        load_policies(tmp_path)


def test_two_files_may_not_have_one_name(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text("name: same\n")
    with pytest.raises(ConfigError, match="the name of another file"):
        load_policies(tmp_path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_bytes(b"name: \xff")
    with pytest.raises(ConfigError, match=r"p\.yaml is not UTF-8"):
        load_policy(tmp_path / "p.yaml")


def finding(score: float, engine: str = "one") -> Finding:
    return Finding(engine, "jailbreak", score, "label", "text", ((0, 1),), "found")


def flagged(*scores: float, engine: str = "one") -> EngineResult:
    found = tuple(finding(score, engine) for score in scores)
    return EngineResult(engine, "1", Outcome.FLAGGED, found)


def scores(policy: Policy, result: EngineResult) -> list[float]:
    return [one.score for one in policy.weighed([result])[0].findings]


def test_findings_are_cut_and_weighed() -> None:
    policy = Policy(engines={"one": EngineRule(weight=0.5, threshold=0.4)})
    assert scores(policy, flagged(0.8, 0.4, 0.3)) == [0.4, 0.2]
    assert scores(policy, flagged(0.3, engine="two")) == [0.3]


def test_what_an_unnamed_engine_gets() -> None:
    policy = Policy(engines={"*": EngineRule(weight=0.5), "one": EngineRule()})
    assert scores(policy, flagged(0.8)) == [0.8]
    assert scores(policy, flagged(0.8, engine="two")) == [0.4]


def test_an_engine_all_of_whose_findings_are_cut_is_clean_and_says_why() -> None:
    cut = Policy(engines={"*": EngineRule(threshold=0.9)}).weighed([flagged(0.5)])[0]
    assert (cut.outcome, cut.findings) == (Outcome.CLEAN, ())
    assert cut.reason == "below the policy's threshold"


NAMES = [engine.name for engine in select(Mode.FAST)]


def chosen(policy: Policy, **more: Any) -> list[str]:
    return [engine.name for engine in choose(policy, Mode.FAST, **more)]


def test_a_policy_that_says_nothing_runs_the_engines_of_the_mode() -> None:
    assert chosen(Policy()) == NAMES
    assert chosen(Policy(), names=["secrets"]) == ["secrets"]


def test_a_policy_takes_engines_away_and_adds_others() -> None:
    slow = next(one.name for one in catalogue().values() if Mode.FAST not in one.modes)
    policy = Policy(engines={"secrets": EngineRule(enabled=False), slow: EngineRule(enabled=True)})
    assert chosen(policy) == sorted({*NAMES, slow} - {"secrets"})


def test_only_the_named_engines_run_where_all_others_are_off() -> None:
    policy = Policy(engines={"*": EngineRule(enabled=False), "secrets": EngineRule()})
    assert chosen(policy) == ["secrets"]


def test_a_required_engine_runs_beside_those_that_a_request_names() -> None:
    policy = Policy(engines={"secrets": EngineRule(required=True)})
    assert chosen(policy, names=["jailbreak"]) == ["jailbreak", "secrets"]


def test_a_request_cannot_name_an_engine_that_the_policy_does_not_run() -> None:
    policy = Policy(name="quiet", engines={"secrets": EngineRule(enabled=False)})
    with pytest.raises(BadInput, match="the policy 'quiet' does not run the engine 'secrets'"):
        chosen(policy, names=["secrets"])


def test_no_policy_brings_back_what_the_farm_has_disabled() -> None:
    policy = Policy(engines={"secrets": EngineRule(required=True)})
    assert "secrets" not in chosen(policy, disabled=["secrets"])
