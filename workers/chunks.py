"""How a batch is cut: by what its items will cost, so that no chunk keeps a worker for long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.analysis import Content

ITEM_SECONDS = 0.0002
CHARACTER_SECONDS = 0.8e-6
"""What all CPU engines need for one short input, and for each further character: a first guess,
which admission corrects by what runs of late have really taken."""
CHUNK_SECONDS = 0.1
"""Estimated time of the engines on one chunk; an item that alone takes longer stands alone."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Neighbouring items of a job, and the estimated seconds of one class of engines on them."""

    first: int
    contents: Sequence[Content]
    cost: float

    @property
    def last(self) -> int:
        """Index of the last item."""
        return self.first + len(self.contents) - 1


def cost(content: Content) -> float:
    """Estimated seconds of the CPU engines on one input."""
    size = len(content.text)
    if content.response:
        size += len(content.response)
    if content.system_prompt:
        size += len(content.system_prompt)
    size += sum(map(len, content.documents))
    size += sum(len(turn.get("content", "")) for turn in content.history)
    if content.tools:
        size += len(str(content.tools))
    return ITEM_SECONDS + CHARACTER_SECONDS * size


def cut(contents: Sequence[Content], most: int) -> list[Chunk]:
    """Chunks of at most `most` items and, where items are large, of about CHUNK_SECONDS."""
    chunks: list[Chunk] = []
    first, spent = 0, 0.0
    for index, content in enumerate(contents):
        one = cost(content)
        if index > first and (index - first >= most or spent + one > CHUNK_SECONDS):
            chunks.append(Chunk(first, contents[first:index], spent))
            first, spent = index, 0.0
        spent += one
    chunks.append(Chunk(first, contents[first:], spent))
    return chunks
