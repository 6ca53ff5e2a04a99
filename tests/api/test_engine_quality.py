"""`GET /api/v1/engines` shows what was measured of the version that runs, and nothing else."""

from __future__ import annotations

import pytest

from api.routes import engines
from engines.catalogue import catalogue
from tests.api.conftest import Opener

FIGURES = {
    "attacks": 10,
    "attacks_flagged": 4,
    "harmless": 20,
    "harmless_flagged": 0,
    "recall": 0.4,
    "false_positive_rate": 0.0,
}


@pytest.mark.parametrize(("version", "shown"), [("", FIGURES), ("other", None)])
def test_the_quality_is_of_the_version_that_runs(
    opened: Opener, monkeypatch: pytest.MonkeyPatch, version: str, shown: object
) -> None:
    version = version or catalogue()["jailbreak"].version
    row = {"version": version, **FIGURES, "sets": {}}
    monkeypatch.setattr(engines, "measured", lambda: {"jailbreak": row})
    assert opened().get("/api/v1/engines/jailbreak").get_json()["quality"] == shown


def test_an_engine_that_was_not_measured_has_none(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "measured", dict)
    items = opened().get("/api/v1/engines").get_json()["items"]
    assert {item["quality"] for item in items} == {None}
