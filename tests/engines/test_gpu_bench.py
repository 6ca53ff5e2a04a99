"""The measurement of models of class `gpu` runs where there is none, with a tiny one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ops.bench.gpu import BATCHES, main
from tests.tiny_model import make_model


def test_it_reports_every_path_as_a_share_of_the_best(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = make_model(tmp_path / "model")
    options = [f"--model={model}", "--texts=40", "--threads=4", "--chunk=10"]
    main([*options, f"--json={tmp_path / 'figures.json'}"])
    found = json.loads((tmp_path / "figures.json").read_text())
    rates, shares = found["texts_per_second"], found["share_of_best"]
    assert {f"batch {size}" for size in BATCHES} < {*rates}
    assert len(rates) == len(BATCHES) + 3
    assert all(rate > 0 for rate in rates.values())
    assert max(shares[f"batch {size}"] for size in BATCHES) == 1
    assert found["device"].split()[0] in capsys.readouterr().out
