"""Why a job does not move: each reason, on rows that no rescue sees because they are taken back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest

from cli.groups.jobs import Scene, standing
from core.database import UnitOfWork, unit_of_work
from core.ids import new_id
from workers.canary import Proof

pytestmark = pytest.mark.farm

WELL = Scene({"cpu": 9}, {"cpu": 2, "control": 2}, {"cpu": Proof(1, False)})
EMPTY = Scene({"cpu": 0}, WELL.slots, WELL.proofs)
NO_RESCUE = Scene({"cpu": 0}, {"cpu": 2}, WELL.proofs)


class _TakenBack(Exception):
    pass


@pytest.fixture
def work(stores: Any) -> Iterator[UnitOfWork]:
    """A transaction that is rolled back."""
    with suppress(_TakenBack), unit_of_work() as work:
        yield work
        raise _TakenBack


def add_job(work: UnitOfWork, deadline_in: float = 600) -> UUID:
    job = new_id()
    work.execute(
        "INSERT INTO analyses (id, kind, state, mode, item_count, items_done, runs_left,"
        " created_at, deadline_at) VALUES (:id, 'batch', 'running', 'fast', 50, 10, 1,"
        " now() - interval '100 s', now() + make_interval(secs => :left))",
        id=job,
        left=deadline_in,
    )
    return job


def add_run(work: UnitOfWork, job: UUID, **columns: str) -> None:
    """An open run, 90 s old; `columns` are SQL."""
    values = {
        "id": f"'{new_id()}'",
        "analysis_id": f"'{job}'",
        "engine_class": "'cpu'",
        "queue": "'cpu'",
        "chunk": "0",
        "first_item": "0",
        "last_item": "49",
        "engines": "'{}'",
        "state": "'queued'",
        "created_at": "now() - interval '90 s'",
        "published_at": "now() - interval '90 s'",
        **columns,
    }
    work.execute(f"INSERT INTO runs ({', '.join(values)}) VALUES ({', '.join(values.values())})")


def leased(seconds: int) -> dict[str, str]:
    return {
        "state": "'running'",
        "worker": "'cpu-7@host'",
        "pid": "8",
        "claimed_at": "now() - interval '80 s'",
        "lease_until": f"now() + interval '{seconds} s'",
    }


BUSY = (
    "cpu-7@host (process 8) has it since 80 s and renewed its lease 1 s ago;"
    " 10 of 50 items of the job are done"
)
GIVEN_ON = "the lease of cpu-7@host is over since {} s; rescue gives the run to another {}"
SENT = {"published_at": "now() - interval '0.2 s'"}


@pytest.mark.parametrize(
    ("columns", "around", "why"),
    [
        (leased(4), WELL, BUSY),
        (leased(-1), WELL, GIVEN_ON.format(1, "within a second")),
        (
            leased(-30),
            NO_RESCUE,
            GIVEN_ON.format(30, "once it runs: start `sentinel worker --class control`"),
        ),
        (
            leased(-30),
            WELL,
            GIVEN_ON.format(
                30, "once it runs: start `sentinel beat`, or see the control worker's log"
            ),
        ),
        (
            {"queue": "'cpu-batch'"},
            WELL,
            "no worker serves queue cpu-batch; start `sentinel worker --class cpu --lane batch`",
        ),
        (
            {},
            Scene(None, WELL.slots, WELL.proofs),
            "the broker does not answer; mend it and the run is sent again",
        ),
        (
            SENT,
            EMPTY,
            "queue cpu is empty: a worker is about to begin it, or its message is lost and is sent"
            " again in 2 s",
        ),
        (
            {"published_at": "now() - interval '6 s'"},
            EMPTY,
            "its message is lost; rescue sends it again within a second",
        ),
        (
            {"published_at": "NULL"},
            NO_RESCUE,
            "its message is lost; rescue sends it again once it runs: start `sentinel worker"
            " --class control`",
        ),
        (
            {},
            Scene(WELL.lengths, WELL.slots, {"cpu": Proof(40, True)}),
            "the workers of queue cpu have done nothing for 40 s, so their processes hang;"
            " restart them",
        ),
        ({}, WELL, "it waits behind 0 runs of 0 jobs in queue cpu, which 2 processes serve"),
        (
            {"queue": "'held:gpu'", "engine_class": "'gpu'"},
            WELL,
            "it is held back until the CPU engines are through with its items",
        ),
    ],
)
def test_an_open_run_says_why(
    work: UnitOfWork, columns: dict[str, str], around: Scene, why: str
) -> None:
    job = add_job(work)
    add_run(work, job, **columns)
    (row,) = standing(work, around, job=job)
    assert (row["why"], row["deadline_in"]) == (why, 600)


def test_a_run_that_waits_counts_the_runs_and_jobs_ahead(work: UnitOfWork) -> None:
    gpu = Scene({"gpu": 9}, {"gpu": 4}, {"gpu": Proof(1, False)})
    for published in (50, 40, 30):
        before = add_job(work)
        for _ in range(2):
            sent = f"now() - interval '{published} s'"
            add_run(work, before, queue="'gpu'", published_at=sent)
    job = add_job(work)
    add_run(work, job, queue="'gpu'", published_at="now() - interval '20 s'")
    (row,) = standing(work, gpu, job=job)
    assert row["why"].startswith("it waits behind 6 runs of 3 jobs in queue gpu, which 4 processes")


@pytest.mark.parametrize(
    ("ago", "around", "then"),
    [
        (2, WELL, "rescue ends it within a second"),
        (60, NO_RESCUE, "rescue ends it once it runs: start `sentinel worker --class control`"),
    ],
)
def test_a_deadline_that_passed_is_the_reason(
    work: UnitOfWork, ago: int, around: Scene, then: str
) -> None:
    job = add_job(work, deadline_in=-ago)
    add_run(work, job)
    (row,) = standing(work, around, job=job)
    assert row["why"] == f"its job's deadline passed {ago} s ago; {then}"


def test_an_open_job_without_an_open_run_says_that_this_should_never_be(work: UnitOfWork) -> None:
    job = add_job(work)
    add_run(work, job, state="'done'")
    (row,) = standing(work, WELL, job=job)
    assert row["run"] is None
    assert row["why"].startswith("none of its runs is open, which should never be: cancel it")


@pytest.mark.parametrize(("older", "found"), [(60, 1), (120, 0)])
def test_what_moved_of_late_is_not_stuck(work: UnitOfWork, older: float, found: int) -> None:
    job = add_job(work)
    add_run(work, job)
    assert len(standing(work, WELL, older=older, job=job)) == found


def test_every_open_job_is_looked_at(work: UnitOfWork) -> None:
    jobs = [add_job(work), add_job(work)]
    add_run(work, jobs[0])
    assert {*jobs} <= {row["job"] for row in standing(work, WELL)}
