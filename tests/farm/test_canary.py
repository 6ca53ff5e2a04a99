"""What is known of workers: heartbeats and slots, deaths in the pool, canaries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import psutil
import pytest

from api.routes import health
from core.database import query, unit_of_work
from core.ids import new_id
from tests.conftest import Farm, caught, eventually
from workers import canary, presence
from workers.canary import Proof
from workers.runs import LEASE_SECONDS

pytestmark = pytest.mark.farm

SLOW_TEXT = "The committee met on Tuesday and talked about the budget for the library. " * 400


def change(statement: str, **values: Any) -> None:
    with unit_of_work() as work:
        work.execute(statement, **values)


@pytest.mark.parametrize(
    ("age", "asked", "silent"),
    [(1, True, False), (16, True, True), (16, False, False), (1, False, False)],
)
def test_a_queue_is_silent_once_it_was_asked_and_has_not_answered_for_long(
    age: float, asked: bool, silent: bool
) -> None:
    assert Proof(age, asked).silent is silent


def test_a_queue_without_any_proof_is_silent() -> None:
    assert canary.proof_of("cpu", {}).silent


def test_slots_are_counted_by_queue(farm: Farm) -> None:
    found = eventually(presence.slots)
    assert {name: found[name] for name in ("cpu", "cpu-batch", "io", "watch", "control")} == {
        "cpu": 2,
        "cpu-batch": 2,
        "io": 4,
        "watch": 4,
        "control": 6,
    }


@pytest.fixture
def stale_worker(farm: Farm) -> Iterator[None]:
    """A worker that has not been heard of for 20 s."""
    change(
        "INSERT INTO worker_heartbeats (name, engine_class, pid, started_at, seen_at, slots,"
        " queues) VALUES ('stale', 'tpu', 1, now(), now() - interval '20 s', 8, '{elsewhere}')"
    )
    yield
    change("DELETE FROM worker_heartbeats WHERE name = 'stale'")


def test_slots_of_late_outlast_the_heartbeat(stale_worker: None) -> None:
    assert presence.slots().get("elsewhere", 0) == 0
    assert presence.slots_recently()["elsewhere"] == 8


def test_the_run_of_a_child_that_dies_loses_its_lease_at_once(farm: Farm) -> None:
    job_id = farm.submit(items=[{"text": SLOW_TEXT}] * 200)
    child, run = eventually(lambda: caught(farm, job_id))
    child.kill()
    said = f"pool process {child.pid} died over run {run}; its lease is ended"
    eventually(lambda: said in farm.log("worker-cpu"))
    job = farm.finished(job_id, within=60)
    assert (job["status"], job["progress"]["done"]) == ("completed", 200)


def test_a_pool_tells_a_death_some_times_and_then_forgets_it() -> None:
    child = psutil.Popen(["sleep", "60"])
    pool = presence.Pool()
    before = pool.died()
    child.kill()
    eventually(lambda: child.status() == psutil.STATUS_ZOMBIE)
    looks = [child.pid in pool.died() for _ in range(presence.Pool.told + 1)]
    child.wait()
    assert (before, looks) == ([], [True] * presence.Pool.told + [False])


def test_canaries_prove_every_queue_that_is_served(farm: Farm) -> None:
    def proven() -> bool:
        known = canary.proofs()
        return all(
            queue in known and known[queue].age_s < 2 * canary.EVERY_SECONDS
            for queue in presence.slots()
        )

    assert eventually(proven)


def test_however_often_it_is_asked_for_a_queue_gets_one_canary_in_five_seconds(farm: Farm) -> None:
    canary.send_due()
    assert [canary.send_due() for _ in range(5)] == [0] * 5


class Row(NamedTuple):
    queue: str


@pytest.mark.parametrize(("waiting", "sent"), [(0, 1), (9, 1), (10, 0), (5000, 0)])
def test_a_canary_does_not_join_a_crowd(
    monkeypatch: pytest.MonkeyPatch, waiting: int, sent: int
) -> None:
    published: list[str] = []
    monkeypatch.setattr(canary, "single", lambda *_, **__: [Row("cpu")])
    monkeypatch.setattr(canary, "queue_lengths", lambda: {"cpu": waiting})
    monkeypatch.setattr(canary.sing, "apply_async", lambda *_, queue, **__: published.append(queue))
    assert (canary.send_due(), len(published)) == (sent, sent)


@pytest.fixture
def busy(farm: Farm) -> Iterator[None]:
    """A run that a worker of both GPU lanes, which sings to nobody, keeps renewing."""
    job, run = new_id(), new_id()
    change(
        "INSERT INTO worker_heartbeats (name, engine_class, pid, started_at, seen_at, slots,"
        " queues) VALUES ('busy', 'tpu', 1, now(), now() - interval '9 s', 1, '{gpu,gpu-batch}');"
        "DELETE FROM canaries WHERE queue IN ('gpu', 'gpu-batch');"
        "INSERT INTO analyses (id, kind, state, mode, item_count, runs_left, created_at,"
        " deadline_at) VALUES (:job, 'batch', 'running', 'fast', 1, 1, now(),"
        " now() + interval '1 h');"
        "INSERT INTO runs (id, analysis_id, engine_class, queue, chunk, first_item, last_item,"
        " engines, state, worker, lease_until, created_at, claimed_at) VALUES (:run, :job, 'gpu',"
        " 'gpu-batch', 0, 0, 0, '{}', 'running', 'busy', now() + make_interval(secs => :left),"
        " now(), now() - interval '1 h')",
        left=LEASE_SECONDS - 1,
        job=job,
        run=run,
    )
    yield
    change("DELETE FROM worker_heartbeats WHERE name = 'busy'")
    change("DELETE FROM analyses WHERE id = :job", job=job)


def test_a_run_whose_lease_is_renewed_proves_every_queue_of_its_worker(busy: None) -> None:
    known = canary.proofs()
    assert known["gpu-batch"].age_s == pytest.approx(1, abs=0.9)
    assert known["gpu"].age_s == known["gpu-batch"].age_s


def test_work_that_was_done_is_a_proof_where_no_canary_sings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proven: list[str] = []
    monkeypatch.setattr(canary, "_prove", proven.append)
    monkeypatch.setattr(canary, "_proven", {})
    task = type("Task", (), {"request": type("R", (), {"delivery_info": {"routing_key": "io"}})})
    for _ in range(3):
        canary._worked(sender=task)
    assert proven == ["io"]


@pytest.fixture
def newcomer(farm: Farm) -> Iterator[None]:
    """A worker that has just begun, and a proof from before."""
    change(
        "INSERT INTO worker_heartbeats (name, engine_class, pid, started_at, seen_at, slots,"
        " queues) VALUES ('new', 'tpu', 1, now() - interval '3 s', now(), 1, '{elsewhere}');"
        "INSERT INTO canaries (queue, seen_at) VALUES ('elsewhere', now() - interval '4 s')"
    )
    yield
    change("DELETE FROM worker_heartbeats WHERE name = 'new'")
    change("DELETE FROM canaries WHERE queue = 'elsewhere'")


def test_what_was_done_before_a_worker_began_proves_nothing_for_it(newcomer: None) -> None:
    assert "elsewhere" not in canary.proofs()
    change("UPDATE worker_heartbeats SET started_at = now() - interval '9 s' WHERE name = 'new'")
    assert canary.proofs()["elsewhere"].age_s >= 4


@pytest.fixture
def no_canary(farm: Farm) -> Iterator[None]:
    """Nobody sends a canary into queue watch, and it has no proof yet."""
    change(
        "UPDATE canaries SET seen_at = NULL, sent_at = now() + interval '1 h' WHERE queue = 'watch'"
    )
    yield
    change("UPDATE canaries SET sent_at = NULL WHERE queue = 'watch'")


def test_ticks_prove_their_queue_where_no_canary_gets_through(no_canary: None) -> None:
    assert eventually(lambda: "watch" in canary.proofs())


@pytest.fixture
def frozen_pool(farm: Farm) -> Iterator[list[psutil.Process]]:
    """The CPU worker's processes, frozen; its main process goes on."""
    eventually(lambda: not query("SELECT 1 FROM runs WHERE state = 'running'"))
    children = farm.children("worker-cpu")
    for child in children:
        child.suspend()
    yield children
    for child in children:
        child.resume()
    eventually(farm.ready)


