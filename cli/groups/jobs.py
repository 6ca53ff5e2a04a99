"""Jobs that do not move."""

from __future__ import annotations

import sys

import click

from cli.output import json_option, show
from core.database import query

EXIT_FAILED = 1


@click.group()
def command() -> None:
    """Look at jobs.

    \b
    Example:
        sentinel-cli jobs stuck
    """


@command.command()
@click.option("--older-than", default=60.0, show_default=True, help="Seconds without a step.")
@json_option
def stuck(older_than: float, as_json: bool) -> None:
    """List runs that have not moved for a while, and why; exit status 1 when there are any.

    \b
    Example:
        sentinel-cli jobs stuck --older-than 120
    """
    rows = query(
        "SELECT r.analysis_id AS job, r.id AS run, r.queue, r.state, r.attempt, r.deaths,"
        " round(extract(epoch FROM now() - coalesce(r.claimed_at, r.created_at))) AS seconds,"
        " CASE WHEN r.state = 'running' AND r.lease_until > now() THEN 'a worker is busy with it'"
        "  WHEN r.state = 'running' THEN 'its worker is gone; rescue gives it to another'"
        "  WHEN NOT EXISTS (SELECT FROM worker_heartbeats w WHERE w.engine_class = r.engine_class"
        "   AND w.seen_at > now() - interval '7 s') THEN 'no worker of class ' || r.engine_class"
        "   || ' is up' ELSE 'it waits behind other work' END AS why"
        " FROM runs r WHERE r.state IN ('queued', 'running')"
        " AND coalesce(r.claimed_at, r.created_at) < now() - make_interval(secs => :older)"
        " ORDER BY r.id LIMIT 1000",
        older=older_than,
    )
    show(rows, as_json, empty="nothing is stuck")
    if rows:
        sys.exit(EXIT_FAILED)
