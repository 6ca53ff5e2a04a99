"""Prometheus metrics of every process, under the names of the contract.

With PROMETHEUS_MULTIPROC_DIR set, which `core.metrics_home` sees to, the processes of a node share
one view.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import Counter as Counted
from collections.abc import Iterator, Sequence
from pathlib import Path

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from core.metrics_home import VARIABLE, locked

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10, 30, 60)
_ENGINE = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 5)

REQUESTS = Counter(
    "sentinel_requests_total",
    "Guard requests by how they ended: success, blocked, error.",
    ["status"],
)
ANALYSIS_SECONDS = Histogram(
    "sentinel_analysis_duration_seconds", "From submission to verdict.", buckets=_FAST
)
ENGINES_TRIGGERED = Counter(
    "sentinel_engines_triggered_total", "Inputs that an engine flagged.", ["engine"]
)
ENGINE_SECONDS = Histogram(
    "sentinel_engine_duration_seconds", "One engine on one input.", ["engine"], buckets=_ENGINE
)
TELEMETRY_EVENTS = Counter("sentinel_telemetry_events_total", "Telemetry events stored.")
INGESTION_SECONDS = Histogram(
    "sentinel_ingestion_latency_seconds", "From acceptance of events to their rows.", buckets=_FAST
)
INGESTION_ERRORS = Counter(
    "sentinel_ingestion_errors_total", "Telemetry events rejected or not stored."
)
OTLP_SPANS = Counter(
    "sentinel_otlp_spans_total",
    "Spans taken by OTLP: event (a model call, kept), no_call (not kept), repeated (sums what spans"
    " below it say, not kept), rejected.",
    ["result"],
)
DETECTION_SECONDS = Histogram(
    "sentinel_detection_latency_seconds", "One evaluation of one detector.", buckets=_FAST
)
DETECTION_ERRORS = Counter("sentinel_detection_errors_total", "Evaluations that failed.")
ANOMALIES = Counter("sentinel_anomalies_detected_total", "Anomalies found.")
ALERTS_SENT = Counter("sentinel_alerts_sent_total", "Notifications delivered.", ["receiver"])
ALERT_FAILURES = Counter(
    "sentinel_alert_failures_total", "Delivery attempts that failed.", ["receiver"]
)
REPORT_SECONDS = Histogram("sentinel_report_duration_seconds", "Making one report.", buckets=_FAST)
REPORT_DELIVERIES = Counter(
    "sentinel_report_deliveries_total",
    "Attempts to deliver a report: delivered, failed.",
    ["result"],
)
CACHE_LOOKS = Counter(
    "sentinel_cache_requests_total", "Looks into the verdict cache: hit, miss.", ["result"]
)
CASCADE_ITEMS = Counter(
    "sentinel_cascade_items_total",
    "Inputs that wait for GPU engines, by what the CPU engines decided: harmless and attack need "
    "no GPU, no does.",
    ["decided"],
)
QUEUE_WAIT = Histogram(
    "sentinel_queue_wait_seconds",
    "From publication of a run to its claim.",
    ["queue"],
    buckets=_FAST,
)
TASK_SECONDS = Histogram(
    "sentinel_task_runtime_seconds", "Run time of one task.", ["task"], buckets=_FAST
)
KAFKA_LAG_NAME = "sentinel_kafka_consumer_lag"
"""It is named also where no consumer has a partition, so that dashboards and rules find it."""
KAFKA_LAG = Gauge(
    KAFKA_LAG_NAME,
    "Messages of a partition past the group's committed offset, told by the consumer that has it.",
    ["topic", "partition"],
    multiprocess_mode="livemostrecent",
)
KAFKA_EVENTS = Counter("sentinel_kafka_events_total", "Telemetry events of Kafka stored.")
KAFKA_ERRORS = Counter(
    "sentinel_kafka_errors_total",
    "What went wrong with Kafka: reject (an event or message refused), store (rows not stored yet),"
    " commit (offsets not committed), client (the brokers' connection).",
    ["kind"],
)
TELEMETRY_SAMPLES = Counter(
    "sentinel_telemetry_samples_total",
    "Events sampled for analysis: chosen, submitted, refused (cannot be analysed), given_up (the"
    " farm had no time for them).",
    ["state"],
)

SCRAPED = {
    "sentinel_queue_length": "Messages that wait in a queue.",
    "sentinel_queue_oldest_seconds": "Age of the oldest run that waits for a queue; 0 for none.",
    "sentinel_queue_proof_seconds": "Seconds since work of a queue is known to have been done.",
    "sentinel_queue_projected_wait_seconds": "Seconds until a new run of a queue would be begun.",
    "sentinel_workers_up": "Workers with a fresh heartbeat, by the class they serve.",
    "sentinel_worker_slots": "Pool processes or threads of workers that serve a queue.",
    "sentinel_event_buffer_size": "Telemetry events that wait to be stored.",
    "sentinel_alert_config_ok": "1 while alerts.yaml loads, 0 while its last reading failed.",
}
"""Metrics read from the broker and the database at the moment of the scrape."""


def observe_many(histogram: Histogram, values: Sequence[float]) -> None:
    """As `observe` of each value, in one step a bucket: a chunk brings hundreds of them."""
    bounds = histogram._upper_bounds
    counts = Counted(bisect_left(bounds, value) for value in values)
    for place, count in counts.items():
        histogram._buckets[place].inc(count)
    histogram._sum.inc(sum(values))


_OLDER_NAME = "sentinel_engines_triggered"


class _OlderName:
    """Repeats sentinel_engines_triggered_total under the name that guide 1's dashboards ask for."""

    def __init__(self, source: CollectorRegistry) -> None:
        self.source = source

    def collect(self) -> Iterator[Metric]:
        older = GaugeMetricFamily(
            _OLDER_NAME,
            "As sentinel_engines_triggered_total, under the older name.",
            labels=["engine"],
        )
        for family in self.source.collect():
            if family.name != _OLDER_NAME:
                continue
            for sample in family.samples:
                if sample.name == f"{_OLDER_NAME}_total":
                    older.add_metric([sample.labels["engine"]], sample.value)
        yield older


def exposition() -> bytes:
    """The Prometheus text of every process of the node, and the older names beside it."""
    if not (folder := os.environ.get(VARIABLE)):
        return _text(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
    with locked(Path(folder)):
        return _text(registry)


def _text(registry: CollectorRegistry) -> bytes:
    older = CollectorRegistry()
    older.register(_OlderName(registry))
    page = generate_latest(registry)
    kind = f"# TYPE {KAFKA_LAG_NAME} gauge\n".encode()
    return page + (b"" if kind in page else kind) + generate_latest(older)
