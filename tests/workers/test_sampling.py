"""Which events are sampled for analysis, and when the farm has time for them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from core.errors import ConfigError
from core.settings import load
from workers import event_lines
from workers.admission import Load
from workers.sample_jobs import affordable, idle
from workers.sampling import Shares, shares_of

KEYS = [event_lines.key("default", "shop", f"event-{number}") for number in range(4000)]


def chosen(share: float, application: str = "shop", **own: float) -> set[str]:
    by = shares_of(share, own)
    return {key for key in KEYS if by.chooses(key, application)}


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_about_the_share_of_the_events_is_chosen(share: float) -> None:
    assert len(chosen(share)) / len(KEYS) == pytest.approx(share, rel=0.25)


def test_nothing_and_everything_may_be_asked_for() -> None:
    assert (len(chosen(0)), len(chosen(1))) == (0, len(KEYS))


def test_the_same_events_are_chosen_again_and_stay_chosen_when_the_share_grows() -> None:
    assert chosen(0.1) == chosen(0.1)
    assert chosen(0.1) < chosen(0.2)


def test_an_application_may_have_a_share_of_its_own() -> None:
    assert len(chosen(0.1, shop=1)) == len(KEYS)
    assert len(chosen(1, shop=0)) == 0
    assert chosen(0.1, "other", shop=1) == chosen(0.1)


def test_no_line_is_looked_at_where_nothing_is_sampled() -> None:
    assert shares_of(0, {}).most == "00000000"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"telemetry_analyze_sample": 1.5}, "TELEMETRY_ANALYZE_SAMPLE: 1.5 is not a share"),
        ({"telemetry_analyze_applications": "shop=2"}, "'2' is not a share"),
        ({"telemetry_analyze_applications": "shop"}, "'shop' is not name=value"),
    ],
)
def test_a_share_that_is_none_is_refused_by_name(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load(**settings)


def test_shares_are_read_by_application() -> None:
    found = load(telemetry_analyze_applications="shop=0.5, support=1")
    assert found.analyzed_shares() == {"shop": 0.5, "support": 1.0}
    assert shares_of(0, found.analyzed_shares()) == Shares(
        "00000000", {"shop": "80000000", "support": "g"}
    )


@pytest.mark.parametrize(
    ("waiting", "time"), [({}, True), ({"cpu-batch": 0.3}, True), ({"cpu-batch": 5.0}, False),
                          ({"gpu-batch": 5.0}, False), ({"cpu": 5.0}, True)],
)  # fmt: skip
def test_samples_wait_while_batches_of_customers_do(waiting: dict[str, float], time: bool) -> None:
    load = Load(seconds={queue: {"default": cost} for queue, cost in waiting.items()})
    assert idle(load) is time


def test_as_many_are_submitted_at_once_as_take_a_second() -> None:
    rows = [SimpleNamespace(prompt="x" * 100, response=None)] * 500
    by = (0.125, 0.0)
    assert len(affordable(rows, by, Load())) == 8
    assert len(affordable(rows, by, Load(slots={"cpu-batch": 4}))) == 32
    assert len(affordable(rows, by, Load(pace={"cpu-batch": 100.0}))) == 1
    assert affordable([], by, Load()) == []
