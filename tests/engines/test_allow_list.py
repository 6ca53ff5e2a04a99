"""What a policy lets pass, and what beside it stays found."""

from __future__ import annotations

import hashlib
import re
import time

import pytest

from core.analysis import Content, EngineResult, Finding, Outcome
from core.errors import ConfigError
from engines.allow_list import PASSAGE, Allowed, demand_tame, screened
from engines.base import MAX_SPANS

TEXT = "The key TEST-0123ABCD is not secret, but TEST-99 is"
KEY, SHORT = (8, 21), (41, 48)


def result(
    *spans: tuple[int, int], outcome: Outcome = Outcome.FLAGGED, field: str = "text"
) -> EngineResult:
    found = Finding("secrets", "secrets", 0.9, "key", field, spans, "a key")
    return EngineResult("secrets", "1", outcome, (found,))


def left(entry: Allowed, *spans: tuple[int, int], text: str = TEXT) -> tuple[object, ...]:
    """The spans that remain found."""
    kept = screened([entry], [Content(text=text)], [[result(*spans)]])[0][0]
    return tuple(span for finding in kept.findings for span in finding.spans)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    "entry",
    [
        Allowed("why", exact="TEST-0123ABCD"),
        Allowed("why", exact="key TEST-0123ABCD is"),
        Allowed("why", regex="TEST-[0-9A-F]{8}"),
        Allowed("why", sha256=digest("TEST-0123ABCD")),
    ],
)
def test_an_entry_lets_the_passage_pass_that_it_names_and_no_other(entry: Allowed) -> None:
    assert left(entry, KEY) == ()
    assert left(entry, SHORT) == (SHORT,)
    assert left(entry, KEY, SHORT) == (SHORT,)


@pytest.mark.parametrize(
    "entry",
    [
        Allowed("why", exact="TEST-0123ABC"),
        Allowed("why", regex="TEST-[0-9A-F]{4}"),
        Allowed("why", regex="0123"),
        Allowed("why", sha256=digest("test-0123abcd")),
        Allowed("why", exact="TEST-0123ABCD", engines=("jailbreak",)),
        Allowed("why", exact="TEST-0123ABCD", categories=("jailbreak",)),
        Allowed("why", exact="TEST-0123ABCD", fields=("documents",)),
    ],
)
def test_an_entry_opens_the_door_for_nothing_more(entry: Allowed) -> None:
    assert left(entry, KEY) == (KEY,)


@pytest.mark.parametrize(
    "entry",
    [
        Allowed("why", exact=TEXT),
        Allowed("why", regex="The key .{1,60}"),
        Allowed("why", sha256=digest(TEXT)),
    ],
)
def test_an_entry_that_names_the_whole_field_lets_all_of_it_pass(entry: Allowed) -> None:
    assert left(entry, KEY, SHORT, text=f"  {TEXT}\n") == ()
    assert left(entry, KEY, text=f"{TEXT[:-2]}\nis") == (KEY,)


def test_what_passes_is_clean_and_says_why() -> None:
    entries = [Allowed("test bench", exact="TEST-0123ABCD")]
    kept = screened(entries, [Content(text=TEXT)], [[result(KEY)]])[0][0]
    assert (kept.outcome, kept.reason) == (Outcome.CLEAN, "allowed by the policy: test bench")


def test_an_engine_that_was_late_stays_late() -> None:
    entries = [Allowed("test bench", exact="TEST-0123ABCD")]
    late = result(KEY, outcome=Outcome.TIMEOUT)
    kept = screened(entries, [Content(text=TEXT)], [[late]])[0][0]
    assert (kept.outcome, kept.findings) == (Outcome.TIMEOUT, ())


def test_a_finding_with_as_many_spans_as_it_may_have_stays() -> None:
    text = "ab" * MAX_SPANS
    spans = tuple((2 * n, 2 * n + 2) for n in range(MAX_SPANS))
    assert left(Allowed("why", exact="ab"), *spans, text=text) == spans


def test_documents_are_looked_up_by_their_own_field() -> None:
    content = Content(text="x", documents=("no", "TEST-0123ABCD"))
    entries = [Allowed("why", exact="TEST-0123ABCD", fields=("documents",))]
    there, here = result((0, 13), field="documents[1]"), result((0, 1))
    kept = screened(entries, [content], [[there, here]])[0]
    assert [len(one.findings) for one in kept] == [0, 1]


def test_without_entries_results_are_as_they_were() -> None:
    given = [[result(KEY)]]
    assert screened([], [Content(text=TEXT)], given) == given


WILD = [
    "(a+)+", "(a|ab)*", "(.*)*", r"(\w)\1", ".*a.*b.*", "((a?){30}){30}", "(?:a?){40}a{40}",
    "(?=(a+)+b)a", "(a|b|ab)(c|d|cd)" * 12, "(?:(?:a|aa){9}){9}",
]  # fmt: skip
TAME = [
    r"[\w.+-]+@[\w-]+\.example\.com", ".*foo.*", r"(?:\d{1,3}\.){3}\d{1,3}", "(?i:hello) world",
    r"(?:foo|bar) \d{3,5}-\w*", "(?:ab){1,200}", r"sk-test-[A-Za-z0-9]{20,40}", r"\w*?\w*?\d",
    "(?:a?){20}a{20}", "(?:x+x+)y",
]  # fmt: skip


@pytest.mark.parametrize("regex", WILD)
def test_a_pattern_that_could_take_long_is_refused(regex: str) -> None:
    with pytest.raises(ConfigError, match="in too many ways"):
        demand_tame("here", regex)


@pytest.mark.parametrize("regex", TAME)
def test_a_tame_pattern_is_quick_on_the_worst_of_texts(regex: str) -> None:
    demand_tame("here", regex)
    pattern, begun = re.compile(regex), time.thread_time()
    for seed in ("a", "x", "ab", "1", "1.", "foo ", "a.", "sk-test-", "a@a"):
        pattern.fullmatch((seed * PASSAGE)[:PASSAGE])
    assert time.thread_time() - begun < 1


def test_a_passage_longer_than_the_bound_is_not_matched() -> None:
    long = "a" * (PASSAGE + 1)
    assert left(Allowed("why", regex="a{1,2000}"), (0, len(long)), text=long) == ((0, len(long)),)
