from __future__ import annotations

import csv
import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from cli.groups.detectors import command
from core.errors import BadInput
from detectors.base import Point
from detectors.nab.bench import bench, scored, scores_of, strategies
from detectors.nab.corpus import Recording, load_corpus
from detectors.nab.scoring import NOTHING, PROFILES, load_profiles, marks, sigmoid, tally
from detectors.registry import registry

STANDARD = PROFILES["standard"]
START = datetime(2015, 1, 1)


def recording(rows: int, *windows: tuple[int, int], category: str = "a") -> Recording:
    times = tuple(START + timedelta(minutes=5 * n) for n in range(rows))
    dice = np.random.default_rng(rows)
    values = dice.normal(100, 3, rows)
    for first, last in windows:
        values[(first + last) // 2 :][:20] += 200
    return Recording(f"{category}/{rows}", category, times, values, windows)


def score(one: Recording, *alerts: int) -> float | None:
    return tally(marks(one), alerts).score(STANDARD)


ONE = recording(1000, (500, 599))


def test_silence_is_worth_nothing_and_the_first_row_of_each_window_everything() -> None:
    assert score(ONE) == 0
    assert score(ONE, 500) == 100
    two = recording(2000, (500, 599), (1500, 1599))
    assert score(two, 500, 1500) == 100
    assert score(two, 500) == 50


@pytest.mark.parametrize(
    ("row", "worth"),
    [(500, 100.0), (549, 93.3), (599, 51.3), (450, -5.5), (600, -0.1), (898, -5.5)],
)
def test_an_alert_is_worth_its_place_on_the_sigmoid(row: int, worth: float) -> None:
    assert score(ONE, row) == pytest.approx(worth, abs=0.15)


def test_a_second_alert_in_a_window_changes_nothing_and_outside_each_one_costs() -> None:
    assert score(ONE, 500, 510, 520) == score(ONE, 500)
    assert score(ONE, 200, 210) == pytest.approx(-11)


def test_profiles_weigh_false_alarms_and_missed_windows() -> None:
    alarms = tally(marks(ONE), [200])
    assert alarms.score(PROFILES["reward_low_FP_rate"]) == pytest.approx(-11)
    assert alarms.score(PROFILES["reward_low_FN_rate"]) == pytest.approx(-11 / 3)


@pytest.mark.parametrize(("rows", "probation"), [(1000, 150), (4032, 604), (22_695, 750)])
def test_the_probation_is_not_scored(rows: int, probation: int) -> None:
    one = recording(rows)
    assert one.probation == probation
    assert tally(marks(one), range(probation)) == NOTHING


def test_the_sigmoid_ends_at_three_widths() -> None:
    assert sigmoid(-1) == pytest.approx(0.98661, abs=1e-5)
    assert (sigmoid(0), sigmoid(3.01)) == (0, -1)


def test_the_threshold_of_a_left_out_category_is_chosen_on_the_others() -> None:
    calm, wild = recording(1000, (500, 599)), recording(1001, (500, 599), category="b")
    scores = [np.zeros(1000), np.zeros(1001)]
    scores[0][500], scores[1][500] = 2.0, 1.0
    scores[1][200:300] = 1.5
    report = scored("x", [calm, wild], scores, PROFILES)
    assert report.scores["standard"] == 50
    assert report.by_category["a"]["standard"] == 100
    assert report.left_out is not None
    assert report.left_out < 50


def written(folder: Path, *recordings: Recording) -> Path:
    labels = {}
    for one in recordings:
        path = folder / "data" / f"{one.name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["timestamp", "value"])
            rows.writerows(zip(one.times, one.values.tolist(), strict=True))
        labels[f"{one.name}.csv"] = [
            [f"{one.times[a]}.000000", f"{one.times[b]}.000000"] for a, b in one.windows
        ]
    (folder / "labels").mkdir()
    (folder / "labels" / "combined_windows.json").write_text(json.dumps(labels))
    return folder


def test_a_corpus_is_read_back_as_written_and_needs_no_profiles(tmp_path: Path) -> None:
    found = load_corpus(written(tmp_path, ONE))
    assert [(one.category, one.windows, len(one.values)) for one in found] == [
        ("a", ((500, 599),), 1000)
    ]
    assert load_profiles(tmp_path) == PROFILES


def test_a_file_without_labels_is_left_out_and_named(tmp_path: Path) -> None:
    written(tmp_path, ONE)
    (tmp_path / "data" / "more.csv").write_text("timestamp,value\n")
    told: list[str] = []
    load_corpus(tmp_path, told.append)
    assert told == ["more.csv: not in the labels, left out"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels/combined_windows.json", "["),
        ("data/a/1000.csv", "when,what\n1,2\n"),
        ("data/a/1000.csv", "timestamp,value\nyesterday,2\n"),
        ("config/profiles.json", "{}"),
    ],
)
def test_a_broken_corpus_is_refused_naming_the_file(tmp_path: Path, name: str, text: str) -> None:
    path = written(tmp_path, ONE) / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    read = load_profiles if path.name == "profiles.json" else load_corpus
    with pytest.raises(BadInput, match=path.name):
        read(tmp_path)


def test_the_bench_prints_the_promised_json(tmp_path: Path) -> None:
    folder = written(tmp_path, ONE, recording(900, (500, 599), category="b"))
    said = CliRunner().invoke(command, ["bench", "--corpus", str(folder), "--json"])
    found = json.loads(said.stdout)
    assert found["strategy"] == "ensemble"
    assert found["standard"] > 60
    assert set(found["by_category"]) == {"a", "b"}
    keys = {"standard", *PROFILES, "leave_one_category_out"}
    assert keys <= set(found)
    assert keys <= set(found["by_category"]["a"])
    assert "ensemble: 100 %" in said.stderr


def test_every_strategy_can_be_benched_and_an_unknown_one_is_named() -> None:
    short = recording(200, (120, 140))
    for name in strategies():
        assert bench(name, [short], PROFILES).strategy == name
    with pytest.raises(BadInput, match="nope"):
        bench("nope", [short], PROFILES)


def test_nothing_looks_ahead() -> None:
    whole = recording(600, (300, 350))
    changed = Recording(*(whole.name, whole.category, whole.times), whole.values.copy(), ())
    changed.values[400:] = 1e6

    for name in ("ensemble", "band", "seasonal"):
        first, second = (scores_of(registry()[name], [one])[0] for one in (whole, changed))
        assert np.array_equal(first[:400], second[:400])


def test_a_row_without_a_number_is_passed_over() -> None:
    holed = recording(300, (200, 220))
    holed.values[50] = np.nan
    assert bench("ensemble", [holed], PROFILES).by_category["a"]["windows"] == 1
    assert Point(START, float("nan"), 1).known is None
