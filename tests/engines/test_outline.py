"""Outlines, and rules that share how they begin, spare time and lose nothing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.base import _from, _starts
from engines.outline import BEYOND, DIGITS, LETTERS, Outline


@pytest.mark.parametrize(
    ("signs", "there"),
    [(b"call 555-1234", True), (b"call 5 5 5", False), (b"", False), (b"????", False)],
)
def test_three_digits_in_a_row_are_wanted(signs: bytes, there: bool) -> None:
    assert Outline("ddd", d=DIGITS).occurs(signs) is there


def test_dropped_characters_do_not_stand_between() -> None:
    assert Outline("dddd", dropped=" -", d=DIGITS).occurs(b"12-3 4")


def test_of_several_wanted_strings_each_is_counted() -> None:
    assert Outline("ld", "dl", l=LETTERS, d=DIGITS).count(b"a1 2b c3") == 3


def test_characters_beyond_ascii_have_a_kind() -> None:
    assert Outline("xx", x=BEYOND).occurs(b"a??b")


@given(st.text(alphabet="ab c", max_size=40))
def test_matches_that_share_their_beginning_are_those_of_finditer(text: str) -> None:
    begins, whole = r"\bab?", re.compile(r"\bab?[ab]* c")
    found = [match.span() for match in _from(_starts(begins, text), whole, text)]
    assert found == [match.span() for match in whole.finditer(text)]
