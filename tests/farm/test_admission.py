"""Work that cannot be done in time is refused at once, and small work never waits behind large."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from core.database import single, unit_of_work
from core.ids import new_id
from tests.conftest import Farm, eventually
from workers import admission

pytestmark = pytest.mark.farm


@pytest.fixture
def backlog(farm: Farm) -> Iterator[Any]:
    """A function that makes a lane look as if so many seconds of a tenant's work ran there."""
    jobs = []

    def make(queue: str, seconds: float, tenant: str = "default") -> None:
        job = new_id()
        jobs.append(job)
        with unit_of_work() as work:
            work.execute(
                "INSERT INTO analyses (id, tenant, kind, state, mode, item_count, runs_left,"
                " created_at, deadline_at) VALUES (:id, :tenant, 'batch', 'running', 'fast', 1, 1,"
                " now(), now() + interval '1 hour')",
                id=job,
                tenant=tenant,
            )
            work.execute(
                "INSERT INTO runs (id, tenant, analysis_id, engine_class, queue, chunk, first_item,"
                " last_item, engines, state, created_at, cost, lease_until) VALUES (:run, :tenant,"
                " :id, 'cpu', :queue, 0, 0, 0, '{}', 'running', now(), :cost,"
                " now() + interval '1 hour')",
                run=new_id(),
                tenant=tenant,
                id=job,
                queue=queue,
                cost=seconds,
            )
        time.sleep(admission.LOOK_SECONDS)

    yield make
    with unit_of_work() as work:
        work.execute("DELETE FROM analyses WHERE id = ANY(:ids)", ids=jobs)
    time.sleep(admission.LOOK_SECONDS)


def test_a_guard_call_that_would_come_too_late_is_refused_with_the_time_to_come_back(
    farm: Farm, backlog: Any
) -> None:
    backlog("cpu", 100_000, tenant="another")
    answer = farm.client.post("/v1/analyze", json={"text": "refused by the backlog of others"})
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 1) == (503, True)
    assert "other work wait in queue cpu" in answer.json()["detail"]


def test_a_caller_in_its_own_way_is_told_so(farm: Farm, backlog: Any) -> None:
    backlog("cpu-batch", 100_000_000)
    items = [{"text": f"item {n} " * 100} for n in range(400)]
    answer = farm.client.post("/api/v1/analyses", json={"items": items})
    assert (answer.status_code, "your own work" in answer.json()["detail"]) == (429, True)
    listed = single("SELECT count(*) AS n FROM analyses WHERE item_count = 400")
    assert listed[0].n == 0


def test_a_longer_deadline_lets_the_same_work_in(farm: Farm, backlog: Any) -> None:
    backlog("cpu", 40, tenant="another")
    body = {"text": "with a deadline of its own", "deadline_s": 0.5}
    assert farm.client.post("/api/v1/analyses", json=body).status_code == 503
    assert farm.client.post("/api/v1/analyses", json={**body, "deadline_s": 6e4}).status_code == 202


def test_a_batch_keeps_no_guard_call_out(farm: Farm, backlog: Any) -> None:
    backlog("cpu-batch", 100_000)
    answer = farm.client.post("/v1/analyze", json={"text": "beside a very long batch"})
    assert answer.status_code == 200


def test_a_job_whose_own_deadline_passes_expires(farm: Farm) -> None:
    slow = [{"text": "The committee met on Tuesday. " * 20_000}] * 16
    job_id = farm.submit(items=slow, deadline_s=0.3)
    assert farm.finished(job_id)["status"] == "expired"


def test_the_lane_is_chosen_by_what_a_job_costs(farm: Farm) -> None:
    small = farm.submit(items=[{"text": "a"}, {"text": "b"}])
    large = farm.submit(items=[{"text": f"item {n}"} for n in range(600)])
    rows = single(
        "SELECT DISTINCT analysis_id::text AS job, queue FROM runs"
        " WHERE analysis_id IN (:small, :large)",
        small=small,
        large=large,
    )
    assert {row.job: row.queue for row in rows} == {small: "cpu", large: "cpu-batch"}


def test_a_chunk_that_waited_too_long_in_its_lane_is_moved_to_the_other(farm: Farm) -> None:
    from workers import rescue

    farm.stop("worker-cpu")
    farm.start("worker-cpu", "worker", "--class", "cpu", "--lane", "single")
    try:
        job_id = farm.submit(items=[{"text": f"aged {n}"} for n in range(600)])
        with unit_of_work() as work:
            work.execute(
                "UPDATE runs SET published_at = now() - make_interval(secs => :age)"
                " WHERE analysis_id = :id",
                id=job_id,
                age=rescue.AGED_SECONDS + 1,
            )
        job = farm.finished(job_id)
    finally:
        farm.stop("worker-cpu")
        farm.start("worker-cpu", "worker", "--class", "cpu")
        eventually(farm.ready)
    queues = single("SELECT DISTINCT queue FROM runs WHERE analysis_id = :id", id=job_id)
    assert (job["progress"]["done"], [row.queue for row in queues]) == (600, ["cpu"])
