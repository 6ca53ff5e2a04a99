"""Windows cover a text without a gap, overlap, and fall between words."""

from __future__ import annotations

import itertools

import pytest

from engines.windows import SIZE, SLACK, STEP, sentences, windows

PROSE = "The river rises in a bog and drops four hundred metres within ten miles. " * 700


@pytest.mark.parametrize("text", ["", "a", "a b", PROSE[:SIZE]])
def test_a_short_text_is_one_window(text: str) -> None:
    assert windows(text) == [(0, len(text))]


@pytest.mark.parametrize("length", [SIZE + 1, SIZE + STEP, 2000, 50_000])
@pytest.mark.parametrize("text", [PROSE, "x" * 60_000], ids=["prose", "one word"])
def test_no_character_is_left_out(text: str, length: int) -> None:
    covered = set()
    for start, end in windows(text[:length]):
        covered.update(range(start, end))
    assert covered == set(range(length))


def test_neighbours_overlap_and_are_about_as_long_as_stated() -> None:
    found = windows(PROSE)
    overlaps = [first[1] - second[0] for first, second in itertools.pairwise(found)]
    assert min(overlaps) >= SIZE - STEP - SLACK
    assert all(SIZE - SLACK <= end - start <= SIZE + SLACK for start, end in found)


def test_windows_begin_with_a_word() -> None:
    assert all(start == 0 or PROSE[start - 1] == " " for start, _ in windows(PROSE)[:-1])


def test_a_sentence_is_found_without_the_blanks_around_it() -> None:
    text = "  One here.  Two there!\n\nThree"
    assert [text[start:end] for start, end in sentences(text, 0, len(text))] == [
        "One here.",
        "Two there!",
        "Three",
    ]


def test_a_sentence_that_never_ends_is_cut() -> None:
    assert all(end - start <= SIZE for start, end in sentences("x" * 5000, 0, 5000))
