"""Each engine flags the attacks of its own file and passes what only looks like them."""

from __future__ import annotations

from typing import Any

import pytest
from case_files import FOLDER, Case, case, read

from core.analysis import Outcome
from engines.catalogue import catalogue
from engines.runner import run

FILES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
ENOUGH = 10


def listed(kind: str) -> list[Any]:
    return [
        pytest.param(engine, given, id=f"{engine}-{place}")
        for engine in FILES
        for place, given in enumerate(read(engine).get(kind, ()))
    ]


def outcome(engine: str, given: Any) -> Outcome:
    content, options = case(engine, given)
    return run([catalogue()[engine]], [content], options=options)[0][0].outcome


@pytest.mark.parametrize("engine", FILES)
def test_a_file_belongs_to_an_engine_and_has_enough_of_both(engine: str) -> None:
    assert engine in catalogue()
    assert all(isinstance(case(engine, each), Case) for each in read(engine)["attacks"])
    assert len(read(engine)["attacks"]) >= ENOUGH
    assert len(read(engine)["look_alikes"]) >= ENOUGH


@pytest.mark.parametrize(("engine", "given"), listed("attacks"))
def test_an_attack_is_flagged(engine: str, given: Any) -> None:
    assert outcome(engine, given) is Outcome.FLAGGED


@pytest.mark.parametrize(("engine", "given"), listed("look_alikes"))
def test_a_look_alike_passes(engine: str, given: Any) -> None:
    assert outcome(engine, given) is Outcome.CLEAN
