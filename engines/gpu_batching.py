"""Micro-batches: what many threads ask of one model goes through it together.

A model is fast on many inputs at once and a job may have one. Each thread hands in what it has and
waits; one thread runs the model. It takes the oldest input and those nearest to it in length, so
that a batch is hardly padding, and waits for more only while another thread says that it is
preparing some. When a batch fails, its inputs are tried one by one: a poisonous one fails alone.
"""

from __future__ import annotations

import math
import threading
import time
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

WAIT_SECONDS = 0.005
IDLE_SECONDS = 30.0
"""After so long without work the thread ends; the next input starts another."""
TEXT_SHARE = 0.5
"""At least this share of a batch is input; the rest pads it to the longest."""


class TooLate(Exception):
    """The model did not answer within the time that the caller has."""


@dataclass(eq=False, slots=True)
class _Call(Generic[Answer]):
    """What one thread waits for."""

    answers: list[Any]
    left: int
    done: threading.Event = field(default_factory=threading.Event)

    def put(self, place: int, answer: Answer | Exception) -> None:
        self.answers[place] = answer
        self.left -= 1
        if not self.left:
            self.done.set()


@dataclass(eq=False, slots=True)
class _Entry(Generic[Asked, Answer]):
    asked: Asked
    size: int
    call: _Call[Answer]
    place: int


class Batcher(Generic[Asked, Answer]):
    """Gathers inputs of a `run` that takes up to `most` at once.

    `size` is the length to which a batch is padded, and `budget` the most inputs times length.
    """

    def __init__(
        self,
        run: Callable[[list[Asked]], Sequence[Answer]],
        *,
        name: str,
        most: int,
        budget: int,
        size: Callable[[Asked], int],
        wait_s: float = WAIT_SECONDS,
    ) -> None:
        self._run = run
        self._name = name
        self._most = most
        self._budget = budget
        self._size = size
        self._wait_s = wait_s
        self._changed = threading.Condition()
        self._preparing = 0
        self._thread: threading.Thread | None = None
        self._entries: dict[int, _Entry[Asked, Answer]] = {}
        self._by_size: list[tuple[int, int]] = []
        self._by_age: deque[int] = deque()
        self._count = 0

    @contextmanager
    def preparing(self) -> Iterator[None]:
        """Say that inputs are about to come: a batch that is not full waits for them a little."""
        with self._changed:
            self._preparing += 1
        try:
            yield
        finally:
            with self._changed:
                self._preparing -= 1
                self._changed.notify_all()

    def ask(self, inputs: Sequence[Asked], timeout: float) -> list[Answer | Exception]:
        """The answer to each input, or the exception that it alone raised.

        Raises TooLate after `timeout` seconds; what has not begun by then is never run.
        """
        if not inputs:
            return []
        call: _Call[Answer] = _Call([None] * len(inputs), len(inputs))
        keys = self._add(inputs, call)
        try:
            if not call.done.wait(timeout):
                raise TooLate(f"the model did not answer within {timeout:.3g} s")
        finally:
            if not call.done.is_set():
                self._forget(keys)
        return call.answers

    def _add(self, inputs: Sequence[Asked], call: _Call[Answer]) -> list[int]:
        with self._changed:
            keys = list(range(self._count, self._count + len(inputs)))
            self._count += len(inputs)
            for place, (key, asked) in enumerate(zip(keys, inputs, strict=True)):
                size = self._size(asked)
                self._entries[key] = _Entry(asked, size, call, place)
                insort(self._by_size, (size, key))
            self._by_age.extend(keys)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return keys

    def _forget(self, keys: Sequence[int]) -> None:
        with self._changed:
            for key in keys:
                if (entry := self._entries.pop(key, None)) is not None:
                    del self._by_size[bisect_left(self._by_size, (entry.size, key))]

    def _serve(self) -> None:
        while batch := self._next():
            for entry, answer in zip(batch, self._answers(batch), strict=True):
                entry.call.put(entry.place, answer)

    def _next(self) -> list[_Entry[Asked, Answer]]:
        """The next batch; empty when there was nothing to do for long, and the thread ends."""
        with self._changed:
            until = time.monotonic() + IDLE_SECONDS
            while not self._entries:
                if not self._changed.wait(until - time.monotonic()):
                    self._thread = None
                    return []
            until = time.monotonic() + self._wait_s
            while self._preparing and 0 < len(self._entries) < self._most:
                left = until - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    break
            return self._taken() if self._entries else self._next()

    def _taken(self) -> list[_Entry[Asked, Answer]]:
        """The oldest input and its neighbours in length."""
        while self._by_age[0] not in self._entries:
            self._by_age.popleft()
        oldest = self._by_age[0]
        first, last = self._neighbours((self._entries[oldest].size, oldest))
        chosen = self._by_size[first:last]
        del self._by_size[first:last]
        return [self._entries.pop(key) for _, key in chosen]

    def _neighbours(self, oldest: tuple[int, int]) -> tuple[int, int]:
        """The range of inputs around the oldest that goes through the model together."""
        sizes = self._by_size
        first = bisect_left(sizes, oldest)
        last, text = first + 1, oldest[0]
        while last - first < min(self._most, len(sizes)):
            below = oldest[0] - sizes[first - 1][0] if first else math.inf
            above = sizes[last][0] - oldest[0] if last < len(sizes) else math.inf
            shorter = below <= above
            size = sizes[first - 1 if shorter else last][0]
            area = max(size, sizes[last - 1][0]) * (last - first + 1)
            text += size
            if area > self._budget or text < TEXT_SHARE * area:
                break
            first, last = (first - 1, last) if shorter else (first, last + 1)
        return first, last

    def _answers(self, batch: Sequence[_Entry[Asked, Answer]]) -> list[Answer | Exception]:
        asked = [entry.asked for entry in batch]
        try:
            return self._checked(asked)
        except Exception as problem:  # noqa: BLE001  # a model's fault is the answer to its input
            if len(asked) == 1:
                return [problem]
        return [self._alone(each) for each in asked]

    def _alone(self, asked: Asked) -> Answer | Exception:
        try:
            return self._checked([asked])[0]
        except Exception as problem:  # noqa: BLE001  # as above
            return problem

    def _checked(self, asked: list[Asked]) -> list[Answer | Exception]:
        answers: list[Answer | Exception] = list(self._run(asked))
        if len(answers) != len(asked):
            raise ValueError(f"the model gave {len(answers)} answers to {len(asked)} inputs")
        return answers
