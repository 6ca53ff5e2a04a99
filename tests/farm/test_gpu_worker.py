"""A real worker of class gpu with models that the test makes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from engines.policy import ANY, EngineRule, Policy
from tests.conftest import Farm, eventually
from tests.tiny_model import (
    ATTACK,
    BREAD,
    FILLER,
    HARM,
    HARMLESS,
    ODD,
    make_guard,
    make_model,
)
from workers import policies

pytestmark = pytest.mark.farm

ENGINE = "transformer_classifier"
GUARD = "generative_guard"


@pytest.fixture(scope="module")
def gpu_worker(farm: Farm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    farm.environment["GPU_MODEL"] = str(make_model(tmp_path_factory.mktemp("model")))
    farm.environment["GPU_GUARD_MODEL"] = str(make_guard(tmp_path_factory.mktemp("guard")))
    farm.environment["GPU_GUARD_MAX_TOKENS"] = "12"
    farm.start("worker-gpu", "worker", "--class", "gpu")

    def up() -> bool:
        return "up" in farm.client.get("/ready").json()["checks"]["workers.gpu"]["detail"]

    eventually(up, within=60)
    yield
    farm.stop("worker-gpu")
    eventually(lambda: not up(), within=3)


@pytest.fixture(scope="module")
def rules_only(farm: Farm) -> str:
    """A policy whose CPU engines leave open what no rule knows."""
    named = (ENGINE, GUARD, "instruction_override")
    rules = {ANY: EngineRule(enabled=False), **dict.fromkeys(named, EngineRule())}
    policies.put(Policy(name="rules-only", engines=rules))
    return "rules-only"


def thorough(farm: Farm, **body: Any) -> dict[str, Any]:
    """The finished job of a thorough analysis, which a model's first load may hold up."""
    return farm.finished(farm.submit(mode="thorough", **body), within=60)


def outcome(job: dict[str, Any], engine: str = ENGINE) -> str:
    return next(str(one["outcome"]) for one in job["engines"] if one["engine"] == engine)


def findings(farm: Farm, job: dict[str, Any]) -> set[str]:
    item = farm.client.get(f"/api/v1/analyses/{job['id']}/results").json()["items"][0]
    return {finding["engine"] for finding in item["findings"]}


def test_both_classes_fold_into_one_verdict(farm: Farm, gpu_worker: None) -> None:
    job = thorough(farm, text=ATTACK, engines=[ENGINE, "instruction_override"])
    assert (job["status"], job["verdict"], outcome(job)) == ("completed", "HIGH_RISK", "flagged")
    assert findings(farm, job) == {ENGINE, "instruction_override"}


def test_what_the_cpu_engines_have_decided_it_is_not_asked(
    farm: Farm, gpu_worker: None, rules_only: str
) -> None:
    job = thorough(farm, text=ATTACK, policy=rules_only)
    assert (job["status"], job["verdict"], outcome(job)) == ("completed", "HIGH_RISK", "skipped")
    scrape = farm.client.get("/metrics").text
    assert 'sentinel_cascade_items_total{decided="attack"}' in scrape


def test_its_engine_passes_a_harmless_text(farm: Farm, gpu_worker: None) -> None:
    job = thorough(farm, text=HARMLESS, engines=[ENGINE, "jailbreak"])
    assert (job["status"], job["verdict"], outcome(job)) == ("completed", "SAFE", "clean")


def test_what_the_cpu_engines_leave_open_it_decides(
    farm: Farm, gpu_worker: None, rules_only: str
) -> None:
    job = thorough(farm, text=HARM, policy=rules_only)
    assert (job["status"], job["action"]) == ("completed", "block")
    assert outcome(job, GUARD) == "flagged"


def test_an_answer_that_does_not_parse_degrades_the_verdict(
    farm: Farm, gpu_worker: None, rules_only: str
) -> None:
    job = thorough(farm, text=ODD, policy=rules_only)
    assert (job["status"], job["degraded"]) == ("completed_with_errors", True)
    assert outcome(job, GUARD) == "failure"


def test_many_jobs_at_once_each_get_their_own_verdict(
    farm: Farm, gpu_worker: None, rules_only: str
) -> None:
    texts = [HARM, BREAD, HARM, FILLER] * 8
    jobs = [farm.submit(text=text, mode="thorough", policy=rules_only) for text in texts]
    ends = [farm.finished(job, within=60) for job in jobs]
    wanted = itertools.cycle(["flagged", "clean"])
    wrong = [
        (place, [(one["outcome"], one.get("reason")) for one in job["engines"]])
        for place, (job, want) in enumerate(zip(ends, wanted, strict=False))
        if outcome(job, GUARD) != want
    ]
    assert wrong == []


def test_other_modes_do_not_ask_it(farm: Farm, gpu_worker: None) -> None:
    job = farm.finished(farm.submit(text=ATTACK, mode="balanced"))
    assert ENGINE not in {one["engine"] for one in job["engines"]}


def loads_torch(pid: int) -> bool:
    return "libtorch" in Path(f"/proc/{pid}/maps").read_text(errors="replace")


def test_no_other_process_loads_torch(farm: Farm, gpu_worker: None) -> None:
    thorough(farm, text=HARMLESS)
    loaded = {
        name
        for name, process in farm.processes.items()
        for pid in (process.pid, *(child.pid for child in farm.children(name)))
        if loads_torch(pid)
    }
    assert loaded == {"worker-gpu"}


def test_the_worker_with_the_model_forks_no_process(farm: Farm, gpu_worker: None) -> None:
    thorough(farm, text=HARMLESS)
    assert [child.pid for child in farm.children("worker-gpu") if loads_torch(child.pid)] == []
    assert psutil.Process(farm.processes["worker-gpu"].pid).num_threads() > 1
