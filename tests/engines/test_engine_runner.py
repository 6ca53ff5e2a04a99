"""Whatever an engine does, its result is one of the six outcomes and its neighbours go on."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import ClassVar

import pytest

from core.analysis import Content, EngineResult, Finding, Outcome
from core.errors import ConfigError
from engines.base import Engine
from engines.document import Document
from engines.runner import run

TEXT = Content(text="the quick brown fox")


class Scripted(Engine):
    """Does as it is told."""

    name = "scripted"
    version = "1.0.0"
    category = "test"
    inputs: ClassVar = ("text",)

    def __init__(self, act: Callable[[Document], object] = lambda document: None) -> None:
        super().__init__()
        self.act = act

    def examine(self, document: Document) -> EngineResult:
        self.act(document)
        return self.found(())


class Second(Scripted):
    name = "second"


class Hasty(Scripted):
    timeout = 0.05


class Batched(Scripted):
    batch_size = 3


def outcome_of(engine: Engine, **keywords: float) -> EngineResult:
    return run([engine], [TEXT], **keywords)[0][0]  # type: ignore[arg-type]


def fail_with(problem: Exception) -> Callable[[Document], None]:
    def act(_: Document) -> None:
        raise problem

    return act


def spin(_: Document) -> None:
    while True:
        pass


def runaway(_: Document) -> None:
    re.search(r"(a+)+$", "a" * 60 + "b")


def swallow(_: Document) -> None:
    while True:
        try:
            spin(_)
        except Exception:  # noqa: BLE001, S112
            continue


def test_results_come_in_the_order_of_engines_for_each_content() -> None:
    results = run([Batched(), Second()], [TEXT, TEXT, TEXT, TEXT])
    assert [[each.engine for each in item] for item in results] == [["scripted", "second"]] * 4


def test_nothing_to_do_gives_nothing() -> None:
    assert run([], [TEXT]) == [[]]
    assert run([Scripted()], []) == []


def test_a_fault_is_a_failure_and_the_next_engine_runs() -> None:
    bad, good = run([Scripted(fail_with(ValueError("broken"))), Second()], [TEXT])[0]
    assert bad.outcome is Outcome.FAILURE
    assert bad.reason.startswith("ValueError in test_engine_runner.py:")
    assert bad.reason.endswith(": broken")
    assert good.outcome is Outcome.CLEAN


@pytest.mark.parametrize(
    "message", ["cannot read the quick brown", "no 'fox'", 'no "brown" here', "QUICK BROWN FOX"]
)
def test_a_reason_never_quotes_the_input(message: str) -> None:
    reason = outcome_of(Scripted(fail_with(ValueError(message)))).reason
    assert reason.startswith("ValueError")
    assert not re.search("quick|brown|fox", reason, re.IGNORECASE)


def test_a_reason_can_be_stored() -> None:
    reason = outcome_of(Scripted(fail_with(ValueError("odd \x00 \ud800 signs")))).reason
    assert reason.isprintable()


def test_a_reason_never_quotes_a_decoded_layer() -> None:
    hidden = Content(text="dGhlIHBhc3N3b3JkIGlzIGh1bnRlcjI0Mg==")

    def act(document: Document) -> None:
        document.unfold("text")
        raise ValueError("read: the password is hunter242")

    assert "hunter" not in run([Scripted(act)], [hidden])[0][0].reason


def test_a_load_that_fails_is_a_failure_and_is_not_tried_again_for_each_content() -> None:
    class Heavy(Scripted):
        loads = 0

        def load(self) -> None:
            type(self).loads += 1
            raise ConfigError("no such model")

    results = run([Heavy()], [TEXT, TEXT])
    assert [item[0].outcome for item in results] == [Outcome.FAILURE] * 2
    assert "no such model" in results[0][0].reason
    assert Heavy.loads == 1


@pytest.mark.parametrize("act", [spin, runaway, swallow])
def test_an_engine_that_hangs_is_interrupted(act: Callable[[Document], None]) -> None:
    result = outcome_of(Hasty(act))
    assert result.outcome is Outcome.TIMEOUT
    assert result.duration_ms >= 40


def test_the_deadline_interrupts_an_engine_too() -> None:
    assert outcome_of(Scripted(spin), deadline_s=0.05).outcome is Outcome.TIMEOUT


def test_after_the_deadline_the_rest_is_a_timeout_without_a_turn() -> None:
    called: list[Document] = []
    result = outcome_of(Scripted(called.append), deadline_s=0)
    assert (result.outcome, called) == (Outcome.TIMEOUT, [])


def test_outside_the_main_thread_a_late_result_is_labelled() -> None:
    results: list[EngineResult] = []

    def busy(_: Document) -> None:
        until = time.monotonic() + 0.06
        while time.monotonic() < until:
            pass

    thread = threading.Thread(target=lambda: results.append(outcome_of(Hasty(busy))))
    thread.start()
    thread.join()
    assert results[0].outcome is Outcome.TIMEOUT


def test_a_late_result_keeps_what_it_found() -> None:
    results: list[EngineResult] = []

    class Late(Hasty):
        def examine(self, document: Document) -> EngineResult:
            until = time.monotonic() + 0.06
            while time.monotonic() < until:
                pass
            finding = Finding(self.name, "test", 0.9, "x", "text", ((0, 3),), "found")
            return self.found([finding])

    thread = threading.Thread(target=lambda: results.append(outcome_of(Late())))
    thread.start()
    thread.join()
    assert results[0].outcome is Outcome.TIMEOUT
    assert len(results[0].findings) == 1


def test_the_callers_alarm_is_put_back() -> None:
    handler = signal.getsignal(signal.SIGALRM)
    left, _ = signal.getitimer(signal.ITIMER_REAL)
    outcome_of(Hasty(spin))
    assert signal.getsignal(signal.SIGALRM) is handler
    assert bool(signal.getitimer(signal.ITIMER_REAL)[0]) is bool(left)


def test_a_cancel_between_engines_is_seen() -> None:
    stop = threading.Event()
    first, second = run(
        [Scripted(lambda _: stop.set()), Second()], [TEXT], should_stop=stop.is_set
    )[0]
    assert first.outcome is Outcome.CLEAN
    assert (second.outcome, second.reason) == (Outcome.SKIPPED, "the analysis was cancelled")


def test_a_cancel_stays_a_cancel() -> None:
    answers = iter([True, False, False])
    results = run([Scripted(), Second()], [TEXT], should_stop=lambda: next(answers))[0]
    assert {result.outcome for result in results} == {Outcome.SKIPPED}


def test_one_bad_item_does_not_spoil_its_batch() -> None:
    def act(document: Document) -> None:
        if document.content.text == "bad":
            raise ValueError("no")

    contents = [TEXT, Content(text="bad"), TEXT]
    outcomes = [item[0].outcome for item in run([Batched(act)], contents)]
    assert outcomes == [Outcome.CLEAN, Outcome.FAILURE, Outcome.CLEAN]


@pytest.mark.parametrize("score", [-0.1, 1.1, float("nan")])
def test_a_score_outside_its_range_is_a_failure(score: float) -> None:
    class Wrong(Scripted):
        def examine(self, document: Document) -> EngineResult:
            finding = Finding(self.name, "test", score, "x", "text", ((0, 1),), "found")
            return self.found([finding])

    assert outcome_of(Wrong()).outcome is Outcome.FAILURE


def test_a_missing_answer_is_a_failure() -> None:
    class Mute(Batched):
        def analyze_many(self, documents: Sequence[Document]) -> list[EngineResult]:
            return []

    assert outcome_of(Mute()).outcome is Outcome.FAILURE
