"""Starts one role of the farm in this process: a worker of a class, beat, Flower, Kafka's consumer,
metrics.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from pathlib import Path

from core.errors import ConfigError, StartError
from core.metrics_home import share
from core.settings import settings

CLASSES = ("cpu", "gpu", "io", "control")
LANES = ("both", "single", "batch")
LANED = ("cpu", "gpu")
OTHERS = {"io": ("watch", "io", "control"), "control": ("control",)}
POOLS = {"cpu": "prefork", "gpu": "threads", "io": "threads", "control": "threads"}
THREADS = {"io": 4, "control": 2}
BATCH_NICE = 10
"""How far a worker of the batch lane alone stands back for the CPU."""


def served(engine_class: str, lane: str | None = None) -> tuple[str, ...]:
    """The queues of a worker of this class and lane. Raises ConfigError for an unknown one."""
    if engine_class not in CLASSES:
        raise ConfigError(f"--class {engine_class!r} is unknown; choose {', '.join(CLASSES)}")
    if lane is not None and lane not in LANES:
        raise ConfigError(f"--lane {lane!r} is unknown; choose {', '.join(LANES)}")
    if engine_class not in LANED:
        if lane is not None:
            raise ConfigError(
                f"class {engine_class} has no lanes; leave --lane out, "
                f"it is for {' and '.join(LANED)}"
            )
        return OTHERS[engine_class]
    single, batch = engine_class, f"{engine_class}-batch"
    return {"single": (single,), "batch": (batch,)}.get(lane or "both", (single, batch))


def command_for(queue: str) -> str:
    """The command that starts a worker for this queue; one for both lanes where a model is held."""
    lanes = {"cpu": "cpu --lane single", "cpu-batch": "cpu --lane batch"}
    classes = {"gpu": "gpu", "gpu-batch": "gpu", "control": "control"}
    return f"sentinel worker --class {lanes.get(queue) or classes.get(queue, 'io')}"


def worker(engine_class: str, lane: str | None = None) -> None:
    """Serve the queues of one class, or one lane of it, until told to stop.

    A worker of the batch lane alone runs at a lower CPU priority, so that batches use what guard
    calls leave. `io` takes `control` along.
    """
    queues = served(engine_class, lane)
    share(settings().sentinel_home)
    from workers import hangup, presence

    hangup.wait()
    role = queues[0] if engine_class in LANED else engine_class
    name = f"{role}-{os.getpid()}@{socket.gethostname()}"
    pool = POOLS[engine_class]
    threads = _slots(engine_class)
    presence.introduce(
        presence.Worker(engine_class, queues, threads, forks=pool == "prefork"), name
    )
    os.environ.setdefault("REMAP_SIGTERM", "SIGQUIT")
    if engine_class == "io":
        check_files()
    if lane == "batch":
        os.nice(BATCH_NICE)
    app = _prepared(f"worker-{role}")
    app.Worker = app.subclass_with_self(hangup.Worker)
    try:
        app.worker_main(
            [
                "worker",
                "--hostname", name,
                "--queues", ",".join(queues),
                "--pool", pool,
                "--concurrency", str(threads),
                "--loglevel", settings().log_level,
                "--without-mingle",
                "--without-gossip",
            ]
        )  # fmt: skip
    finally:
        presence.leave()


def _slots(engine_class: str) -> int:
    """How many runs it takes at once."""
    chosen = settings()
    if engine_class == "gpu":
        return max(chosen.gpu_threads, 1)
    return THREADS.get(engine_class) or chosen.brain_workers or os.cpu_count() or 1


def check_files() -> None:
    """Read detectors.yaml, alerts.yaml and reports.yaml. Raises ConfigError naming what to mend."""
    from workers import delivery, detection, reporting_schedules

    detection.specs()
    delivery.config()
    reporting_schedules.of_file()


def beat() -> None:
    """Send the periodic tasks. Any number may run: each tick's work is claimed in PostgreSQL."""
    share(settings().sentinel_home)
    app = _prepared("beat")
    folder = settings().sentinel_home / "run"
    folder.mkdir(parents=True, exist_ok=True)
    schedule = folder / f"beat-schedule-{os.getpid()}"
    for old in folder.glob("beat-schedule-*"):
        if not Path(f"/proc/{old.name.split('-')[2].split('.')[0]}").exists():
            old.unlink(missing_ok=True)
    app.start(
        ["beat", "--schedule", str(schedule), "--pidfile=", "--loglevel", settings().log_level]
    )


def flower() -> None:
    """Flower over the broker: names, ids and timings of tasks, never their arguments."""
    share(settings().sentinel_home)
    app = _prepared("flower")
    chosen = settings()
    arguments = [
        "flower",
        f"--address={chosen.gateway_host}",
        f"--port={chosen.flower_port}",
        "--inspect_timeout=1000",
    ]
    if chosen.authenticated:
        password = chosen.flower_password.get_secret_value()
        if not password:
            raise ConfigError("FLOWER_PASSWORD is not set; Flower is not served without one here")
        os.environ["FLOWER_BASIC_AUTH"] = f"sentinel:{password}"
    app.start(arguments)


def metrics() -> None:
    """Serve the metrics of the node's processes on METRICS_PORT."""
    share(settings().sentinel_home)
    from core.logs import configure
    from workers import exporter

    configure("metrics")
    chosen = settings()
    try:
        exporter.serve(chosen.gateway_host, chosen.metrics_port)
    except OSError as problem:
        raise StartError(
            f"port {chosen.metrics_port} cannot be bound: {problem.strerror}; "
            "set METRICS_PORT to a free one"
        ) from problem


def kafka() -> None:
    """Consume telemetry from Kafka. Raises ConfigError where no broker is named or the client is
    not installed."""
    from workers import kafka_client

    kafka_client.demand(settings())
    share(settings().sentinel_home)
    _prepared("kafka")
    from workers import kafka as consumer

    consumer.run()


def _prepared(service: str):  # type: ignore[no-untyped-def]
    from core.logs import configure

    configure(service)
    metrics_beside()
    from workers.app import app

    sys.argv[0] = f"sentinel-{service}"
    return app


def metrics_beside() -> None:
    """Outside `sentinel up` the first process of a node serves the metrics of all."""
    if settings().metrics_enabled and "SENTINEL_INSTANCE" not in os.environ:
        threading.Thread(target=_serve_if_free, name="metrics", daemon=True).start()


def _serve_if_free() -> None:
    from workers import exporter

    try:
        exporter.serve(settings().gateway_host, settings().metrics_port)
    except OSError:
        return
