"""The benchmark measures everything that it names. How fast is not a test's business."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ops.bench.figures import ROWS, TARGETS
from tests.conftest import ROOT, Farm

pytestmark = pytest.mark.farm


def test_the_quick_benchmark_reports_every_figure_as_a_positive_number(
    farm: Farm, tmp_path: Path
) -> None:
    file = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "ops.bench", "--quick", f"--url={farm.url}", f"--json={file}"],
        cwd=ROOT,
        env=farm.environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    figures = json.loads(file.read_text())["figures"]
    assert {name.rpartition(": ")[0] for name in figures} >= {*ROWS}
    assert figures.keys() >= TARGETS.keys()
    assert all(figure[each] > 0 for figure in figures.values() for each in ("least", "median"))
