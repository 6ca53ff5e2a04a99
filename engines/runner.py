"""Runs engines over contents and turns whatever happens into an outcome.

An engine that raises, hangs or answers nonsense costs its own result and nothing else.
"""

from __future__ import annotations

import math
import re
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from core.analysis import Content, EngineResult, Outcome
from core.errors import SentinelError
from engines.base import Engine
from engines.document import Document

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_OVERLAP = 8
_MESSAGE_LENGTH = 200
_SHORTEST = 0.001
"""Seconds; a timer set to nothing would never ring."""


class _TimeUp(BaseException):
    """Not an Exception, so that no engine and no library below it can swallow it."""


class _BadAnswer(SentinelError):
    """The engine's answer breaks its contract; mend the engine."""


def run(
    engines: Sequence[Engine],
    contents: Sequence[Content],
    *,
    deadline_s: float | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[list[EngineResult]]:
    """One list of results per content, one result per engine in the order of `engines`.

    Engines with a `batch_size` of 1 run content by content and share the work of unfolding it;
    the others then run batch by batch. `should_stop` is asked before each engine's turn: once it
    says yes, the rest is `skipped`. After `deadline_s` seconds the rest is `timeout`. `options` are
    the policy's settings for single engines.
    """
    until = None if deadline_s is None else time.monotonic() + deadline_s
    with _alarms() as alarm:
        turns = _Turns(until, should_stop, alarm)
        results: list[dict[str, EngineResult]] = [{} for _ in contents]
        for content, found in zip(contents, results, strict=True):
            document = Document(content, options)
            for engine in engines:
                if engine.batch_size == 1:
                    found[engine.name] = turns.take(engine, [document])[0]
        for engine in engines:
            if engine.batch_size > 1:
                for first in range(0, len(contents), engine.batch_size):
                    part = contents[first : first + engine.batch_size]
                    batch = [Document(each, options) for each in part]
                    for place, result in enumerate(turns.take(engine, batch), first):
                        results[place][engine.name] = result
    return [[found[engine.name] for engine in engines] for found in results]


class _Turns:
    """Gives each engine its turn while there is time and nobody said stop."""

    def __init__(
        self, until: float | None, should_stop: Callable[[], bool], alarm: Callable[[float], object]
    ) -> None:
        self._until = until
        self._should_stop = should_stop
        self._alarm = alarm
        self._stopped = False
        self._unready: dict[str, EngineResult] = {}

    def take(self, engine: Engine, documents: Sequence[Document]) -> list[EngineResult]:
        """One result per document, whatever the engine does."""
        self._stopped = self._stopped or self._should_stop()
        if self._stopped:
            return [engine.without(Outcome.SKIPPED, "the analysis was cancelled")] * len(documents)
        unready = self._prepare(engine)
        if unready is not None:
            return [unready] * len(documents)
        left = None if self._until is None else self._until - time.monotonic()
        if left is not None and left <= 0:
            late = engine.without(Outcome.TIMEOUT, "the analysis ran out of time before its turn")
            return [late] * len(documents)
        seconds = engine.timeout * len(documents)
        span = seconds if left is None else min(seconds, left)
        results = _attempt(engine, documents, span, self._alarm)
        if len(documents) == 1:
            return results
        return [
            self.take(engine, [document])[0] if each.outcome is Outcome.FAILURE else each
            for document, each in zip(documents, results, strict=True)
        ]

    def _prepare(self, engine: Engine) -> EngineResult | None:
        """None when the engine is loaded, else its failure; a failed load is tried once a run."""
        if engine.name not in self._unready:
            try:
                engine.prepare()
            except Exception as problem:  # noqa: BLE001  # a plug-in's fault is its own outcome
                failed = engine.without(Outcome.FAILURE, explain(problem, ()))
                self._unready[engine.name] = failed
        return self._unready.get(engine.name)


def _attempt(
    engine: Engine, documents: Sequence[Document], seconds: float, alarm: Callable[[float], object]
) -> list[EngineResult]:
    started = time.monotonic()
    try:
        try:
            alarm(seconds)
            results = engine.analyze_many(documents)
        finally:
            alarm(0)
        _check(results, len(documents))
    except _TimeUp:
        late = engine.without(Outcome.TIMEOUT, f"interrupted after {seconds:.3g} s")
        results = [late] * len(documents)
    except Exception as problem:  # noqa: BLE001  # a plug-in's fault is its own outcome
        failed = engine.without(Outcome.FAILURE, explain(problem, documents))
        results = [failed] * len(documents)
    elapsed = time.monotonic() - started
    if elapsed > seconds:
        results = [_overdue(result, seconds) for result in results]
    spent = elapsed * 1000 / len(documents)
    return [
        EngineResult(
            one.engine, one.version, one.outcome, one.findings, spent, one.reason, one.score
        )
        for one in results
    ]


def _overdue(result: EngineResult, seconds: float) -> EngineResult:
    """Where no alarm could ring, a result that came too late; what it found is kept."""
    if result.outcome not in (Outcome.CLEAN, Outcome.FLAGGED):
        return result
    return replace(result, outcome=Outcome.TIMEOUT, reason=f"took more than {seconds:.3g} s")


def _check(results: Sequence[EngineResult], expected: int) -> None:
    if len(results) != expected:
        raise _BadAnswer(f"{len(results)} results for {expected} documents")
    for result in results:
        for finding in result.findings:
            if not 0 <= finding.score <= 1:
                raise _BadAnswer(f"the score of {finding.label} is outside 0..1")


def explain(problem: Exception, documents: Sequence[Document]) -> str:
    """Class, place and message of an exception, without anything of the documents' text."""
    kind = type(problem).__name__
    frames = traceback.extract_tb(problem.__traceback__)
    if frames:
        kind += f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}"
    message = _QUOTED.sub("…", str(problem))[:_MESSAGE_LENGTH]
    message = "".join(sign if sign.isprintable() else " " for sign in message).strip()
    if not message or _quotes(message.lower(), documents):
        return kind
    return f"{kind}: {message}"


