"""Long texts in overlapping windows: each part is read, and a hit can say where it is."""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.analysis import Span

SIZE = 720
"""Characters of a window; about 170 tokens of English."""
STEP = 640
_BREAK = re.compile(r"\s")
_SENTENCE = re.compile(r"[^.!?。！？\n]+(?:[.!?。！？]+|\n+|$)")
SLACK = 40
"""How far a window's edge may move to fall between two words."""


def windows(text: str, size: int = SIZE, step: int = STEP) -> list[Span]:
    """Spans that cover the whole text; one where it is no longer than `size`.

    The last window ends with the text and is as long as the others.
    """
    if len(text) <= size:
        return [(0, len(text))]
    starts = [*range(0, len(text) - size, step), len(text) - size]
    return [(_edge(text, start), _edge(text, start + size)) for start in starts]


def _edge(text: str, place: int) -> int:
    """The nearest place from here on that begins a word; the place itself where none is near."""
    if not 0 < place < len(text):
        return min(max(place, 0), len(text))
    found = _BREAK.search(text, place, place + SLACK)
    return found.end() if found else place


def sentences(text: str, start: int, end: int, longest: int = SIZE) -> Iterator[Span]:
    """The sentences and lines of a part of the text, without the blanks around them."""
    for match in _SENTENCE.finditer(text, start, end):
        first, last = match.span()
        while first < last and text[first].isspace():
            first += 1
        while last > first and text[last - 1].isspace():
            last -= 1
        for piece in range(first, last, longest):
            yield piece, min(piece + longest, last)
