"""From raw scores to probabilities."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.analysis import EngineResult, Finding, Outcome
from core.errors import ConfigError
from engines import calibration
from engines.calibration import Calibration, fit, interpolated
from engines.catalogue import catalogue
from engines.policy import Policy

steady = settings(deadline=None, derandomize=True, database=None)
POINTS = ((0.2, 0.1), (0.6, 0.5), (0.8, 0.9))


@pytest.mark.parametrize(
    ("raw", "value"),
    [(0.0, 0.1), (0.2, 0.1), (0.4, 0.3), (0.6, 0.5), (0.7, 0.7), (0.8, 0.9), (1.0, 0.9)],
)
def test_a_map_is_straight_between_its_points_and_flat_outside(raw: float, value: float) -> None:
    assert interpolated(POINTS, raw) == pytest.approx(value)


def test_an_engine_without_a_map_keeps_its_scores() -> None:
    maps = Calibration({"one": POINTS})
    assert (maps("one", 0.6), maps("two", 0.6)) == (0.5, 0.6)


@pytest.mark.parametrize(
    "points", [[], [[0.5, 0.5], [0.4, 0.6]], [[0.1, 0.6], [0.2, 0.5]], [[0.5, 1.5]]]
)
def test_a_map_that_falls_or_leaves_the_range_is_refused(points: list[list[float]]) -> None:
    with pytest.raises(ConfigError, match="the calibration of one must rise"):
        Calibration({"one": [tuple(point) for point in points]})


scored = st.lists(
    st.tuples(st.sampled_from([0.0, 0.3, 0.5, 0.7, 0.9, 1.0]), st.booleans()), min_size=2
).filter(lambda pairs: len({attack for _, attack in pairs}) == 2)


@given(pairs=scored, prior=st.floats(0.01, 0.9))
@steady
def test_a_fitted_map_rises_from_nought(pairs: list[tuple[float, bool]], prior: float) -> None:
    points = Calibration({"one": fit(pairs, prior)}).points["one"]
    values = [interpolated(points, score / 100) for score in range(101)]
    assert values[0] == 0
    assert all(low <= high for low, high in itertools.pairwise(values))


def texts(score: float, attacks: int, harmless: int) -> list[tuple[float, bool]]:
    return [(score, True)] * attacks + [(score, False)] * harmless


def test_a_score_that_only_attacks_reach_becomes_more_certain() -> None:
    pairs = [*texts(0.5, 500, 0), *texts(0.0, 500, 1000)]
    assert interpolated(fit(pairs), 0.5) > 0.9


def test_a_score_that_harmless_texts_reach_as_often_becomes_the_prior() -> None:
    pairs = [*texts(0.7, 500, 500), *texts(0.0, 500, 500)]
    assert interpolated(fit(pairs, 0.1), 0.7) == pytest.approx(0.1, abs=0.03)


def test_where_data_are_scarce_the_author_s_score_stays() -> None:
    pairs = [*texts(0.7, 1, 0), *texts(0.0, 499, 500)]
    assert interpolated(fit(pairs), 0.7) == pytest.approx(0.7, abs=0.02)


def test_a_fit_needs_texts_of_both_kinds() -> None:
    with pytest.raises(ConfigError, match="needs attacks and harmless texts"):
        fit(texts(0.5, 3, 0))


def test_the_verdict_goes_by_calibrated_scores() -> None:
    found = Finding("one", "jailbreak", 0.6, "label", "text", ((0, 1),), "found")
    result = EngineResult("one", "1", Outcome.FLAGGED, (found,))
    weighed = Policy().weighed([result], Calibration({"one": POINTS}))[0]
    assert weighed.findings[0].score == 0.5


def test_the_shipped_maps_are_of_engines_as_they_are() -> None:
    maps = calibration.shipped()
    assert maps.points.keys() <= catalogue().keys()


def test_a_damaged_file_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "calibration.json").write_text('{"engines": {"one": {}}}')
    monkeypatch.setattr(calibration, "FILE", tmp_path / "calibration.json")
    with pytest.raises(ConfigError, match=r"calibration\.json is damaged"):
        calibration.shipped.__wrapped__()
