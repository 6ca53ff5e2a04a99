"""Processes beside the farm: programs that answer in JSON, and the servers to compare with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.ports import accepts, free_port

ROOT = Path(__file__).resolve().parents[2]
COUNT_ENV = "BENCH_COUNT"
THREADS = 16
"""As many as the farm's API has by default."""
START_SECONDS = 30.0


def ask(program: str, **asked: Any) -> dict[str, Any]:
    """Run `ops.bench.<program>` in a process of its own; what it answers."""
    done = subprocess.run(
        [sys.executable, "-m", f"ops.bench.{program}"],
        cwd=ROOT,
        input=json.dumps(asked).encode(),
        stdout=subprocess.PIPE,
    )
    if done.returncode:
        raise SystemExit(f"ops.bench.{program} failed with status {done.returncode}")
    return dict(json.loads(done.stdout))


@contextmanager
def running(*command: str, asked: Any = None) -> Iterator[subprocess.Popen[bytes]]:
    """A Python module as a process, ended with the block."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", *command],
        cwd=ROOT,
        stdin=subprocess.DEVNULL if asked is None else subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    try:
        if process.stdin is not None:
            process.stdin.write(json.dumps(asked).encode())
            process.stdin.close()
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def bare_celery(processes: int, folder: Path) -> Iterator[None]:
    """The Celery worker without a farm; this process's programs publish to it."""
    counted = folder / "counted"
    counted.touch()
    os.environ[COUNT_ENV] = str(counted)
    options = ("--pool=prefork", f"--concurrency={processes}", "--loglevel=error")
    quiet = ("--without-mingle", "--without-gossip")
    name = f"--hostname=bare-{os.getpid()}"
    with running("celery", "-A", "ops.bench.bare_celery", "worker", *options, *quiet, name):
        yield


@contextmanager
def bare_flask(processes: int) -> Iterator[str]:
    """The Flask handler without a farm; its URL."""
    port = free_port()
    options = ("--worker-class=gthread", f"--workers={processes}", f"--threads={THREADS}")
    quiet = ("--keep-alive=75", "--log-level=error", "--no-control-socket")
    bind = f"--bind=127.0.0.1:{port}"
    with running("gunicorn", *options, *quiet, bind, "ops.bench.bare_flask:app") as process:
        until = time.monotonic() + START_SECONDS
        while not accepts("127.0.0.1", port):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit("the Flask handler to compare with did not start")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
