"""History gone through again: backtest, tuning, and the picture of an anomaly."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from cli.groups.detectors import command
from core.errors import NotFound
from core.ids import new_id
from detectors.base import DetectorSpec
from tests.farm.test_detection import NOW, anomalies, event, run, spike, tenant, traffic
from tests.farm.test_rollups import keep
from workers import detection
from workers.detection_past import picture

pytestmark = pytest.mark.farm

__all__ = ["tenant"]

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def entry(monkeypatch: pytest.MonkeyPatch) -> DetectorSpec:
    """The one entry of detectors.yaml."""
    (made,) = spike(id="slow")
    monkeypatch.setattr(detection, "specs", lambda: (made,))
    return made


def test_the_picture_of_an_anomaly_shows_it_and_says_it(tenant: str, entry: DetectorSpec) -> None:
    keep(traffic(range(40), odd=[0]), tenant)
    run([entry], tenant)
    (found,) = anomalies(tenant)
    drawn = ElementTree.fromstring(picture(found["id"], tenant, NOW))
    title = drawn.findtext(f"{SVG}title")
    assert title is not None
    assert title.startswith(found["message"])
    assert len(drawn.findall(f"{SVG}circle")) == 1
    assert drawn.findall(f"{SVG}polygon")


def test_a_label_cannot_leave_the_picture(tenant: str, entry: DetectorSpec) -> None:
    name = '"><script>alert(1)</script>'
    events = [event(p, n, application_id=name) for p in range(1, 30) for n in range(6)]
    odd = [event(0, n, application_id=name, latency_ms=9000.0) for n in range(6)]
    keep([*events, *odd], tenant)
    run([entry], tenant)
    text = picture(anomalies(tenant)[0]["id"], tenant, NOW)
    assert "<script" not in text
    assert ElementTree.fromstring(text) is not None


def test_there_is_no_picture_of_nothing(tenant: str) -> None:
    with pytest.raises(NotFound, match="there is no anomaly"):
        picture(new_id(), tenant, NOW)


def test_a_backtest_tells_what_would_have_been_raised(
    tenant: str, entry: DetectorSpec, tmp_path: Path
) -> None:
    keep(traffic(range(60), odd=[10, 11, 50]), tenant)
    file = tmp_path / "slow.svg"
    options = ["--tenant", tenant, "--picture", str(file), "--since", "1d", "--json"]
    answer = CliRunner().invoke(command, ["backtest", "slow", *options], catch_exceptions=False)
    rows = json.loads(answer.stdout)
    assert [(one["group"], one["told"]) for one in rows] == [
        ("application=shop", True),
        ("application=shop", True),
    ]
    assert ElementTree.parse(file).getroot().tag == f"{SVG}svg"
    assert anomalies(tenant) == []


def test_tuning_proposes_a_threshold_that_keeps_the_number_of_alerts(
    tenant: str, entry: DetectorSpec
) -> None:
    keep(traffic(range(100), odd=[10]), tenant)
    keep([event(60, n + 50, latency_ms=1300.0) for n in range(20)], tenant)
    options = ["--tenant", tenant, "--target-alerts", "3/day", "--json"]
    answer = CliRunner().invoke(command, ["tune", "slow", *options], catch_exceptions=False)
    rows = json.loads(answer.stdout)
    (proposed,) = [one for one in rows if "proposed" in one["note"]]
    assert proposed["alerts"] == 1
    assert any(one["alerts"] == 2 for one in rows)
    assert any("now" in one["note"] for one in rows)


@pytest.mark.parametrize("rate", ["2", "x/week", "2/year", "0/day", "nan/day"])
def test_a_rate_that_is_none_is_refused(entry: DetectorSpec, rate: str) -> None:
    answer = CliRunner().invoke(command, ["tune", "slow", "--target-alerts", rate])
    assert answer.exit_code != 0
    assert "write 2/week" in str(answer.exception or answer.output)
