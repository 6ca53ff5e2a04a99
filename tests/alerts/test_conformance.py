"""A little of `make conformance`, where Alertmanager's own programs are installed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from alerts.replay import Replay
from ops.conformance import configurations, live, routing

amtool = pytest.mark.skipif(
    shutil.which("amtool") is None, reason="needs Debian's prometheus-alertmanager"
)
CASES = live.read(Path(live.__file__).with_name("scenarios.jsonl"))


@amtool
def test_random_trees_are_answered_as_amtool_answers() -> None:
    _, pairs, differences = routing.compare(200, 1, 1)
    assert (pairs, differences) == (200, [])


@amtool
def test_random_configurations_are_accepted_as_amtool_accepts() -> None:
    count, accepted, differences = configurations.compare(50, 1, 1)
    assert (count, differences) == (50, [])
    assert accepted


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_every_scenario_can_be_played(case: live.Case) -> None:
    muted = {"muted-always", "active-never"}
    assert bool(Replay(case).run()) == (case["id"] not in muted)
