"""The one place that reads the environment and `config.yaml`.

Precedence: environment (or a mounted secret named by `NAME_FILE`) > file > default.
Every setting is described here; `docs/settings.md` is generated from these descriptions.
"""

from __future__ import annotations

import functools
import ipaddress
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from core import urls
from core.configfile import parse_duration, parse_pairs, parse_share
from core.errors import ConfigError
from core.settings_sources import CONFIG_ENV, ConfigFile, MountedSecrets

__all__ = ["CONFIG_ENV", "Settings", "load", "settings"]

MIN_SECRET_BYTES = 32
LATER = "Accepted, and without effect in this version."


def _setting(default: Any, about: str, *, file: str = "") -> Any:
    extra = {"file": file} if file else None
    return Field(default=default, description=about, json_schema_extra=extra)  # type: ignore[arg-type]


class Settings(BaseSettings):
    """Every setting of every process. Field `auth_ttl` is read from the variable `AUTH_TTL`."""

    model_config = SettingsConfigDict(
        case_sensitive=False, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    mode: Literal["standalone", "distributed", "sidecar"] = _setting(
        "standalone",
        "`standalone` starts embedded stores, `distributed` uses DATABASE_URL and REDIS_URL.",
        file="mode",
    )
    sentinel_home: Path = _setting(
        Path(".sentinel"),
        "Data directory of the standalone farm: databases, secrets, logs, process ids.",
        file="storage.path",
    )
    log_level: Literal["debug", "info", "warning", "error"] = _setting(
        "info", "Least severe level that is logged.", file="observability.logging.level"
    )
    log_format: Literal["json", "text"] = _setting(
        "json", "`json` for machines, `text` for a terminal.", file="observability.logging.format"
    )

    gateway_host: str = _setting(
        "127.0.0.1", "Address on which the API, gRPC, Flower and the metrics listen."
    )
    gateway_port: int = _setting(8080, "Port of the HTTP API.", file="ingestion.http.port")
    grpc_port: int = _setting(9090, "Port of the OTLP/gRPC receiver.", file="ingestion.grpc.port")
    metrics_port: int = _setting(
        9102, "Port of the node's Prometheus metrics.", file="observability.metrics.port"
    )
    metrics_enabled: bool = _setting(
        True, "Serve Prometheus metrics.", file="observability.metrics.enabled"
    )
    flower_port: int = _setting(5555, "Port of Flower.")
    flower_password: SecretStr = _setting(
        SecretStr(""),
        "Password of Flower's user `sentinel`, asked where the API asks for a key.",
    )
    postgres_port: int = _setting(15432, "Port of the embedded PostgreSQL.")
    valkey_port: int = _setting(16379, "Port of the embedded Valkey.")
    gateway_mode: Literal["development", "production"] = _setting(
        "development", "`production` refuses weak secrets and unauthenticated access."
    )
    gateway_max_request_size: int = _setting(
        10 * 1024 * 1024, "Largest accepted request body, in bytes, after decompression."
    )
    gateway_threads: int = _setting(16, "Threads of each API process.")
    gateway_workers: int = _setting(1, "API processes.")

    auth_enabled: bool | None = _setting(
        None,
        "Ask for an API key or JWT. Default: only when GATEWAY_HOST is not a loopback address.",
    )
    auth_secret: SecretStr = _setting(SecretStr(""), "Key that signs the JWTs, at least 32 bytes.")
    auth_token_ttl: int = _setting(3600, "Life of an access token, seconds.")
    auth_refresh_ttl: int = _setting(604800, "Life of a refresh token, seconds.")

    tls_enabled: bool = _setting(False, "Serve HTTPS with MTLS_CERT_FILE and MTLS_KEY_FILE.")
    grpc_tls_enabled: bool = _setting(
        False,
        "Serve gRPC over TLS with MTLS_CERT_FILE and MTLS_KEY_FILE.",
        file="ingestion.grpc.tls.enabled",
    )
    mtls_enabled: bool = _setting(False, "Also demand a client certificate signed by MTLS_CA_FILE.")
    mtls_ca_file: Path | None = _setting(None, "CA certificate, PEM.")
    mtls_cert_file: Path | None = _setting(None, "Server certificate, PEM.")
    mtls_key_file: Path | None = _setting(None, "Server key, PEM.")

    brain_analysis_mode: Literal["fast", "balanced", "thorough"] = _setting(
        "balanced", "Mode of an analysis that names none."
    )
    brain_workers: int = _setting(
        0, "Processes of a CPU worker; 0 takes one per core.", file="detection.workers"
    )
    brain_cache_enabled: bool = _setting(
        True, "Answer repeated single inputs from a verdict cache, without a task."
    )
    brain_cache_ttl: int = _setting(300, "Life of a cached verdict, seconds; 0 keeps none.")
    brain_chunk_size: int = _setting(
        250,
        "Most items of a batch that travel in one message; fewer where they are long.",
        file="detection.batchSize",
    )
    enabled_engines: Annotated[tuple[str, ...], NoDecode] = _setting(
        (), "Comma-separated engines to run; empty means all."
    )
    disabled_engines: Annotated[tuple[str, ...], NoDecode] = _setting(
        (), "Comma-separated engines that never run."
    )
    block_threshold: float = _setting(0.7, "Risk from which the action is `block`.")
    warn_threshold: float = _setting(0.5, "Risk from which the action is `warn`.")
    audit_threshold: float = _setting(0.3, "Risk from which the action is `audit`.")
    gpu_threads: int = _setting(
        16, "Runs that a GPU worker takes at once; their inputs share the model's batches."
    )
    gpu_model: str = _setting(
        "", "Sequence classifier of the GPU class: a local folder or a hub name; empty means none."
    )
    gpu_model_revision: str = _setting("main", "Revision of GPU_MODEL on the hub.")
    gpu_model_threshold: float = _setting(0.5, "Score from which the classifier flags.")
    gpu_model_labels: Annotated[tuple[str, ...], NoDecode] = _setting(
        (), "Labels of GPU_MODEL that count as an attack; empty takes every label but the first."
    )
    gpu_guard_model: str = _setting(
        "",
        "Guard model of the GPU class that answers `Safety: …, Categories: …`: a local folder or "
        "a hub name; empty means none.",
    )
    gpu_guard_revision: str = _setting("main", "Revision of GPU_GUARD_MODEL on the hub.")
    gpu_guard_threshold: float = _setting(
        0.3, "Score from which the guard flags; `Controversial` alone is about 0.5."
    )
    gpu_guard_max_tokens: int = _setting(64, "Longest answer of the guard, tokens.")
    guard_timeout: float = _setting(
        10.0, "Longest wait of the synchronous guard call, seconds; then it answers 504."
    )
    job_deadline: float = _setting(3600.0, "Seconds after which an unfinished analysis expires.")

    rate_limit_enabled: bool = _setting(False, "Limit requests per client.")
    rate_limit_requests: int = _setting(100, "Requests allowed in one window.")
    rate_limit_window: int = _setting(60, "Window of the rate limit, seconds.")
    rate_limit_by_ip: bool = _setting(True, "Count per client address.")
    rate_limit_by_token: bool = _setting(
        True, "Count per API key or JWT subject where one is sent."
    )

    database_url: SecretStr = _setting(SecretStr(""), "PostgreSQL URL; empty means embedded.")
    redis_url: SecretStr = _setting(SecretStr(""), "Redis or Valkey URL; empty means embedded.")
    redis_password: SecretStr = _setting(
        SecretStr(""), "Password for REDIS_URL where the URL carries none."
    )
    redis_sentinel_master: str = _setting(
        "mymaster", "Name by which the sentinels of a `sentinel://` REDIS_URL know the master."
    )
    redis_sentinel_password: SecretStr = _setting(
        SecretStr(""), "Password of the sentinels themselves, where they ask for one."
    )
    broker_url: SecretStr = _setting(
        SecretStr(""),
        "URL of the Celery broker where it is not REDIS_URL, e.g. `amqp://…` for RabbitMQ; "
        "Valkey still wakes waiters and keeps the cache.",
    )

    smtp_password: SecretStr = _setting(SecretStr(""), "For `${SMTP_PASSWORD}` in alerts.yaml.")
    slack_webhook_url: SecretStr = _setting(
        SecretStr(""), "For `${SLACK_WEBHOOK_URL}` in alerts.yaml."
    )
    application_id: str = _setting("default", "Application of a request that names none.")
    central_aggregator: str = _setting("", f"Farm to which a sidecar forwards. {LATER}")

    detectors_file: Path | None = _setting(
        None, "Path of detectors.yaml; empty takes the shipped one.", file="detectors.configFile"
    )
    alerts_file: Path | None = _setting(
        None, "Path of alerts.yaml; empty takes the shipped one.", file="alerts.configFile"
    )
    reports_file: Path | None = _setting(
        None,
        "Path of reports.yaml, the schedules of reports; empty means none but those stored by API. "
        "Read again when it changes.",
        file="reports.configFile",
    )
    reports_show_text: bool = _setting(
        False,
        "Show passages of blocked inputs in reports, secrets and personal data masked.",
        file="reports.showText",
    )
    reports_retention: str = _setting(
        "365d", "Age at which stored reports are dropped.", file="reports.retention"
    )
    policies_dir: Path | None = _setting(
        None,
        "Folder of policies, one YAML file each, beside the shipped ones and in place of those "
        "whose name they bear. Read again when a file changes.",
        file="policies.dir",
    )
    prices_file: Path | None = _setting(
        None,
        "File of prices in the form of core/prices.yaml, whose entries stand above the shipped "
        "ones; they give the cost of events that come without one.",
        file="ingestion.pricesFile",
    )
    detector_interval: float = _setting(10.0, "Seconds between two evaluations of the detectors.")
    detection_lag_seconds: float = Field(
        default=5.0,
        ge=0,
        le=3600,
        description="Seconds after its end at which a window is judged by detectors that look at "
        "complete windows, so that late events are in it; `threshold` does not wait.",
    )
    external_url: str = _setting(
        "",
        "Address at which people reach the API, such as `https://sentinel.example.com`; links in "
        "messages begin with it. Empty leaves links out.",
        file="alerts.externalUrl",
    )
    outbound_allow_private: bool | None = _setting(
        None,
        "Let receivers call private and loopback addresses. Default: not in production.",
    )
    retention_raw: str = _setting(
        "7d", "Age at which telemetry and content are dropped.", file="storage.retention.raw"
    )
    retention_aggregated: str = _setting(
        "90d", "Age at which rollups are dropped.", file="storage.retention.aggregated"
    )
    event_buffer_size: int = Field(
        default=200_000,
        gt=0,
        description="Telemetry events that may wait to be stored; past it senders get 503.",
        json_schema_extra={"file": "ingestion.bufferSize"},
    )
    kafka_enabled: bool | None = _setting(
        None,
        "Let `sentinel up` run a Kafka consumer. Default: when KAFKA_BROKERS is set.",
        file="ingestion.kafka.enabled",
    )
    kafka_brokers: Annotated[tuple[str, ...], NoDecode] = _setting(
        (),
        "Comma-separated Kafka bootstrap servers, `host:port`, of which `sentinel kafka` reads.",
        file="ingestion.kafka.brokers",
    )
    kafka_topics: Annotated[tuple[str, ...], NoDecode] = _setting(
        ("llm-telemetry",),
        "Comma-separated Kafka topics that carry telemetry.",
        file="ingestion.kafka.topics",
    )
    kafka_group: str = _setting(
        "sentinel-prod",
        "Consumer group; the consumers of one group share the partitions.",
        file="ingestion.kafka.consumerGroup",
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = _setting(
        "PLAINTEXT", "How Kafka's brokers are spoken to.", file="ingestion.kafka.securityProtocol"
    )
    kafka_sasl_mechanism: str = _setting(
        "",
        "SASL mechanism, e.g. `PLAIN` or `SCRAM-SHA-512`.",
        file="ingestion.kafka.sasl.mechanism",
    )
    kafka_sasl_username: str = _setting("", "SASL user name.", file="ingestion.kafka.sasl.username")
    kafka_sasl_password: SecretStr = _setting(
        SecretStr(""), "SASL password.", file="ingestion.kafka.sasl.password"
    )
    kafka_ca_file: Path | None = _setting(
        None,
        "CA certificates that sign the brokers', PEM; empty takes the system's.",
        file="ingestion.kafka.tls.caFile",
    )
    kafka_cert_file: Path | None = _setting(
        None, "Client certificate for Kafka, PEM.", file="ingestion.kafka.tls.certFile"
    )
    kafka_key_file: Path | None = _setting(
        None, "Key of the client certificate, PEM.", file="ingestion.kafka.tls.keyFile"
    )
    kafka_key_password: SecretStr = _setting(
        SecretStr(""), "Password of KAFKA_KEY_FILE.", file="ingestion.kafka.tls.keyPassword"
    )
    kafka_options: Annotated[tuple[str, ...], NoDecode] = _setting(
        (),
        "Comma-separated further settings of librdkafka, `name=value`.",
        file="ingestion.kafka.options",
    )

    telemetry_analyze_sample: float = _setting(
        0.0,
        "Share of the telemetry events with text, 0 to 1, whose text is analysed.",
        file="telemetry.analyze.sample",
    )
    telemetry_analyze_mode: Literal["fast", "balanced", "thorough"] = _setting(
        "fast", "Mode in which sampled text is analysed.", file="telemetry.analyze.mode"
    )
    telemetry_analyze_applications: Annotated[tuple[str, ...], NoDecode] = _setting(
        (),
        "Comma-separated shares of single applications, `application=share`.",
        file="telemetry.analyze.applications",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order of precedence, first wins."""
        return (
            init_settings,
            env_settings,
            MountedSecrets(settings_cls),
            ConfigFile(settings_cls),
        )

    @model_validator(mode="before")
    @classmethod
    def _split_lists(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name, info in cls.model_fields.items():
            given = values.get(name)
            if isinstance(given, str) and "tuple" in str(info.annotation):
                values[name] = tuple(part.strip() for part in given.split(",") if part.strip())
            if given == "" and info.annotation != SecretStr and info.annotation is not str:
                del values[name]
        return values

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not 0 <= self.audit_threshold <= self.warn_threshold <= self.block_threshold <= 1:
            raise ValueError(
                "AUDIT_THRESHOLD <= WARN_THRESHOLD <= BLOCK_THRESHOLD must hold within 0..1"
            )
        for name in ("retention_raw", "retention_aggregated", "reports_retention"):
            parse_duration(getattr(self, name))
        parse_share("TELEMETRY_ANALYZE_SAMPLE", self.telemetry_analyze_sample)
        self.analyzed_shares()
        self.kafka_extras()
        if self.external_url and not self.external_url.startswith(("http://", "https://")):
            raise ValueError("EXTERNAL_URL must be an address such as https://sentinel.example.com")
        for name, allowed in (
            ("redis_url", urls.REDIS_SCHEMES),
            ("broker_url", (*urls.AMQP_SCHEMES, *urls.REDIS_SCHEMES)),
        ):
            urls.demand_scheme(name.upper(), getattr(self, name).get_secret_value(), allowed)
        if self.production and len(self.auth_secret.get_secret_value().encode()) < MIN_SECRET_BYTES:
            raise ValueError(
                f"AUTH_SECRET must have at least {MIN_SECRET_BYTES} bytes in production; "
                "make one with `openssl rand -hex 32`"
            )
        if self.production and self.auth_enabled is False:
            raise ValueError("AUTH_ENABLED=false is refused in production; remove it")
        if self.auth_enabled is False and not self.loopback:
            raise ValueError(
                "AUTH_ENABLED=false is allowed on a loopback GATEWAY_HOST only; "
                "bind to 127.0.0.1 or enable authentication"
            )
        return self

    @property
    def production(self) -> bool:
        """True in production."""
        return self.gateway_mode == "production"

    @property
    def loopback(self) -> bool:
        """True when the API listens on this machine only."""
        if self.gateway_host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.gateway_host).is_loopback
        except ValueError:
            return False

    @property
    def authenticated(self) -> bool:
        """Whether requests need a key: as told, else whenever others can reach the port."""
        if self.auth_enabled is not None:
            return self.auth_enabled
        return self.production or not self.loopback

    @property
    def private_targets(self) -> bool:
        """Whether receivers may call private addresses."""
        if self.outbound_allow_private is not None:
            return self.outbound_allow_private
        return not self.production

    def analyzed_shares(self) -> dict[str, float]:
        """The share of events whose text is analysed, by application that has one of its own."""
        setting = "TELEMETRY_ANALYZE_APPLICATIONS"
        pairs = parse_pairs(setting, self.telemetry_analyze_applications)
        return {name: parse_share(setting, share) for name, share in pairs.items()}

    def kafka_extras(self) -> dict[str, str]:
        """KAFKA_OPTIONS by name."""
        return parse_pairs("KAFKA_OPTIONS", self.kafka_options)

    def database(self) -> str:
        """SQLAlchemy URL of PostgreSQL, driver named.

        Raises ConfigError when neither DATABASE_URL nor an embedded server is known.
        """
        url = self.database_url.get_secret_value()
        if not url:
            raise ConfigError(
                "DATABASE_URL is not set; run `sentinel up` or point it at PostgreSQL"
            )
        return urls.for_sqlalchemy(url)

    @property
    def amqp(self) -> bool:
        """Whether the broker is RabbitMQ."""
        return self.broker_url.get_secret_value().startswith(urls.AMQP_SCHEMES)

    def broker(self) -> str:
        """URL of the Celery broker. Raises ConfigError when none is known."""
        return self.broker_url.get_secret_value() or self.redis()

    def redis(self) -> str:
        """URL of Redis or Valkey, password put in where the URL has none.

        Raises ConfigError when neither REDIS_URL nor an embedded server is known.
        """
        url = self.redis_url.get_secret_value()
        if not url:
            raise ConfigError("REDIS_URL is not set; run `sentinel up` or point it at Redis")
        return urls.with_password(url, self.redis_password.get_secret_value())


def load(**overrides: Any) -> Settings:
    """Settings from the environment and file. Raises ConfigError naming the setting at fault."""
    try:
        return Settings(**overrides)
    except ValidationError as problem:
        first = problem.errors()[0]
        name = ".".join(str(part) for part in first["loc"]).upper()
        message = str(first["msg"]).removeprefix("Value error, ")
        raise ConfigError(f"{name}: {message}" if name else message) from None


@functools.cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return load()
