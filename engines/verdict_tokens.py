"""How sure a guard model is of its verdict: the probabilities of the words it chose between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from engines.guard_answers import LABELS, SCORES


class Verdicts(NamedTuple):
    """What the answer begins with, and the first token of each of LABELS after it."""

    before: tuple[int, ...]
    tokens: tuple[int, ...]


def verdict_tokens(tokenizer: Any) -> Verdicts | None:
    """Where this tokenizer's labels part; None where two of them begin with the same token."""
    spelled = [
        tokenizer(f"Safety: {label}", add_special_tokens=False)["input_ids"] for label in LABELS
    ]
    place = next((at for at, each in enumerate(zip(*spelled, strict=False)) if len({*each}) > 1), 0)
    tokens = tuple(each[place] for each in spelled)
    if not place or len({*tokens}) < len(LABELS):
        return None
    return Verdicts(tuple(spelled[0][:place]), tokens)


class Watch:
    """Looks on while a model generates, and keeps what it gives the labels at each step."""

    def __init__(self, verdicts: Verdicts | None) -> None:
        self._verdicts = verdicts
        self._steps: list[Any] = []

    def __call__(self, _tokens: Any, logits: Any) -> Any:
        if self._verdicts is not None:
            chosen = logits[:, list(self._verdicts.tokens)]
            self._steps.append(chosen.float().softmax(dim=-1))
        return logits

    def scores(self, answers: Sequence[Sequence[int]]) -> list[float | None]:
        """For each answer the risk at its verdict; None where it has none in the usual place."""
        if self._verdicts is None or not self._steps:
            return [None] * len(answers)
        steps: list[list[list[float]]] = [step.cpu().tolist() for step in self._steps]
        return [self._score(row, answer, steps) for row, answer in enumerate(answers)]

    def _score(
        self, row: int, answer: Sequence[int], steps: Sequence[Sequence[Sequence[float]]]
    ) -> float | None:
        before, tokens = self._verdicts or Verdicts((), ())
        for place in range(len(before), min(len(answer), len(steps))):
            if answer[place] in tokens and tuple(answer[place - len(before) : place]) == before:
                chances = zip(LABELS, steps[place][row], strict=True)
                return min(sum(SCORES[label] * chance for label, chance in chances), 1.0)
        return None
