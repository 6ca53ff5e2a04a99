"""Tokens of a parent that only sums its children's are not counted again."""

from __future__ import annotations

from typing import Any

import pytest

from core import otlp_sums
from tests.core.test_otlp_dialects import CHAT, MODEL, Span, span, taken


def call(number: int, parent: int = 0, tokens: tuple[int, int] | None = None, **more: Any) -> Span:
    usage: dict[str, Any] = {}
    if tokens:
        usage = {"gen_ai.usage.input_tokens": tokens[0], "gen_ai.usage.output_tokens": tokens[1]}
    attributes = {**more.pop("attributes", CHAT), **usage}
    return span(attributes, number, parent_id=f"{parent:016x}" if parent else "", **more)


def kept(*spans: Span) -> list[int]:
    return [int(one.event_id, 16) for one in taken(*spans).events]


def test_a_parent_that_sums_its_children_is_not_kept() -> None:
    spans = (call(1, 0, (30, 5)), call(2, 1, (10, 2)), call(3, 1, (20, 3)))
    assert kept(*spans) == [2, 3]
    assert taken(*spans).repeated == 1


def test_a_parent_with_tokens_of_its_own_is_kept() -> None:
    assert kept(call(1, 0, (31, 5)), call(2, 1, (10, 2)), call(3, 1, (20, 3))) == [1, 2, 3]


def test_the_same_call_seen_by_two_instrumentations_counts_once() -> None:
    assert kept(call(1, 0, (10, 2)), call(2, 1, (10, 2))) == [2]


def test_a_parent_without_tokens_stands_back_for_its_call() -> None:
    assert kept(call(1), call(2, 1, (10, 2))) == [2]


def test_sums_are_seen_through_spans_between() -> None:
    tool = span({"gen_ai.operation.name": "execute_tool"}, 2, parent_id=f"{1:016x}")
    assert kept(call(1, 0, (10, 2)), tool, call(3, 2, (10, 2))) == [3]


def test_what_only_looks_like_a_call_stands_back_for_calls_below() -> None:
    agent = call(1, 0, (99, 9), attributes=MODEL)
    assert kept(agent, call(2, 1, (10, 2))) == [2]
    assert kept(agent) == [1]


def test_sums_of_sums() -> None:
    spans = (call(1, 0, (30, 5)), call(2, 1, (30, 5)), call(3, 2, (10, 2)), call(4, 2, (20, 3)))
    assert kept(*spans) == [3, 4]


def test_children_of_another_trace_say_nothing() -> None:
    assert kept(call(1, 0, (10, 2)), call(2, 1, (10, 2), trace_id="f" * 32)) == [1, 2]


def test_spans_that_are_each_others_parents_are_all_kept() -> None:
    assert kept(call(1, 2, (10, 2)), call(2, 1, (10, 2)), call(3, 3, (1, 1))) == [1, 2, 3]


def test_a_long_chain_is_climbed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    climb = otlp_sums._parent
    monkeypatch.setattr(otlp_sums, "_parent", lambda *at: steps.append(at[2]) or climb(*at))
    between = [span({}, n, parent_id=f"{n - 1:016x}") for n in range(2, 500)]
    assert len(taken(*between, *(call(500 + n, 499, (1, 1)) for n in range(500))).events) == 500
    assert len(steps) < 1100
