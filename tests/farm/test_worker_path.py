"""A small version of what `python -m ops.quality.worker_path` measures: stored events to alerts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from ops.quality.detectors import FAULTS
from tests.conftest import ROOT

pytestmark = pytest.mark.farm


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    """A clean day, and each fault after an hour; the stores are the measurement's own."""
    small = ("--days=1", "--seeds=1", "--after=1", "--sigma=0.7", "--step=600", "--json")
    done = subprocess.run(
        [sys.executable, "-m", "ops.quality.worker_path", *small],
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "default"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_after_an_hour_raises_an_alert_within_two_windows(
    measured: dict[str, Any], name: str
) -> None:
    (row,) = (one for one in measured["faults"] if one["fault"] == name)
    assert (row["found"], row["alerted"], row["tries"]) == (1, 1, 1)


def test_a_clean_day_is_hardly_ever_alarming(measured: dict[str, Any]) -> None:
    assert len(measured["clean"]) == 7
    assert {one["entry"]: one["share"] for one in measured["clean"] if one["share"] >= 0.01} == {}
    assert min(one["windows"] for one in measured["clean"]) >= 48
