"""A real worker of class gpu with a model that the test makes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Farm, eventually
from tests.tiny_model import ATTACK, HARMLESS, make_model

pytestmark = pytest.mark.farm

ENGINE = "transformer_classifier"


@pytest.fixture(scope="module")
def gpu_worker(farm: Farm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    farm.environment["GPU_MODEL"] = str(make_model(tmp_path_factory.mktemp("model")))
    farm.start("worker-gpu", "worker", "--class", "gpu")

    def up() -> bool:
        return "up" in farm.client.get("/ready").json()["checks"]["workers.gpu"]["detail"]

    eventually(up, within=60)
    yield
    farm.stop("worker-gpu")
    eventually(lambda: not up(), within=3)


def thorough(farm: Farm, text: str) -> dict[str, Any]:
    """The finished job of a thorough analysis, which a model's first load may hold up."""
    return farm.finished(farm.submit(text=text, mode="thorough"), within=60)


def outcome(job: dict[str, Any]) -> str:
    return next(str(one["outcome"]) for one in job["engines"] if one["engine"] == ENGINE)


def test_its_engine_flags_an_attack_and_both_classes_fold_into_one_verdict(
    farm: Farm, gpu_worker: None
) -> None:
    job = thorough(farm, ATTACK)
    assert (job["status"], job["verdict"], outcome(job)) == ("completed", "HIGH_RISK", "flagged")
    item = farm.client.get(f"/api/v1/analyses/{job['id']}/results").json()["items"][0]
    found = {finding["engine"] for finding in item["findings"]}
    assert {ENGINE, "instruction_override"} <= found


def test_its_engine_passes_a_harmless_text(farm: Farm, gpu_worker: None) -> None:
    job = thorough(farm, HARMLESS)
    assert (job["status"], job["verdict"], outcome(job)) == ("completed", "SAFE", "clean")


def test_other_modes_do_not_ask_it(farm: Farm, gpu_worker: None) -> None:
    job = farm.finished(farm.submit(text=ATTACK, mode="balanced"))
    assert ENGINE not in {one["engine"] for one in job["engines"]}


def test_no_other_process_loads_torch(farm: Farm, gpu_worker: None) -> None:
    thorough(farm, HARMLESS)
    loaded = {
        name
        for name, process in farm.processes.items()
        for pid in (process.pid, *(child.pid for child in farm.children(name)))
        if "libtorch" in Path(f"/proc/{pid}/maps").read_text()
    }
    assert loaded == {"worker-gpu"}
