"""How a batch is cut: by what its items will cost, so that no chunk keeps a worker for long."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.analysis import Content, EngineClass
from engines.base import Engine

Rate = tuple[float, float]
"""Seconds for one short input, and for each further character."""
RULES_ALONE: Rate = (3e-4, 1.2e-6)
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


def rate(engines: Iterable[Engine]) -> Rate:
    """What these engines need together, those of class CPU: a first guess, which admission corrects
    by what runs of late have really taken."""
    costs = [engine.seconds for engine in engines if engine.engine_class is EngineClass.CPU]
    return sum(item for item, _ in costs), sum(sign for _, sign in costs)


def cost(content: Content, by: Rate = RULES_ALONE) -> float:
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
    return by[0] + by[1] * size


def cut(contents: Sequence[Content], most: int, by: Rate = RULES_ALONE) -> list[Chunk]:
    """Chunks of at most `most` items and, where items are large, of about CHUNK_SECONDS."""
    chunks: list[Chunk] = []
    first, spent = 0, 0.0
    for index, content in enumerate(contents):
        one = cost(content, by)
        if index > first and (index - first >= most or spent + one > CHUNK_SECONDS):
            chunks.append(Chunk(first, contents[first:index], spent))
            first, spent = index, 0.0
        spent += one
    chunks.append(Chunk(first, contents[first:], spent))
    return chunks