def beats(farm: Farm) -> list[dict[str, Any]]:
    return query(
        "SELECT 1 FROM worker_heartbeats WHERE engine_class = 'cpu'"
        " AND seen_at > now() - interval '3 s'"
    )


def test_a_frozen_pool_is_not_ready_although_its_heart_beats(
    farm: Farm, frozen_pool: list[psutil.Process]
) -> None:
    change(
        "UPDATE worker_heartbeats SET started_at = now() - interval '1 h';"
        "UPDATE canaries SET seen_at = now() - make_interval(secs => :age)"
        " WHERE queue IN ('cpu', 'cpu-batch')",
        age=canary.SILENT_SECONDS + 1,
    )
    eventually(lambda: not farm.ready(), within=canary.EVERY_SECONDS + 3)
    checks = farm.client.get("/ready").json()["checks"]
    assert [name for name, check in checks.items() if not check["ok"]] == ["workers.cpu"]
    for queue in ("cpu", "cpu-batch"):
        assert f"{queue}: nothing done for 1" in checks["workers.cpu"]["detail"]
    assert beats(farm)
    for child in frozen_pool:
        child.resume()
    eventually(farm.ready)


def test_readiness_tells_the_age_of_each_queue_s_proof(farm: Farm) -> None:
    eventually(farm.ready)
    checks = farm.client.get("/ready").json()["checks"]
    for name, queues in {
        "workers.cpu": ("cpu", "cpu-batch"),
        "workers.io": ("io", "watch"),
    }.items():
        assert [part.split(":")[0] for part in checks[name]["detail"].split(", ")] == [*queues]
        assert checks[name]["detail"].endswith("s ago")
    assert checks["workers.control"]["detail"].startswith("1 up, control: ")


def test_a_gpu_worker_that_does_nothing_is_told() -> None:
    slots, proofs = (
        {"gpu": 4, "gpu-batch": 4},
        {"gpu": Proof(40, True), "gpu-batch": Proof(1, True)},
    )
    assert health._optional("gpu", 1, slots, proofs) == (
        "1 up, not ok: gpu: nothing done for 40 s although a worker reports, so its processes hang;"
        " restart it, gpu-batch: 1.0 s ago"
    )
