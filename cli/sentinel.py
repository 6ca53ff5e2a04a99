"""`sentinel`: runs the whole farm, or one of its processes."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import click

from core import __version__
from core.errors import SentinelError, StartError
from core.settings import CONFIG_ENV, load
from core.tether import die_with_parent

EXIT_REFUSED = 2


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", metavar="FILE", help="Read settings from this config.yaml.")
@click.option("--tethered", is_flag=True, hidden=True)
@click.pass_context
def cli(context: click.Context, config: str | None, tethered: bool) -> None:
    """Sentinel, an analysis farm for LLM traffic.

    With --config and no command it runs what the file's `mode` says.

    \b
    Example:
        sentinel up --demo
    """
    if config:
        os.environ[CONFIG_ENV] = str(Path(config).absolute())
    if tethered:
        die_with_parent(signal.SIGTERM)
    if context.invoked_subcommand is None:
        if not config:
            click.echo(context.get_help())
        else:
            _run_mode(context)


def _run_mode(context: click.Context) -> None:
    mode = load().mode
    if mode == "sidecar":
        raise StartError(
            "mode sidecar has no process of its own in this version; "
            "run `sentinel up` on the farm and send to its API"
        )
    context.invoke(up)


@cli.command()
@click.option("--home", metavar="DIR", help="Data directory; default SENTINEL_HOME or .sentinel.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the API; default 8080.")
@click.option("--demo", is_flag=True, help="Send samples and show a verdict and an alert.")
@click.option("--no-flower", is_flag=True, help="Leave Flower out.")
@click.option("--demo-exit", is_flag=True, hidden=True)
def up(
    home: str | None = None,
    port: int | None = None,
    demo: bool = False,
    no_flower: bool = False,
    demo_exit: bool = False,
) -> None:
    """Run the whole farm here until Ctrl-C.

    Starts an embedded PostgreSQL and Valkey (unless DATABASE_URL and REDIS_URL name others), brings
    the schema up to date, and runs and supervises every process.

    \b
    Example:
        sentinel up --home /var/sentinel/data --port 8080
    """
    from cli.up import run

    if home:
        os.environ["SENTINEL_HOME"] = home
    if port:
        os.environ["GATEWAY_PORT"] = str(port)
    sys.exit(run(demo=demo or demo_exit, with_flower=not no_flower, leave_after_demo=demo_exit))


@cli.command()
def api() -> None:
    """Run the HTTP API.

    \b
    Example:
        GATEWAY_PORT=8081 sentinel api
    """
    from api.launch import serve

    serve()


@cli.command()
def grpc() -> None:
    """Run the OTLP/gRPC receiver.

    \b
    Example:
        GRPC_PORT=4317 sentinel grpc
    """
    from api.grpc_receiver import serve

    serve()


@cli.command()
@click.option(
    "--class",
    "engine_class",
    required=True,
    type=click.Choice(["cpu", "gpu", "io", "control"]),
    help="Class of queues to serve.",
)
@click.option(
    "--lane",
    type=click.Choice(["both", "single", "batch"]),
    help="Which queue of class cpu or gpu: single inputs, batches, or (default) both.",
)
def worker(engine_class: str, lane: str | None) -> None:
    """Run a worker for one class of queues, or for one lane of it.

    A worker of each lane keeps guard calls from waiting behind batches; the one for batches runs at
    a lower CPU priority.

    \b
    Example:
        sentinel worker --class cpu
        sentinel worker --class cpu --lane batch
    """
    from workers import launch

    launch.worker(engine_class, lane)


@cli.command()
def beat() -> None:
    """Run the scheduler.

    \b
    Example:
        sentinel beat
    """
    from workers import launch

    launch.beat()


@cli.command()
def flower() -> None:
    """Run Flower, the view of queues and workers.

    \b
    Example:
        FLOWER_PORT=5556 sentinel flower
    """
    from workers import launch

    launch.flower()


@cli.command()
def kafka() -> None:
    """Consume telemetry from the Kafka topics of KAFKA_TOPICS.

    Any number may run; they share the partitions. Needs the extra `kafka`.

    \b
    Example:
        KAFKA_BROKERS=kafka-1:9092,kafka-2:9092 sentinel kafka
    """
    from workers import launch

    launch.kafka()


@cli.command()
def metrics() -> None:
    """Serve this node's Prometheus metrics.

    \b
    Example:
        METRICS_PORT=9103 sentinel metrics
    """
    from workers import launch

    launch.metrics()


@cli.command()
def migrate() -> None:
    """Bring the schema of DATABASE_URL up to date; harmless when it is.

    \b
    Example:
        DATABASE_URL=postgresql://farm@db/sentinel sentinel migrate
    """
    import migrations

    migrations.upgrade(load().database())
    click.echo("the schema is up to date")


@cli.command()
def version() -> None:
    """Print the version.

    \b
    Example:
        sentinel version
    """
    click.echo(f"sentinel {__version__}")


def main() -> None:
    """Entry point: what cannot start says why in one sentence and exits with status 2."""
    try:
        cli()
    except SentinelError as problem:
        click.echo(f"sentinel: {problem}", err=True)
        sys.exit(EXIT_REFUSED)


if __name__ == "__main__":
    main()
