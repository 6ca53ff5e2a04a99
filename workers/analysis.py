"""The task that runs engines: claim, call pure code, store."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from uuid import UUID

from celery import signals

from core.analysis import Content, EngineClass, EngineResult, Outcome
from core.logs import log_context
from core.metrics import ENGINE_SECONDS, QUEUE_WAIT, observe_many
from engines.base import Engine
from engines.catalogue import catalogue
from engines.runner import run as run_engines
from workers import cascade, policies, presence
from workers.app import BATCH_QUEUES, app
from workers.folding import finish
from workers.presence import CLASS_ENV
from workers.runs import Run, claim, claim_next, lease, still_mine

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
ALONG_SECONDS = 2.0


@app.task(name="analysis.analyze")
def analyze(run_id: str) -> None:
    """Run one chunk of one job on this worker's class of engines.

    A worker of a batch lane alone goes on with the next chunks for a while: a process that waits
    for its next message idles for a tenth of the time of a chunk. Their own messages then find
    nothing to do.
    """
    until = time.monotonic() + ALONG_SECONDS
    claimed = claim(UUID(run_id))
    while claimed is not None:
        _analyzed(*claimed)
        own = presence.only_queue()
        going_on = own in BATCH_QUEUES and time.monotonic() < until
        claimed = claim_next(own) if own and going_on else None


def _analyzed(run: Run, contents: Sequence[Content]) -> None:
    if run.waited_s is not None:
        QUEUE_WAIT.labels(run.engine_class).observe(run.waited_s)
    with log_context(analysis_id=str(run.analysis_id), run_id=str(run.id)), lease(run):
        if len(contents) != len(run.items):
            _give_up(run, "the content was dropped by retention before it was analysed")
            return
        engines = [catalogue()[name] for name in run.engines if name in catalogue()]
        policy = policies.of_options(run.options)
        stop = _stopper(run)

        def ask(asked: Sequence[Engine], some: Sequence[Content]) -> list[list[EngineResult]]:
            return run_engines(asked, some, should_stop=stop, options=policy.options)

        if cascade.applies(run, EngineClass.GPU):
            results = cascade.ask_undecided(run, engines, contents, policy, ask)
        else:
            results = ask(engines, contents)
        results = policy.screened(contents, results)
        if len(engines) < len(run.engines):
            results = [_complete(run, item) for item in results]
        first = cascade.applies(run, EngineClass.CPU)
        decided = cascade.decisions(contents, results, policy) if first else ()
        if finish(run, results, decided=decided):
            _measure(results)


def _stopper(run: Run) -> Callable[[], bool]:
    """Asks now and then whether the run is still wanted; remembers a no."""
    state = {"asked": time.monotonic(), "stop": False}

    def should_stop() -> bool:
        if not state["stop"] and time.monotonic() - state["asked"] > LOOK_SECONDS:
            state["stop"] = not still_mine(run)
            state["asked"] = time.monotonic()
        return bool(state["stop"])

    return should_stop


def _measure(results: Sequence[Sequence[EngineResult]]) -> None:
    """Each engine's time on each input."""
    for engine in zip(*results, strict=True):
        spent = [result.duration_ms / 1000 for result in engine]
        observe_many(ENGINE_SECONDS.labels(engine[0].engine), spent)


def _complete(run: Run, item: list[EngineResult]) -> list[EngineResult]:
    """Every engine that the run names has a result; one that this worker lacks has failed."""
    given = {result.engine for result in item}
    missing = [name for name in run.engines if name not in given]
    return [
        *item,
        *(
            EngineResult(name, "", Outcome.FAILURE, reason="this worker does not have the engine")
            for name in missing
        ),
    ]


def _give_up(run: Run, reason: str) -> None:
    failed = [EngineResult(name, "", Outcome.FAILURE, reason=reason) for name in run.engines]
    finish(run, [failed for _ in run.items], state="failed", error=reason)


@signals.worker_process_init.connect
def _warm(**_: object) -> None:
    """Load the engines of this class, and run each once, before the first job comes."""
    own = os.environ.get(CLASS_ENV)
    engines = [engine for engine in catalogue().values() if str(engine.engine_class) == own]
    for result in run_engines(engines, [Content(text="warm up")])[0]:
        if result.outcome is Outcome.FAILURE:
            log.error("engine %s does not work here: %s", result.engine, result.reason)


@signals.worker_init.connect
def _warm_threads(**_: object) -> None:
    """A pool of threads has no processes to warm; its heartbeat begins after this."""
    if os.environ.get(CLASS_ENV) == str(EngineClass.GPU):
        _warm()
