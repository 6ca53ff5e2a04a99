"""Settings of telemetry, detectors, alerts and reports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import SecretStr
from pydantic_settings import NoDecode

from core.settings_guard import GuardSettings, setting


class WatchSettings(GuardSettings):
    """What watching needs beside."""

    detectors_file: Path | None = setting(
        None, "Path of detectors.yaml; empty takes the shipped one.", file="detectors.configFile"
    )
    alerts_file: Path | None = setting(
        None, "Path of alerts.yaml; empty takes the shipped one.", file="alerts.configFile"
    )
    reports_file: Path | None = setting(
        None,
        "Path of reports.yaml, the schedules of reports; empty means none but those stored by API. "
        "Read again when it changes.",
        file="reports.configFile",
    )
    reports_show_text: bool = setting(
        False,
        "Show passages of blocked inputs in reports, secrets and personal data masked.",
        file="reports.showText",
    )
    reports_retention: str = setting(
        "365d", "Age at which stored reports are dropped.", file="reports.retention"
    )
    reports_max_open: int = setting(
        10,
        "Reports of one tenant that may be queued or running; past it a request for one gets 429.",
        file="reports.maxOpen",
        gt=0,
    )
    policies_dir: Path | None = setting(
        None,
        "Folder of policies, one YAML file each, beside the shipped ones and in place of those "
        "whose name they bear. Read again when a file changes.",
        file="policies.dir",
    )
    prices_file: Path | None = setting(
        None,
        "File of prices in the form of core/prices.yaml, whose entries stand above the shipped "
        "ones; they give the cost of events that come without one.",
        file="ingestion.pricesFile",
    )
    detector_interval: float = setting(10.0, "Seconds between two evaluations of the detectors.")
    detection_lag_seconds: float = setting(
        5.0,
        "Seconds after its end at which a window is judged by detectors that look at complete "
        "windows, so that late events are in it; `threshold` does not wait.",
        ge=0,
        le=3600,
    )
    external_url: str = setting(
        "",
        "Address at which people reach the API, such as `https://sentinel.example.com`; links in "
        "messages begin with it. Empty leaves links out.",
        file="alerts.externalUrl",
    )
    outbound_allow_private: bool | None = setting(
        None,
        "Let receivers call private and loopback addresses. Default: not in production.",
    )
    retention_raw: str = setting(
        "7d", "Age at which telemetry and content are dropped.", file="storage.retention.raw"
    )
    retention_aggregated: str = setting(
        "90d",
        "Age at which rollups, and alerts that are over, are dropped.",
        file="storage.retention.aggregated",
    )
    event_buffer_size: int = setting(
        200_000,
        "Telemetry events that may wait to be stored; past it senders get 503.",
        file="ingestion.bufferSize",
        gt=0,
    )
    kafka_enabled: bool | None = setting(
        None,
        "Let `sentinel up` run a Kafka consumer. Default: when KAFKA_BROKERS is set.",
        file="ingestion.kafka.enabled",
    )
    kafka_brokers: Annotated[tuple[str, ...], NoDecode] = setting(
        (),
        "Comma-separated Kafka bootstrap servers, `host:port`, of which `sentinel kafka` reads.",
        file="ingestion.kafka.brokers",
    )
    kafka_topics: Annotated[tuple[str, ...], NoDecode] = setting(
        ("llm-telemetry",),
        "Comma-separated Kafka topics that carry telemetry.",
        file="ingestion.kafka.topics",
    )
    kafka_group: str = setting(
        "sentinel-prod",
        "Consumer group; the consumers of one group share the partitions.",
        file="ingestion.kafka.consumerGroup",
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = setting(
        "PLAINTEXT", "How Kafka's brokers are spoken to.", file="ingestion.kafka.securityProtocol"
    )
    kafka_sasl_mechanism: str = setting(
        "",
        "SASL mechanism, e.g. `PLAIN` or `SCRAM-SHA-512`.",
        file="ingestion.kafka.sasl.mechanism",
    )
    kafka_sasl_username: str = setting("", "SASL user name.", file="ingestion.kafka.sasl.username")
    kafka_sasl_password: SecretStr = setting(
        SecretStr(""), "SASL password.", file="ingestion.kafka.sasl.password"
    )
    kafka_ca_file: Path | None = setting(
        None,
        "CA certificates that sign the brokers', PEM; empty takes the system's.",
        file="ingestion.kafka.tls.caFile",
    )
    kafka_cert_file: Path | None = setting(
        None, "Client certificate for Kafka, PEM.", file="ingestion.kafka.tls.certFile"
    )
    kafka_key_file: Path | None = setting(
        None, "Key of the client certificate, PEM.", file="ingestion.kafka.tls.keyFile"
    )
    kafka_key_password: SecretStr = setting(
        SecretStr(""), "Password of KAFKA_KEY_FILE.", file="ingestion.kafka.tls.keyPassword"
    )
    kafka_options: Annotated[tuple[str, ...], NoDecode] = setting(
        (),
        "Comma-separated further settings of librdkafka, `name=value`.",
        file="ingestion.kafka.options",
    )

    telemetry_analyze_sample: float = setting(
        0.0,
        "Share of the telemetry events with text, 0 to 1, whose text is analysed.",
        file="telemetry.analyze.sample",
    )
    telemetry_analyze_mode: Literal["fast", "balanced", "thorough"] = setting(
        "fast", "Mode in which sampled text is analysed.", file="telemetry.analyze.mode"
    )
    telemetry_analyze_applications: Annotated[tuple[str, ...], NoDecode] = setting(
        (),
        "Comma-separated shares of single applications, `application=share`.",
        file="telemetry.analyze.applications",
    )
