"""Micro-batches: who goes together, who fails alone, who gives up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from engines import gpu_batching
from engines.gpu_batching import Batcher, TooLate

LONG = 60.0


class Model:
    """Doubles numbers; keeps each batch; can be told to wait, or to choke on a number."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = threading.Event()
        self.go.set()
        self.begun = threading.Event()
        self.poison: set[int] = set()

    def __call__(self, numbers: list[int]) -> list[int]:
        self.batches.append(list(numbers))
        self.begun.set()
        self.go.wait(LONG)
        if self.poison & {*numbers}:
            raise RuntimeError("poisoned")
        return [number * 2 for number in numbers]


@pytest.fixture
def model() -> Model:
    return Model()


def batcher(run: Callable[[list[int]], Sequence[int]], **chosen: Any) -> Batcher[int, int]:
    """One whose inputs are as long as they are large."""
    limits = {"most": 4, "budget": 10_000, "size": lambda number: number, **chosen}
    return Batcher(run, name="test", **limits)


class Busy:
    """A batcher whose model is at work on 0 until `finish`, while others hand in what they have."""

    def __init__(self, model: Model, **chosen: Any) -> None:
        self.model = model
        self.pool = ThreadPoolExecutor(16)
        model.go.clear()
        self.batcher = batcher(model, **chosen)
        self.first = self.pool.submit(self.batcher.ask, [0], LONG)
        assert model.begun.wait(LONG)

    def ask(self, *numbers: int, timeout: float = LONG) -> Any:
        before = len(self.batcher._entries)
        asked = self.pool.submit(self.batcher.ask, list(numbers), timeout)
        while len(self.batcher._entries) < before + len(numbers):
            pass
        return asked

    def finish(self) -> list[list[int]]:
        """The batches that followed."""
        self.model.go.set()
        self.pool.shutdown()
        return self.model.batches[1:]


def test_each_caller_gets_its_own_answers_in_its_own_order(model: Model) -> None:
    shared = batcher(model)
    with ThreadPoolExecutor(8) as pool:
        asked = [[n, n + 5, n + 1] for n in range(1, 40)]
        answers = list(pool.map(lambda numbers: shared.ask(numbers, LONG), asked))
    assert answers == [[2 * number for number in numbers] for numbers in asked]


def test_nothing_asked_is_nothing_answered(model: Model) -> None:
    assert batcher(model).ask([], LONG) == []
    assert model.batches == []


def test_what_several_threads_hand_in_goes_together(model: Model) -> None:
    busy = Busy(model)
    for number in (5, 6, 7, 8):
        busy.ask(number)
    assert busy.finish() == [[5, 6, 7, 8]]


def test_no_batch_is_larger_than_the_model_takes(model: Model) -> None:
    busy = Busy(model)
    busy.ask(*range(10, 20))
    assert [len(batch) for batch in busy.finish()] == [4, 4, 2]


def test_the_oldest_goes_first_with_those_nearest_in_length(model: Model) -> None:
    busy = Busy(model)
    busy.ask(50)
    busy.ask(10, 11, 12, 48, 49, 52, 90)
    assert busy.finish()[0] == [48, 49, 50, 52]


def test_a_batch_is_hardly_padding(model: Model) -> None:
    busy = Busy(model)
    busy.ask(1, 2, 100)
    assert busy.finish() == [[1, 2], [100]]


def test_a_batch_keeps_within_the_budget_of_tokens(model: Model) -> None:
    busy = Busy(model, budget=25)
    busy.ask(10, 10, 10)
    assert busy.finish() == [[10, 10], [10]]


def test_an_input_over_the_budget_goes_alone(model: Model) -> None:
    assert batcher(model, budget=5).ask([9], LONG) == [18]


def test_a_poisonous_input_fails_alone(model: Model) -> None:
    model.poison = {6}
    five, six, seven = batcher(model).ask([5, 6, 7], LONG)
    assert (five, seven, str(six)) == (10, 14, "poisoned")


def test_a_model_that_answers_too_little_is_at_fault() -> None:
    (answer,) = batcher(lambda _numbers: []).ask([1], LONG)
    assert "0 answers to 1 inputs" in str(answer)


def test_who_cannot_wait_longer_gives_up(model: Model) -> None:
    busy = Busy(model)
    with pytest.raises(TooLate, match=r"within 0\.01 s"):
        busy.batcher.ask([7], 0.01)
    busy.finish()


def test_what_was_given_up_is_never_run(model: Model) -> None:
    busy = Busy(model)
    late = busy.ask(7, 8, timeout=0.01)
    assert isinstance(late.exception(), TooLate)
    busy.ask(9)
    assert busy.finish() == [[9]]


def test_a_batch_waits_for_what_is_being_prepared(model: Model) -> None:
    shared = batcher(model, most=2, wait_s=LONG)
    with ThreadPoolExecutor(1) as pool, shared.preparing():
        one = pool.submit(shared.ask, [3], LONG)
        while not shared._entries:
            pass
        assert shared.ask([4], LONG) == [8]
        assert one.result() == [6]
    assert model.batches == [[3, 4]]


def test_an_input_that_nobody_follows_does_not_wait(model: Model) -> None:
    assert batcher(model, wait_s=LONG).ask([3], LONG) == [6]


def test_the_thread_ends_when_idle_and_another_begins(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_batching, "IDLE_SECONDS", 0.01)
    shared = batcher(model)
    shared.ask([1], LONG)
    while shared._thread is not None:
        pass
    assert shared.ask([2], LONG) == [4]
