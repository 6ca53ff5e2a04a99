"""The GPU's runs wait for the CPU's, and nothing is lost or done twice on the way."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from core.analysis import Content, EngineResult, Finding, Mode, Outcome
from core.database import single, unit_of_work
from core.errors import BrokerDown
from engines.catalogue import catalogue
from engines.policy import Policy
from tests.conftest import Farm
from workers import cascade, holding, policies, presence, reading, rescue, submission
from workers.chunks import Chunk, cut
from workers.folding import finish
from workers.runs import Run, claim_next
from workers.submission import Submission, submit

pytestmark = pytest.mark.farm

TEXTS = ["zero", "one", "two", "three", "four", "five"]
GUILTY = "jailbreak"
"""The engine that finds the attacks of these tests."""
GPU_UP = (
    "INSERT INTO worker_heartbeats (name, engine_class, pid, started_at, seen_at)"
    " VALUES ('gpu-for-cascade', 'gpu', 0, now(), now() + interval '1 hour')"
)
Sent = list[tuple[str, list[UUID]]]


def change(statement: str, **values: Any) -> None:
    with unit_of_work() as work:
        work.execute(statement, **values)


@pytest.fixture(scope="module")
def gpu_up(farm: Farm) -> Iterator[None]:
    """The farm sees a GPU worker, from before the first run is made until after the last."""
    change(GPU_UP)
    yield
    change("DELETE FROM worker_heartbeats WHERE name = 'gpu-for-cascade'")


@pytest.fixture
def sent(farm: Farm, gpu_up: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sent]:
    """What is sent, while runs go to lanes that no worker serves, in chunks of three items."""
    found: Sent = []

    def note(queue: str, runs: Sequence[Any]) -> None:
        found.append((queue, [UUID(str(run)) for run in runs]))

    def threes(contents: Sequence[Content], *_: object) -> list[Chunk]:
        return cut(contents, 3)

    monkeypatch.setattr(submission, "lane", lambda engine_class, _kind: f"beside-{engine_class}")
    for module in (submission, holding):
        monkeypatch.setattr(module, "publish_runs", note)
    monkeypatch.setattr(submission, "cut", threes)
    monkeypatch.setattr(presence, "is_up", lambda _class: True)
    yield found
    change("DELETE FROM analyses WHERE id IN (SELECT analysis_id FROM runs WHERE queue ~ 'beside')")


def six(**chosen: Any) -> UUID:
    contents = [Content(text=text) for text in TEXTS]
    return submit(Submission(contents, kind="batch", mode=Mode.THOROUGH, **chosen)).id


def taken(queue: str = "beside-cpu") -> tuple[Run, list[Content]]:
    claimed = claim_next(queue)
    assert claimed is not None
    return claimed


def results(run: Run, items: str = ".") -> list[list[EngineResult]]:
    """Results of a run over its items, in turn `x` an attack, `o` surely harmless, `.` neither."""
    attack = (Finding(GUILTY, "jailbreak", 0.95, "a label", "text", ((0, 1),), "found"),)
    return [
        [
            EngineResult(name, "1", Outcome.FLAGGED, attack, score=0.95)
            if (sign, name) == ("x", GUILTY)
            else EngineResult(name, "1", Outcome.CLEAN, score=0.0 if sign == "o" else 0.2)
            for name in run.engines
        ]
        for sign, _ in zip(itertools.cycle(items), run.items, strict=False)
    ]


def ended(run: Run, contents: Sequence[Content], items: str = ".") -> bool:
    """End a CPU run as its worker would."""
    found = results(run, items)
    decided = cascade.decisions(contents, found, policies.of_options(run.options))
    return finish(run, found, decided=decided)


def gpu_runs(job: UUID) -> list[tuple[str, str]]:
    rows = single(
        "SELECT state, queue FROM runs WHERE analysis_id = :j AND engine_class = 'gpu'"
        " ORDER BY first_item, id",
        j=job,
    )
    return [(row.state, row.queue) for row in rows]


def state(job: UUID) -> tuple[str, int, int]:
    row = single("SELECT state, items_done, runs_left FROM analyses WHERE id = :j", j=job)[0]
    return row.state, row.items_done, row.runs_left


def gpu_outcomes(job: UUID) -> list[str]:
    """How each item stands with the classifier of the GPU class."""
    return [
        next(one["outcome"] for one in item["engines"] if one["engine"] == "transformer_classifier")
        for item in reading.items(job)
    ]


def counted(decided: str) -> float:
    labels = {"decided": decided}
    return REGISTRY.get_sample_value("sentinel_cascade_items_total", labels) or 0.0


def test_the_gpu_has_no_message_and_no_run_to_take_while_the_cpu_works(sent: Sent) -> None:
    job = six()
    assert [queue for queue, _ in sent] == ["beside-cpu"]
    assert gpu_runs(job) == [("queued", "held:beside-gpu")] * 2
    assert claim_next("beside-gpu") is None


def test_what_is_left_open_goes_to_the_gpu_chunk_by_chunk(sent: Sent) -> None:
    job = six()
    assert ended(*taken())
    assert gpu_runs(job) == [("queued", "beside-gpu"), ("queued", "held:beside-gpu")]
    assert [(queue, len(runs)) for queue, runs in sent[1:]] == [("beside-gpu", 1)]
    run, contents = taken("beside-gpu")
    assert [content.text for content in contents] == TEXTS[:3]
    assert finish(run, results(run))
    assert state(job) == ("running", 3, 2)


def test_where_all_is_decided_the_gpu_is_not_asked(sent: Sent) -> None:
    before = (counted("attack"), counted("harmless"), counted("no"))
    job = six()
    assert ended(*taken(), "xxx")
    assert state(job) == ("running", 3, 2)
    assert ended(*taken(), "xoo")
    assert state(job) == ("completed", 6, 0)
    assert (gpu_outcomes(job), len(sent)) == (["skipped"] * 6, 1)
    assert {run for run, _ in gpu_runs(job)} == {"skipped"}
    reasons = {
        one["reason"]
        for item in reading.items(job)
        for one in item["engines"]
        if one["outcome"] == "skipped"
    }
    assert reasons == {cascade.DECIDED}
    assert single("SELECT 1 FROM parts WHERE analysis_id = :j", j=job) == []
    after = (counted("attack"), counted("harmless"), counted("no"))
    assert [new - old for new, old in zip(after, before, strict=True)] == [4, 2, 0]


def test_of_a_chunk_the_gpu_gets_what_is_undecided(sent: Sent) -> None:
    job = six()
    assert ended(*taken(), "x.o")
    run, contents = taken("beside-gpu")
    seen: list[str] = []

    def ask(engines: Sequence[Any], some: Sequence[Content]) -> Any:
        if engines:
            seen.extend(content.text for content in some)
        return [[EngineResult(one.name, "1", Outcome.CLEAN) for one in engines] for _ in some]

    engines = [catalogue()[name] for name in run.engines]
    found = cascade.ask_undecided(run, engines, contents, policies.of_options(run.options), ask)
    assert seen == ["one"]
    assert [[result.engine for result in item] for item in found] == [[*run.engines]] * 3
    assert finish(run, found)
    assert gpu_outcomes(job) == ["skipped", "clean", "skipped"]


def test_a_cpu_run_that_died_leaves_all_to_the_gpu(sent: Sent) -> None:
    job = six()
    run, _ = taken()
    change("UPDATE runs SET lease_until = now() - interval '1 s' WHERE id = :id", id=run.id)
    assert rescue.conclude(run.id, "running", "failed", Outcome.FAILURE, "it died")
    assert gpu_runs(job)[0] == ("queued", "beside-gpu")
    gpu, _ = taken("beside-gpu")
    assert finish(gpu, results(gpu))
    assert state(job) == ("running", 3, 2)


def test_the_gpu_waits_for_both_halves_of_a_run_that_killed_its_workers(sent: Sent) -> None:
    job = six()
    taken()
    with unit_of_work() as work:
        row = work.execute("SELECT * FROM runs WHERE analysis_id = :j AND state = 'running'", j=job)
        rescue._halve(work, row.one())
    change("UPDATE runs SET queue = 'beside-cpu' WHERE analysis_id = :j AND deaths = 1", j=job)
    change("UPDATE runs SET published_at = created_at WHERE analysis_id = :j AND deaths = 1", j=job)
    halves = [one for one in (taken(), taken(), taken()) if one[0].first_item < 3]
    assert ended(*halves[0], "x")
    assert gpu_runs(job)[0] == ("queued", "held:beside-gpu")
    assert ended(*halves[1], "x")
    assert gpu_runs(job)[0] == ("queued", "beside-gpu")


def test_a_look_from_before_the_gpu_worker_came_skips_nothing(
    sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = six()
    monkeypatch.setattr(presence, "is_up", lambda _class: False)
    rescue.skip_without_gpu()
    assert gpu_runs(job) == [("queued", "held:beside-gpu")] * 2


def test_a_gpu_run_that_was_skipped_while_it_waited_is_over(sent: Sent) -> None:
    job = six()
    assert rescue.skip_without_gpu(job) == 2
    assert state(job) == ("queued", 0, 2)
    assert ended(*taken())
    assert ended(*taken(), "xxx")
    assert state(job) == ("completed", 6, 0)
    assert gpu_outcomes(job) == ["skipped"] * 6


def test_a_job_that_is_cancelled_ends_what_waits(sent: Sent) -> None:
    job = six()
    run, contents = taken()
    assert rescue.end_job(job, "cancelled", "asked to")
    assert gpu_runs(job) == [("cancelled", "held:beside-gpu")] * 2
    assert not ended(run, contents, "xxx")
    assert len(sent) == 1


def test_an_old_attempt_releases_nothing(sent: Sent) -> None:
    job = six()
    run, contents = taken()
    change("UPDATE runs SET attempt = attempt + 1 WHERE id = :id", id=run.id)
    assert not ended(run, contents)
    assert gpu_runs(job) == [("queued", "held:beside-gpu")] * 2


def test_a_release_that_the_broker_did_not_take_is_stored_all_the_same(
    sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_broker(*_: object) -> None:
        raise BrokerDown

    monkeypatch.setattr(holding, "publish_runs", no_broker)
    job = six()
    assert ended(*taken())
    assert gpu_runs(job)[0] == ("queued", "beside-gpu")


def test_rescue_releases_what_a_worker_of_an_earlier_version_left_waiting(sent: Sent) -> None:
    job = six()
    assert holding.release_forgotten(["beside-gpu"]) == 0
    change(
        "UPDATE runs SET state = 'done' WHERE analysis_id = :j AND engine_class = 'cpu'"
        " AND first_item = 0",
        j=job,
    )
    assert holding.release_forgotten(["beside-gpu"]) == 1
    assert gpu_runs(job) == [("queued", "beside-gpu"), ("queued", "held:beside-gpu")]
    assert sent[-1][0] == "beside-gpu"


@pytest.mark.parametrize(
    "chosen",
    [
        {"engines": ("jailbreak", "transformer_classifier")},
        {"held": policies.Version(Policy(cascade=False))},
    ],
)
def test_a_request_that_names_the_engine_or_a_policy_without_cascade_asks_the_gpu_at_once(
    sent: Sent, chosen: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = six(**chosen)
    assert gpu_runs(job) == [("queued", "beside-gpu")] * 2
    assert {queue for queue, _ in sent} == {"beside-cpu", "beside-gpu"}


def everything(job: UUID, queue: str, end: Callable[[Run, Sequence[Content]], bool]) -> int:
    """End every run of a queue, as long as the job is open."""
    count = 0
    while state(job)[0] in ("queued", "running"):
        if claimed := claim_next(queue):
            count += end(*claimed)
    return count


@pytest.mark.parametrize("skipping", [False, True])
def test_many_workers_at_once_lose_and_double_nothing(sent: Sent, skipping: bool) -> None:
    contents = [Content(text=str(number)) for number in range(90)]
    job = submit(Submission(contents, kind="batch", mode=Mode.THOROUGH)).id
    patterns = itertools.cycle(("xox", "...", "x.o"))

    def cpu(run: Run, some: Sequence[Content]) -> bool:
        return ended(run, some, next(patterns))

    def gpu(run: Run, _: Sequence[Content]) -> bool:
        return finish(run, results(run))

    def skip() -> int:
        return rescue.skip_without_gpu(job) if skipping else 0

    with ThreadPoolExecutor(8) as pool:
        working = [pool.submit(everything, job, "beside-cpu", cpu) for _ in range(4)]
        working += [pool.submit(everything, job, "beside-gpu", gpu) for _ in range(2)]
        working += [pool.submit(skip)]
        for one in working:
            one.result(60)
    assert state(job) == ("completed", 90, 0)
    assert [item["item_index"] for item in reading.items(job, limit=100)] == [*range(90)]
    assert {len(item["engines"]) for item in reading.items(job, limit=100)} == {
        len(
            {
                result
                for run in single("SELECT engines FROM runs WHERE analysis_id = :j", j=job)
                for result in run.engines
            }
        )
    }
