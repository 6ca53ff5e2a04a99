from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ConfigError
from detectors.base import Action
from detectors.config import load_detectors, parse_detectors

HERE = Path(__file__).parent


def entry(config: str, head: str = "id: a, type: threshold") -> str:
    return f"detectors:\n  - {{{head}, config: {{{config}}}}}\n"


GOOD = "metric: cost, condition: greater_than, threshold: 1, window: 1m"
STATISTICAL = "id: a, type: statistical"


def test_the_standalone_file_of_the_guide_loads_as_printed() -> None:
    latency, cost, errors = load_detectors(HERE / "standalone.yaml")
    assert latency.name == "High Latency Detector"
    assert (latency.metric, latency.statistic, latency.threshold) == ("latency_ms", "p95", 5000)
    assert (cost.statistic, cost.window, cost.condition) == ("sum", 60, "greater_than")
    assert (errors.detector, errors.window, errors.direction) == ("zscore", 600, "up")
    assert errors.actions == (Action("error-spike-alert", "warning"),)


def test_the_configmap_of_the_guide_loads_as_printed_and_its_id_becomes_the_name() -> None:
    (spec,) = load_detectors(HERE / "configmap.yaml")
    assert (spec.id, spec.name, spec.enabled) == ("high-latency", "high-latency", True)


def test_the_shipped_file_begins_with_the_guide_but_for_names() -> None:
    def facts(path: Path | None) -> list[tuple[object, ...]]:
        return [(s.id, s.metric, s.threshold, s.window, s.actions) for s in load_detectors(path)]

    assert facts(None)[:3] == facts(HERE / "standalone.yaml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (entry(GOOD, "id: a, type: treshold"), ["'a'", "type", "did you mean 'threshold'"]),
        (entry(GOOD.replace("cost", "costs")), ["'a'", "metric", "did you mean 'cost'"]),
        (entry(GOOD.replace("greater_than", "greater")), ["condition", "'greater_than'"]),
        (entry(GOOD + ", windo: 5m"), ["unknown key 'windo'", "'window'"]),
        (entry(GOOD + ", strategy: zscore"), ["unknown key 'strategy'"]),
        (entry(GOOD.replace("1m", "-1m")), ["window", "'-1m'"]),
        (entry(GOOD.replace("1m", "-60")), ["window", "between 1s"]),
        (entry(GOOD.replace("1m", "5 minutes")), ["window", "not a duration"]),
        (entry(GOOD.replace(", window: 1m", "")), ["window", "missing"]),
        (entry(GOOD.replace("1, w", ".nan, w")), ["threshold", "must be a number"]),
        (entry(GOOD.replace("1, w", "[1, 2], w")), ["threshold", "outside"]),
        (entry(GOOD + ", min_samples: 0"), ["min_samples", "from 1"]),
        (entry(GOOD + ", statistic: p5"), ["statistic", "did you mean 'p"]),
        (entry(GOOD + ", group_by: [modle]"), ["group_by", "did you mean 'model'"]),
        (entry(GOOD, "type: threshold"), ["detectors[0]", "id"]),
        (entry(GOOD, "id: a, type: threshold, enabled: 3"), ["enabled", "true or false"]),
        (entry("metric: cost, strategy: zcore", STATISTICAL), ["did you mean 'zscore'"]),
        (entry("metric: cost, threshold: 3", STATISTICAL), ["strategy", "missing", "zscore"]),
        (
            entry("metric: cost, strategy: zscore, threshold: 0, window: 5m", STATISTICAL),
            ["threshold must be above 0"],
        ),
        (
            entry(
                "metric: cost, strategy: zscore, threshold: 3, window: 10s, seasonality: weekly",
                STATISTICAL,
            ),
            ["too short for seasonality weekly"],
        ),
        ("detector: []", ["unknown key 'detector'", "'detectors'"]),
        ("detectors: {a: 1}", ["must be a list"]),
    ],
)
def test_a_mistake_is_refused_naming_file_place_and_nearest_word(
    text: str, words: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_detectors(text, "my.yaml")
    for word in ["my.yaml", *words]:
        assert word in str(caught.value)


def test_an_id_used_twice_is_refused() -> None:
    twice = entry(GOOD) + entry(GOOD).removeprefix("detectors:\n")
    with pytest.raises(ConfigError, match="'a': id: used twice"):
        parse_detectors(twice)


def test_a_severity_nobody_knows_is_refused() -> None:
    text = entry(GOOD, "id: a, type: threshold, actions: [{alert: x, severity: critcal}]")
    with pytest.raises(ConfigError, match=r"actions\[0\]: severity: .*did you mean 'critical'"):
        parse_detectors(text)


def test_outside_takes_two_bounds_in_order() -> None:
    config = GOOD.replace("greater_than", "outside")
    (spec,) = parse_detectors(entry(config.replace("1, w", "[1, 2], w")))
    assert (spec.floor, spec.threshold) == (1, 2)
    with pytest.raises(ConfigError, match="lower bound first"):
        parse_detectors(entry(config.replace("1, w", "[2, 1], w")))


def test_variables_are_replaced_and_text_numbers_count() -> None:
    text = entry(GOOD.replace("threshold: 1", 'threshold: "${LIMIT:-2.5}"'))
    (spec,) = parse_detectors(text, environment={})
    assert spec.threshold == 2.5


def test_grouping_names_become_labels() -> None:
    (spec,) = parse_detectors(entry(GOOD + ", group_by: [application_id, model]"))
    assert spec.group_by == ("application", "model")


def test_an_action_may_carry_annotations_such_as_a_runbook() -> None:
    action = "{alert: x, severity: info, annotations: {runbook_url: 'https://wiki/x', team: 7}}"
    (spec,) = parse_detectors(entry(GOOD, f"id: a, type: threshold, actions: [{action}]"))
    assert spec.actions[0].annotations == {"runbook_url": "https://wiki/x", "team": "7"}
    with pytest.raises(ConfigError, match=r"actions\[0\]: annotations: must be a mapping"):
        parse_detectors(
            entry(
                GOOD,
                "id: a, type: threshold, actions: [{alert: x, severity: info, annotations: y}]",
            )
        )
