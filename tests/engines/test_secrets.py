"""The engines for secrets together, on made-up credentials in the notations of many tools."""

from __future__ import annotations

import pytest
from credential_samples import PLACEHOLDERS, SAMPLES

from core.analysis import Content
from engines.catalogue import catalogue
from engines.plausible_secret import bits, code, placeholder, random_looking
from engines.runner import run

ENGINES = [engine for engine in catalogue().values() if engine.category == "secrets"]
WARNED = 0.5
SHARE = 0.95


def score(text: str) -> float:
    results = run(ENGINES, [Content(text=text)])[0]
    return max((finding.score for result in results for finding in result.findings), default=0)


@pytest.mark.parametrize("kind", SAMPLES)
def test_nine_of_ten_lines_of_each_kind_are_flagged(kind: str) -> None:
    missed = [line for line in SAMPLES[kind] if score(line) < WARNED]
    assert len(missed) <= len(SAMPLES[kind]) / 10, missed


def test_nearly_all_lines_together_are_flagged() -> None:
    lines = [line for kind in SAMPLES.values() for line in kind]
    assert len(lines) >= 175
    assert sum(score(line) >= WARNED for line in lines) >= SHARE * len(lines)


@pytest.mark.parametrize("line", PLACEHOLDERS)
def test_a_placeholder_a_type_or_an_expression_is_no_secret(line: str) -> None:
    assert score(line) == 0


def test_a_secret_is_found_inside_base64() -> None:
    assert score("run: ZXhwb3J0IERCX1BBU1NXT1JEPXRyMG1ib25lLVF1YXJ0ejc=") >= WARNED


@pytest.mark.parametrize(
    "value",
    ["your-key-here", "${KEY}", "<token>", "changeme", "xxxxxxxx", "password123", "aaaaaaaa"],
)
def test_a_value_may_stand_for_a_secret(value: str) -> None:
    assert placeholder(value)


@pytest.mark.parametrize("value", ["Saffron!Otter42", "kR9wQz2mB7xVc4Nd8LtY", "tulip42"])
def test_a_chosen_value_is_no_placeholder(value: str) -> None:
    assert not placeholder(value)


@pytest.mark.parametrize("value", ["config.key", "os.getenv('KEY')", "self->token", "read(x)"])
def test_an_expression_is_code(value: str) -> None:
    assert code(value)


def test_randomness_needs_letters_and_digits() -> None:
    assert random_looking("kR9wQz2mB7xVc4")
    assert not random_looking("123456789012")
    assert not random_looking("abcdefghijkl")


def test_a_repeated_sign_carries_no_bits() -> None:
    assert bits("aaaa") == 0
    assert bits("abcd") == 2
