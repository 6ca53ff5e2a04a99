"""Where the time goes on the hot paths: cProfile in this process, on a farm that runs.

    python -m ops.bench.profile [--home DIR] [--items 250] [--times 10] [--only chunk] [--cpu]

Finds the farm's stores as `sentinel-cli` does. Three paths: `chunk` is what a worker does with a
chunk of short prompts, `submission` stores and sends one job, `guard` is a guard call through
Flask's test client, which the farm's own worker answers. Each is run once to warm up, then timed
without the profiler, then profiled, because cProfile makes Python dearer but not C. Counts as the
processes of a farm do, in files of a folder of its own. `--cpu` profiles the processor time of
this process in place of the clock, for a machine that others use too; waiting then costs nothing.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from cli.attach import attach
from ops.bench.texts import fresh_salt, prompt

Calls = list[Callable[[], object]]
PATHS = ("chunk", "submission", "guard")
REPEATS = 200
"""Submissions and guard calls that are profiled."""


def _submission(kind: str, texts: list[str]) -> Any:
    from core.analysis import Content, Mode
    from workers.submission import Submission

    mode = Mode.FAST if kind == "batch" else Mode.BALANCED
    contents = [Content(text=text) for text in texts]
    return Submission(contents=contents, kind=kind, mode=mode, application_id="bench-profile")


@contextmanager
def _held_back() -> Iterator[list[str]]:
    """Runs that are submitted meanwhile are collected here and sent to nobody."""
    kept: list[str] = []

    def keep(_queue: str, runs: Any, *_: Any, **__: Any) -> None:
        kept.extend(str(run) for run in runs)

    with patch("workers.submission.publish_runs", keep):
        yield kept


def chunks(items: int, times: int) -> Calls:
    """The worker's task on the chunks of a batch that was stored and whose messages were held back.

    They look freshly sent for an hour, so that the rescue does not hand them to the farm's worker.
    """
    from core.database import unit_of_work
    from workers.analysis import analyze
    from workers.submission import submit

    salt = fresh_salt()
    with _held_back() as runs:
        job = submit(_submission("batch", [prompt(salt, n) for n in range(items * times)])).id
    with unit_of_work() as work:
        work.execute(
            "UPDATE runs SET published_at = now() + make_interval(hours => 1)"
            " WHERE analysis_id = :id",
            id=job,
        )
    return [lambda run=run: analyze(run) for run in runs]  # type: ignore[misc]


def submissions(times: int) -> Calls:
    """Single jobs: rows, commit, message. The farm's worker takes them."""
    from workers.submission import submit

    salt = fresh_salt()
    wanted = [_submission("single", [prompt(salt, number)]) for number in range(times)]
    return [lambda one=one: submit(one) for one in wanted]  # type: ignore[misc]


def guard_calls(times: int) -> Calls:
    """Guard calls through the WSGI application, without a socket."""
    from api.app import create_app

    client = create_app().test_client()
    salt = fresh_salt()

    def call(number: int) -> None:
        answer = client.post("/api/v1/analyze", json={"text": prompt(salt, number)})
        if answer.status_code != 200:
            raise SystemExit(f"the guard call was answered {answer.status_code}")

    return [lambda number=number: call(number) for number in range(times)]  # type: ignore[misc]


def report(title: str, make: Callable[[], Calls], lines: int, cpu: bool) -> None:
    """Time the calls, then profile as many others."""
    warm, *timed = make()
    warm()
    begun, used = time.perf_counter(), time.process_time()
    for call in timed:
        call()
    each = 1000 / max(len(timed), 1)
    spent, used = (time.perf_counter() - begun) * each, (time.process_time() - used) * each
    calls = make()
    profiler = cProfile.Profile(time.process_time) if cpu else cProfile.Profile()
    profiler.enable()
    for call in calls:
        call()
    profiler.disable()
    print(
        f"\n{title}: {spent:.2f} ms each, {used:.2f} ms of them this process's own, without the"
        f" profiler; below, {len(calls)} with it{', processor time' if cpu else ''}"
    )
    stats = pstats.Stats(profiler).strip_dirs()
    for order in ("cumulative", "tottime"):
        stats.sort_stats(order).print_stats(lines)


def main() -> None:
    """Profile the paths that were asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--home", help="data directory of the farm")
    parser.add_argument("--items", type=int, default=250, help="prompts of a chunk")
    parser.add_argument("--times", type=int, default=10, help="chunks")
    parser.add_argument("--only", choices=PATHS, help="this path alone")
    parser.add_argument("--lines", type=int, default=25)
    parser.add_argument("--cpu", action="store_true", help="this process's processor time")
    chosen = parser.parse_args()
    attach(chosen.home)
    with tempfile.TemporaryDirectory(prefix="sentinel-profile-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        os.environ["BRAIN_CHUNK_SIZE"] = str(chosen.items)
        make: dict[str, tuple[str, Callable[[], Calls]]] = {
            "chunk": (
                f"a chunk of {chosen.items} prompts through workers.analysis",
                lambda: chunks(chosen.items, chosen.times),
            ),
            "submission": (
                "a submission through workers.submission",
                lambda: submissions(REPEATS),
            ),
            "guard": ("a guard call through the application", lambda: guard_calls(REPEATS)),
        }
        for name in PATHS if chosen.only is None else (chosen.only,):
            report(*make[name], lines=chosen.lines, cpu=chosen.cpu)


if __name__ == "__main__":
    main()
