"""Model-call spans that repeat what model-call spans below them say, as far as a request shows.

An agent's or framework's span may sum the tokens of the calls that it made, and each of two
instrumentations may make a span of the same call. The innermost one counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import BadInput
from core.otlp_dialects import PERHAPS, find
from core.otlp_span import Span

Usage = tuple[float, float]
"""Prompt and completion tokens."""


def repeats(spans: Sequence[Span | BadInput], roles: Mapping[int, str]) -> set[int]:
    """Places of the spans that are not to be counted; `roles` holds those of model calls.

    A span with calls below it is a repetition when only its usage made it look like a call, when it
    has no tokens of its own, or when its tokens are what those calls sum up to.
    """
    above = _nearest(spans, roles)
    if not above:
        return set()
    open_below: dict[int, int] = defaultdict(int)
    for holder in above.values():
        open_below[holder] += 1
    sums: dict[int, Usage] = {}
    found: set[int] = set()
    ready = [index for index in roles if not open_below[index]]
    while ready:
        index = ready.pop()
        span = spans[index]
        assert isinstance(span, Span)
        usage, below = _usage(span), sums.get(index)
        if below is not None and (usage is None or usage == below or roles[index] == PERHAPS):
            found.add(index)
        counted = usage or below or (0.0, 0.0)
        parent = above.get(index)
        if parent is not None:
            before = sums.get(parent, (0.0, 0.0))
            sums[parent] = (before[0] + counted[0], before[1] + counted[1])
            open_below[parent] -= 1
            if not open_below[parent]:
                ready.append(parent)
    return found


def _nearest(spans: Sequence[Span | BadInput], roles: Mapping[int, str]) -> dict[int, int]:
    """For each model call the nearest one above it; each span is passed once."""
    places = {
        (span.trace_id, span.span_id): index
        for index, span in enumerate(spans)
        if isinstance(span, Span)
    }
    known: dict[int, int | None] = {}
    for start in roles:
        index = _parent(spans, places, start)
        if index is None:
            known[start] = None
            continue
        passed: list[int] = []
        seen = {start}
        while index is not None and index not in roles and index not in known:
            if index in seen:
                index = None
                break
            seen.add(index)
            passed.append(index)
            index = _parent(spans, places, index)
        end = known.get(index) if index is not None and index not in roles else index
        known.update(dict.fromkeys(passed, end))
        known[start] = end if end != start else None
    return {index: end for index in roles if (end := known[index]) is not None}


def _parent(
    spans: Sequence[Span | BadInput], places: Mapping[tuple[str, str], int], index: int
) -> int | None:
    span = spans[index]
    assert isinstance(span, Span)
    return places.get((span.trace_id, span.parent_id)) if span.parent_id else None


def _usage(span: Span) -> Usage | None:
    prompt, completion = (
        _amount(find(span.attributes, name)[0]) for name in ("prompt_tokens", "completion_tokens")
    )
    if prompt is None and completion is None:
        return None
    return prompt or 0.0, completion or 0.0


def _amount(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None
