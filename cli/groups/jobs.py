"""Jobs that do not move, and why."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import click

from cli.output import json_option, show
from core.database import UnitOfWork, unit_of_work
from core.errors import BrokerDown, NotFound
from workers import canary, presence
from workers.canary import Proof, proof_of
from workers.holding import is_held
from workers.launch import command_for
from workers.queues import queue_lengths
from workers.rescue import LOST_AFTER_SECONDS
from workers.runs import LEASE_SECONDS

EXIT_FAILED = 1
RESCUE_SECONDS = 10.0
"""What rescue, which looks every second, has not done in this time it does not do at all."""
SHOWN = ("job", "run", "queue", "state", "attempt", "deaths", "seconds", "deadline_in", "why")

_OPEN = """
WITH waiting AS (
    SELECT id, queue, row_number() OVER (PARTITION BY queue ORDER BY published_at, id) AS place,
        row_number() OVER (PARTITION BY queue, analysis_id ORDER BY published_at, id) = 1 AS opens
    FROM runs WHERE state = 'queued'
), ahead AS (
    SELECT id, place - 1 AS runs_ahead, count(*) FILTER (WHERE opens) OVER (PARTITION BY queue
        ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS jobs_ahead
    FROM waiting
)
SELECT r.analysis_id AS job, r.id AS run, r.queue, r.state, r.attempt, r.deaths, r.worker, r.pid,
    extract(epoch FROM now() - coalesce(r.claimed_at, r.created_at))::float AS seconds,
    extract(epoch FROM a.deadline_at - now())::float AS deadline_in,
    extract(epoch FROM r.lease_until - now())::float AS lease_left,
    extract(epoch FROM now() - r.published_at)::float AS sent_ago,
    a.items_done, a.item_count, w.runs_ahead, w.jobs_ahead
FROM runs r JOIN analyses a ON a.id = r.analysis_id LEFT JOIN ahead w ON w.id = r.id
WHERE r.state IN ('queued', 'running')
    AND coalesce(r.claimed_at, r.created_at) <= now() - make_interval(secs => :older)
    AND (CAST(:job AS uuid) IS NULL OR r.analysis_id = :job)
ORDER BY r.id LIMIT 1000
"""
_WITHOUT_RUN = """
SELECT a.id AS job, NULL AS run, NULL AS queue, a.state, NULL AS attempt, NULL AS deaths,
    extract(epoch FROM now() - a.created_at)::float AS seconds,
    extract(epoch FROM a.deadline_at - now())::float AS deadline_in
FROM analyses a WHERE a.state IN ('queued', 'running')
    AND a.created_at <= now() - make_interval(secs => :older)
    AND (CAST(:job AS uuid) IS NULL OR a.id = :job)
    AND NOT EXISTS (SELECT FROM runs r WHERE r.analysis_id = a.id
        AND r.state IN ('queued', 'running'))
ORDER BY a.id LIMIT 1000
"""


@dataclass(frozen=True, slots=True)
class Scene:
    """What the farm looks like to a run: `lengths` is None while the broker does not answer."""

    lengths: Mapping[str, int] | None
    slots: Mapping[str, int]
    proofs: Mapping[str, Proof]


def scene() -> Scene:
    """The farm at this moment."""
    try:
        lengths: Mapping[str, int] | None = queue_lengths()
    except BrokerDown:
        lengths = None
    return Scene(lengths, presence.slots(), canary.proofs())


def standing(
    work: UnitOfWork, around: Scene, *, older: float = 0.0, job: UUID | None = None
) -> list[dict[str, Any]]:
    """Open runs that have not moved for `older` seconds, and open jobs without one; each with why.

    Of all jobs, or of one.
    """
    found = [row._asdict() for row in work.execute(_OPEN, older=older, job=job)]
    for row in found:
        row["why"] = why(row, around)
    for missing in work.execute(_WITHOUT_RUN, older=older, job=job):
        found.append({**missing._asdict(), "why": _without_run(missing.deadline_in, around)})
    for row in found:
        row["seconds"], row["deadline_in"] = round(row["seconds"]), round(row["deadline_in"])
    return [{name: row[name] for name in SHOWN} for row in found]


def why(run: Mapping[str, Any], around: Scene) -> str:
    """What an open run waits for, and what to do where nothing will happen by itself."""
    if run["deadline_in"] < 0:
        return f"its job's deadline passed {-run['deadline_in']:.0f} s ago; " + _rescued(
            "rescue ends it", -run["deadline_in"], around
        )
    return _running(run, around) if run["state"] == "running" else _queued(run, around)


def _running(run: Mapping[str, Any], around: Scene) -> str:
    left = run["lease_left"] or 0.0
    if left > 0:
        return (
            f"{run['worker']} (process {run['pid']}) has it since {run['seconds']:.0f} s and"
            f" renewed its lease {max(LEASE_SECONDS - left, 0):.0f} s ago; {run['items_done']} of"
            f" {run['item_count']} items of the job are done"
        )
    return f"the lease of {run['worker']} is over since {-left:.0f} s; " + _rescued(
        "rescue gives the run to another", -left, around
    )


def _queued(run: Mapping[str, Any], around: Scene) -> str:
    queue = run["queue"]
    if is_held(queue):
        return "it is held back until the CPU engines are through with its items"
    if not around.slots.get(queue):
        return f"no worker serves queue {queue}; start `{command_for(queue)}`"
    if around.lengths is None:
        return "the broker does not answer; mend it and the run is sent again"
    if around.lengths[queue] == 0:
        return _unsent(run, around)
    proof = proof_of(queue, around.proofs)
    if proof.silent:
        age = "ever" if math.isinf(proof.age_s) else f"for {proof.age_s:.0f} s"
        return (
            f"the workers of queue {queue} have done nothing {age}, so their processes hang;"
            " restart them"
        )
    return (
        f"it waits behind {run['runs_ahead']} runs of {run['jobs_ahead']} jobs in queue {queue},"
        f" which {around.slots[queue]} processes serve"
    )


def _unsent(run: Mapping[str, Any], around: Scene) -> str:
    sent_ago = run["sent_ago"]
    late = run["seconds"] if sent_ago is None else sent_ago - LOST_AFTER_SECONDS
    if late >= 0:
        return f"its message is lost; {_rescued('rescue sends it again', late, around)}"
    return (
        f"queue {run['queue']} is empty: a worker is about to begin it, or its message is lost and"
        f" is sent again in {-late:.0f} s"
    )


def _rescued(what: str, late: float, around: Scene) -> str:
    """What rescue does soon, or why it does not."""
    if late <= RESCUE_SECONDS:
        return f"{what} within a second"
    if not around.slots.get("control"):
        return f"{what} once it runs: start `{command_for('control')}`"
    return f"{what} once it runs: start `sentinel beat`, or see the control worker's log"


def _without_run(deadline_in: float, around: Scene) -> str:
    end = (
        f"it expires in {deadline_in:.0f} s"
        if deadline_in > 0
        else _rescued("rescue ends it", -deadline_in, around)
    )
    return f"none of its runs is open, which should never be: cancel it, or {end}; please report it"


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
    around = scene()
    with unit_of_work() as work:
        rows = standing(work, around, older=older_than)
    show(rows, as_json, empty="nothing is stuck")
    if rows:
        sys.exit(EXIT_FAILED)


@command.command(name="show")
@click.argument("job", type=click.UUID)
@json_option
def show_job(job: UUID, as_json: bool) -> None:
    """Show a job's state and what its open runs wait for.

    \b
    Example:
        sentinel-cli jobs show 01a2001f-3d8f-75e2-a974-ab6987b6bcc1
    """
    around = scene()
    with unit_of_work() as work:
        found = _job(work, job)
        rows = standing(work, around, job=job)
    if as_json:
        click.echo(json.dumps({**found, "open_runs": rows}, default=str, indent=2))
        return
    show([found], as_json, empty="")
    show(rows, as_json, empty=f"the job is {found['state']}; none of its runs is open")


def _job(work: UnitOfWork, job: UUID) -> dict[str, Any]:
    rows: Sequence[Any] = work.execute(
        "SELECT id, kind, state, items_done, item_count, runs_left, verdict, error, created_at,"
        " deadline_at, finished_at FROM analyses WHERE id = :id",
        id=job,
    ).all()
    if not rows:
        raise NotFound(f"there is no job {job}; list GET /api/v1/analyses")
    return dict(rows[0]._asdict())
