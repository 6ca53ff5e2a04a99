"""Claims by hand, beside the farm: who gets which run, and how parts become verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import pytest

from core.analysis import Content, EngineResult, Mode, Outcome
from core.database import single, unit_of_work
from tests.conftest import Farm
from workers import presence, reading, rescue, submission
from workers.chunks import Chunk, cut
from workers.folding import finish
from workers.runs import Run, claim, claim_next, still_mine
from workers.submission import Submission, submit

pytestmark = pytest.mark.farm

TEXTS = ["zero", "one", "two", "three", "four", "five"]
GPU_UP = (
    "INSERT INTO worker_heartbeats (name, engine_class, pid, started_at, seen_at)"
    " VALUES ('gpu-by-hand', 'gpu', 0, now(), now() + interval '1 hour')"
)


def change(statement: str, **values: Any) -> None:
    with unit_of_work() as work:
        work.execute(statement, **values)


@pytest.fixture(scope="module")
def gpu_up(farm: Farm) -> Iterator[None]:
    """The farm sees a GPU worker, from before the first run is made until after the last."""
    change(GPU_UP)
    yield
    change("DELETE FROM worker_heartbeats WHERE name = 'gpu-by-hand'")


@pytest.fixture
def aside(farm: Farm, gpu_up: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs go to lanes that no worker serves, in chunks of three items; a GPU worker seems up."""

    def threes(contents: Sequence[Content], *_: object) -> list[Chunk]:
        return cut(contents, 3)

    monkeypatch.setattr(submission, "lane", lambda engine_class, _kind: f"aside-{engine_class}")
    monkeypatch.setattr(submission, "publish_runs", lambda *_: None)
    monkeypatch.setattr(submission, "cut", threes)
    monkeypatch.setattr(presence, "is_up", lambda _class: True)
    yield
    change("DELETE FROM analyses WHERE id IN (SELECT analysis_id FROM runs WHERE queue ~ '^aside')")


def six(mode: Mode = Mode.FAST) -> UUID:
    return submit(Submission([Content(text=text) for text in TEXTS], kind="batch", mode=mode)).id


def clean(run: Run) -> list[list[EngineResult]]:
    return [[EngineResult(name, "1", Outcome.CLEAN) for name in run.engines] for _ in run.items]


def taken(queue: str) -> tuple[Run, list[str]]:
    claimed = claim_next(queue)
    assert claimed is not None
    run, contents = claimed
    return run, [content.text for content in contents]


def test_the_next_run_is_the_one_that_waited_longest_and_nobody_else_gets_it(aside: None) -> None:
    six()
    (first, texts), (second, more) = taken("aside-cpu"), taken("aside-cpu")
    assert (texts, more) == (TEXTS[:3], TEXTS[3:])
    assert claim_next("aside-cpu") is None
    assert claim(first.id) is None
    assert still_mine(second)


def test_the_halves_of_a_run_bring_their_own_part_of_the_content(aside: None) -> None:
    job = six()
    whole = single("SELECT sum(cost) AS n FROM runs WHERE analysis_id = :j", j=job)
    with unit_of_work() as work:
        row = work.execute("SELECT * FROM runs WHERE analysis_id = :j ORDER BY id", j=job).first()
        rescue._halve(work, row)
    halves = single(
        "SELECT id FROM runs WHERE analysis_id = :j AND deaths = 1 ORDER BY first_item", j=job
    )
    costs = single("SELECT sum(cost) AS n FROM runs WHERE analysis_id = :j", j=job)
    assert costs[0].n == pytest.approx(whole[0].n)
    claims = [claim(half.id) for half in halves]
    assert [[content.text for content in one[1]] for one in claims if one] == [
        ["zero", "one"],
        ["two"],
    ]


def test_an_old_attempt_writes_nothing(aside: None) -> None:
    job = six()
    run, _ = taken("aside-cpu")
    change("UPDATE runs SET attempt = attempt + 1 WHERE id = :id", id=run.id)
    assert finish(run, clean(run)) is False
    assert single("SELECT 1 FROM verdicts WHERE analysis_id = :id", id=job) == []


def test_items_are_judged_once_every_class_has_brought_its_part(aside: None) -> None:
    job = six(Mode.THOROUGH)
    cpu = [taken("aside-cpu")[0] for _ in range(2)]
    with unit_of_work() as work:
        row = work.execute(
            "SELECT * FROM runs WHERE analysis_id = :j AND engine_class = 'gpu' ORDER BY id",
            j=job,
        ).first()
        rescue._halve(work, row)
    change("UPDATE runs SET queue = 'aside-gpu' WHERE analysis_id = :j AND queue ~ 'gpu'", j=job)
    gpu = [taken("aside-gpu")[0] for _ in range(3)]
    judged = []
    for run in (cpu[0], *sorted(gpu, key=lambda run: run.first_item), cpu[1]):
        assert finish(run, clean(run))
        judged.append([item["item_index"] for item in reading.items(job)])
    assert judged == [[], [0, 1], [0, 1, 2], [0, 1, 2], [0, 1, 2, 3, 4, 5]]
    items = reading.items(job)
    assert {len(item["engines"]) for item in items} == {len(cpu[0].engines) + len(gpu[0].engines)}
    row = single("SELECT state, items_done, runs_left FROM analyses WHERE id = :id", id=job)[0]
    assert (row.state, row.items_done, row.runs_left) == ("completed", 6, 0)
    assert single("SELECT 1 FROM parts WHERE analysis_id = :id", id=job) == []
