"""Every rule hits what it is for and passes what only looks alike, in linear time."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest
from case_files import case, read

from core.analysis import Content, Mode, Thresholds
from engines.base import PatternEngine, Rule
from engines.catalogue import catalogue, select
from engines.document import Document
from engines.runner import run
from engines.verdict import judge

Given = str | dict[str, Any]
ENGINES = [engine for engine in catalogue().values() if isinstance(engine, PatternEngine)]
CASES = [
    (engine.name, label, hit, look_alike)
    for engine in ENGINES
    for label, pairs in read(engine.name).get("rules", {}).items()
    for hit, look_alike in pairs
]


def labels(engine: str, given: Given) -> set[str]:
    result = catalogue()[engine].analyze(Document(*case(engine, given)))
    return {finding.label for finding in result.findings}


@pytest.mark.parametrize(("engine", "label", "hit", "look_alike"), CASES)
def test_a_rule_hits_and_passes_the_look_alike(
    engine: str, label: str, hit: Given, look_alike: Given
) -> None:
    assert label in labels(engine, hit)
    assert label not in labels(engine, look_alike)


def test_every_rule_stands_in_the_file_of_its_engine() -> None:
    rules = {(engine.name, rule.label) for engine in ENGINES for rule in engine.rules}
    assert rules == {(engine, label) for engine, label, _, _ in CASES}


HARMLESS = [
    "How can I hack together a quick prototype for the hackathon?",
    "You can ignore this warning; what does it mean?",
    "Ignore the previous e-mail, it was sent by mistake.",
    "Please bypass the paywall section and summarise the public abstract.",
    "My system prompt is too long; how do I write shorter instructions?",
    "What are the rules of chess? Forget castling for now.",
    "Explain prompt injection and jailbreaks to a class of beginners.",
    "Act as a travel guide without using jargon.",
    "Mail the invoice to jane.doe@example.org or call +49 30 1234567.",
    "Kill the process, then attack the next item on my list.",
    "SGVsbG8gd29ybGQsIHRoaXMgaXMgYSBncmVldGluZy4= is base64, what does it say?",
    "Ich möchte die Regeln früherer Sprachversionen vergleichen.",
    "В предыдущих главах мы читали инструкции по сборке.",
    "def ignore(rules): return [rule for rule in rules if rule.previous]",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_is_let_through(text: str) -> None:
    results = run(select(Mode.BALANCED), [Content(text=text)])[0]
    assert judge(results, Thresholds()).is_safe


LENGTH = 100_000
BOUND_MS = 50
GENEROSITY = 6
SEEDS = [
    "a", " ", "\n", "0", "1 ", "a ", "A", ".", "-", "=", "@", ":", "/", "\u200b", "\ufe0f",
    "a.", "a@", "1-", "a:", "://a:", "a\u200b", "#", "[", "<", "\n# ", "you ", "a, ", "(", "'",
]  # fmt: skip


def rules() -> Iterator[tuple[str, Rule]]:
    for engine in ENGINES:
        yield from ((f"{engine.name}-{rule.label}", rule) for rule in engine.rules)


def seeds(name: str, rule: Rule) -> set[str]:
    """What a rule may stumble over: single signs, its needles, the beginnings of its hits."""
    engine, _, label = name.partition("-")
    hits = [hit for hit, _ in read(engine)["rules"][label] if isinstance(hit, str)]
    begun = {" ".join(hit.split(" ")[:words]) + " " for hit in hits for words in (1, 2, 3, 5)}
    return {*SEEDS, *rule.needs, *(need + " " for need in rule.needs), *begun}


def slowest_ms(rule: Rule, seed: str) -> float:
    """Processor time of one pass over the seed, repeated. A pass over a tenth of it tells first
    whether the whole could be slow; the better of two when it is."""
    pattern = re.compile(rule.regex)
    tenth = _pass_ms(rule, pattern, seed, LENGTH // 10)
    if tenth < BOUND_MS / 100:
        return tenth
    whole = _pass_ms(rule, pattern, seed, LENGTH)
    return whole if whole < BOUND_MS else min(whole, _pass_ms(rule, pattern, seed, LENGTH))


def _pass_ms(rule: Rule, pattern: re.Pattern[str], seed: str, length: int) -> float:
    text = seed * (length // len(seed) + 1)
    started = time.thread_time()
    deque(filter(rule.check, pattern.finditer(text)), maxlen=0)
    return (time.thread_time() - started) * 1000


RULES = dict(rules())


@pytest.mark.parametrize("name", RULES)
def test_no_repetition_makes_a_rule_slow(name: str) -> None:
    rule = RULES[name]
    slow = {
        seed: spent for seed in seeds(name, rule) if (spent := slowest_ms(rule, seed)) > BOUND_MS
    }
    assert all(ms <= BOUND_MS * GENEROSITY for ms in slow.values()), slow
