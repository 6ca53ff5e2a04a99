"""Batches are cut by what their items cost."""

from __future__ import annotations

import itertools

import pytest

from core.analysis import Content
from workers.chunks import CHUNK_SECONDS, cost, cut

SHORT = Content(text="hello")
LONG = Content(text="x" * 100_000)
HUGE = Content(text="x" * 1_000_000)


@pytest.mark.parametrize(
    ("contents", "most", "lengths"),
    [
        ([SHORT], 250, [1]),
        ([SHORT] * 600, 250, [250, 250, 100]),
        ([LONG] * 3, 250, [1, 1, 1]),
        ([SHORT, HUGE, SHORT], 250, [1, 1, 1]),
        ([SHORT] * 5, 2, [2, 2, 1]),
    ],
)
def test_large_items_make_small_chunks(
    contents: list[Content], most: int, lengths: list[int]
) -> None:
    assert [len(chunk.contents) for chunk in cut(contents, most)] == lengths


def test_chunks_follow_one_another_and_carry_their_cost() -> None:
    contents = [Content(text="y" * (n * 37 % 9000)) for n in range(500)]
    chunks = cut(contents, 100)
    assert [c for chunk in chunks for c in chunk.contents] == contents
    assert all(one.last + 1 == other.first for one, other in itertools.pairwise(chunks))
    assert sum(chunk.cost for chunk in chunks) == pytest.approx(sum(map(cost, contents)))
    assert max(chunk.cost for chunk in chunks) <= CHUNK_SECONDS


@pytest.mark.parametrize(
    "more",
    [
        {"response": "r" * 1000},
        {"system_prompt": "s" * 1000},
        {"documents": ("d" * 1000,)},
        {"history": ({"role": "user", "content": "h" * 1000},)},
        {"tools": ({"description": "t" * 1000},)},
    ],
)
def test_every_field_counts(more: dict[str, object]) -> None:
    assert cost(Content(text="hello", **more)) > cost(SHORT)  # type: ignore[arg-type]
