"""Counting many values at once counts what counting each would."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram, generate_latest

from core.metrics import KAFKA_LAG_NAME, exposition, observe_many

VALUES = [0.0, 0.1, 0.1000001, 0.5, 1.0, 7.0, 100.0]


def test_many_observations_at_once_are_each_observation() -> None:
    pages = []
    for at_once in (True, False):
        registry = CollectorRegistry()
        histogram = Histogram("h", "h", ["engine"], buckets=(0.1, 0.5, 1), registry=registry)
        child = histogram.labels("e")
        if at_once:
            observe_many(child, VALUES)
        else:
            for value in VALUES:
                child.observe(value)
        lines = generate_latest(registry).decode().splitlines()
        pages.append([line for line in lines if "created" not in line])
    assert pages[0] == pages[1]


def test_the_lag_of_kafka_is_named_once_also_where_nobody_consumes() -> None:
    assert exposition().decode().count(f"# TYPE {KAFKA_LAG_NAME} gauge") == 1
