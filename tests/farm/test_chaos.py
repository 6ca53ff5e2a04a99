"""A minute of chaos: what was promised is kept, each promise once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.farm, pytest.mark.timeout(300)]

FAULTS = ("lost", "doubled", "stuck", "events lost", "events doubled")


def test_a_farm_under_fire_loses_and_doubles_nothing(tmp_path: Path) -> None:
    table = tmp_path / "table.json"
    done = subprocess.run(
        [
            sys.executable,
            "ops/chaos/chaos.py",
            "--seconds=60",
            "--pause=5",
            "--batch=300",
            f"--json={table}",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert table.exists(), done.stdout[-2000:] + done.stderr[-2000:]
    found = json.loads(table.read_text())
    assert {name: found[name] for name in FAULTS} == dict.fromkeys(FAULTS, 0)
    assert found["accepted jobs"] > 100
    assert len(found["strikes"]) >= 5