def _quotes(message: str, documents: Sequence[Document]) -> bool:
    windows = {
        message[first : first + _OVERLAP] for first in range(max(1, len(message) - _OVERLAP + 1))
    }
    return any(
        window in text
        for document in documents
        for text in (each.lower() for each in document.texts())
        for window in windows
    )


def _no_alarm(_seconds: float) -> None:
    return


@contextmanager
def _alarms() -> Iterator[Callable[[float], object]]:
    """A clock to set: after so many seconds it interrupts the main thread; 0 stops it.

    In other threads it never rings. Python's `re` looks for signals while it matches, so that a
    runaway pattern is interrupted too.
    """
    if threading.current_thread() is not threading.main_thread():
        yield _no_alarm
        return
    outer, interval = signal.getitimer(signal.ITIMER_REAL)
    clock = _Clock() if not outer else _SharedClock(time.monotonic() + outer, interval)
    try:
        yield clock.set
    finally:
        clock.close()


class _Clock:
    """Rings between being set and being stopped, and never later: a signal may come late.

    The timer behind it is left running when the clock is stopped, and set again only where it would
    ring too late: to ask the system twice for each engine costs more than many an engine does.
    """

    def __init__(self) -> None:
        self._due = self._rings = math.inf
        self._before = signal.signal(signal.SIGALRM, self._ring)

    def set(self, seconds: float) -> None:
        if not seconds:
            self._due = math.inf
            return
        self._due = time.monotonic() + seconds
        if self._due < self._rings:
            self._start(seconds)

    def close(self) -> None:
        self.set(0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)

    def _start(self, seconds: float) -> None:
        self._rings = self._due
        signal.setitimer(signal.ITIMER_REAL, max(seconds, _SHORTEST))

    def _ring(self, _number: int, _frame: FrameType | None) -> None:
        self._rings = math.inf
        left = self._due - time.monotonic()
        if left <= 0:
            raise _TimeUp
        if left < math.inf:
            self._start(left)


class _SharedClock(_Clock):
    """The clock while a timer of the caller runs: one due earlier is left alone, a later one is
    put back."""

    def __init__(self, due: float, interval: float) -> None:
        self._outer = due
        self._interval = interval
        self._due = self._rings = math.inf
        self._before = signal.getsignal(signal.SIGALRM)

    def set(self, seconds: float) -> None:
        left = self._outer - time.monotonic()
        if 0 < seconds < left:
            signal.signal(signal.SIGALRM, self._ring)
            super().set(seconds)
        elif not seconds and self._due < math.inf:
            self._due = self._rings = math.inf
            signal.signal(signal.SIGALRM, self._before)
            signal.setitimer(signal.ITIMER_REAL, max(left, _SHORTEST), self._interval)

    def close(self) -> None:
        self.set(0)
