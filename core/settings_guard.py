"""Settings of the processes, the API, the engines and the stores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode

LATER = "Accepted, and without effect in this version."


def setting(default: Any, about: str, *, file: str = "", **bounds: Any) -> Any:
    """A setting with its description; `file` is its key in `config.yaml`."""
    extra: Any = {"file": file} if file else None
    return Field(default=default, description=about, json_schema_extra=extra, **bounds)


class GuardSettings(BaseSettings):
    """What the farm needs to run, and to judge inputs."""

    mode: Literal["standalone", "distributed", "sidecar"] = setting(
        "standalone",
        "`standalone` starts embedded stores, `distributed` uses DATABASE_URL and REDIS_URL.",
        file="mode",
    )
    sentinel_home: Path = setting(
        Path(".sentinel"),
        "Data directory of the standalone farm: databases, secrets, logs, process ids.",
        file="storage.path",
    )
    log_level: Literal["debug", "info", "warning", "error"] = setting(
        "info", "Least severe level that is logged.", file="observability.logging.level"
    )
    log_format: Literal["json", "text"] = setting(
        "json", "`json` for machines, `text` for a terminal.", file="observability.logging.format"
    )

    gateway_host: str = setting(
        "127.0.0.1", "Address on which the API, gRPC, Flower and the metrics listen."
    )
    gateway_port: int = setting(8080, "Port of the HTTP API.", file="ingestion.http.port")
    grpc_port: int = setting(9090, "Port of the OTLP/gRPC receiver.", file="ingestion.grpc.port")
    metrics_port: int = setting(
        9102, "Port of the node's Prometheus metrics.", file="observability.metrics.port"
    )
    metrics_enabled: bool = setting(
        True, "Serve Prometheus metrics.", file="observability.metrics.enabled"
    )
    flower_port: int = setting(5555, "Port of Flower.")
    flower_password: SecretStr = setting(
        SecretStr(""),
        "Password of Flower's user `sentinel`, asked where the API asks for a key.",
    )
    postgres_port: int = setting(15432, "Port of the embedded PostgreSQL.")
    valkey_port: int = setting(16379, "Port of the embedded Valkey.")
    gateway_mode: Literal["development", "production"] = setting(
        "development", "`production` refuses weak secrets and unauthenticated access."
    )
    gateway_max_request_size: int = setting(
        10 * 1024 * 1024, "Largest accepted request body, in bytes, after decompression."
    )
    gateway_threads: int = setting(16, "Threads of each API process.")
    gateway_workers: int = setting(1, "API processes.")

    auth_enabled: bool | None = setting(
        None,
        "Ask for an API key or JWT. Default: only when GATEWAY_HOST is not a loopback address.",
    )
    auth_secret: SecretStr = setting(SecretStr(""), "Key that signs the JWTs, at least 32 bytes.")
    auth_token_ttl: int = setting(3600, "Life of an access token, seconds.")
    auth_refresh_ttl: int = setting(604800, "Life of a refresh token, seconds.")

    tls_enabled: bool = setting(False, "Serve HTTPS with MTLS_CERT_FILE and MTLS_KEY_FILE.")
    grpc_tls_enabled: bool = setting(
        False,
        "Serve gRPC over TLS with MTLS_CERT_FILE and MTLS_KEY_FILE.",
        file="ingestion.grpc.tls.enabled",
    )
    mtls_enabled: bool = setting(False, "Also demand a client certificate signed by MTLS_CA_FILE.")
    mtls_ca_file: Path | None = setting(None, "CA certificate, PEM.")
    mtls_cert_file: Path | None = setting(None, "Server certificate, PEM.")
    mtls_key_file: Path | None = setting(None, "Server key, PEM.")

    brain_analysis_mode: Literal["fast", "balanced", "thorough"] = setting(
        "balanced", "Mode of an analysis that names none."
    )
    brain_workers: int = setting(
        0, "Processes of a CPU worker; 0 takes one per core.", file="detection.workers"
    )
    brain_cache_enabled: bool = setting(
        True, "Answer repeated single inputs from a verdict cache, without a task."
    )
    brain_cache_ttl: int = setting(300, "Life of a cached verdict, seconds; 0 keeps none.")
    brain_chunk_size: int = setting(
        250,
        "Most items of a batch that travel in one message; fewer where they are long.",
        file="detection.batchSize",
    )
    enabled_engines: Annotated[tuple[str, ...], NoDecode] = setting(
        (), "Comma-separated engines to run; empty means all."
    )
    disabled_engines: Annotated[tuple[str, ...], NoDecode] = setting(
        (), "Comma-separated engines that never run."
    )
    block_threshold: float = setting(0.7, "Risk from which the action is `block`.")
    warn_threshold: float = setting(0.5, "Risk from which the action is `warn`.")
    audit_threshold: float = setting(0.3, "Risk from which the action is `audit`.")
    gpu_threads: int = setting(
        16, "Runs that a GPU worker takes at once; their inputs share the model's batches."
    )
    gpu_model: str = setting(
        "", "Sequence classifier of the GPU class: a local folder or a hub name; empty means none."
    )
    gpu_model_revision: str = setting("main", "Revision of GPU_MODEL on the hub.")
    gpu_model_threshold: float = setting(0.5, "Score from which the classifier flags.")
    gpu_model_labels: Annotated[tuple[str, ...], NoDecode] = setting(
        (), "Labels of GPU_MODEL that count as an attack; empty takes every label but the first."
    )
    gpu_guard_model: str = setting(
        "",
        "Guard model of the GPU class that answers `Safety: …, Categories: …`: a local folder or "
        "a hub name; empty means none.",
    )
    gpu_guard_revision: str = setting("main", "Revision of GPU_GUARD_MODEL on the hub.")
    gpu_guard_threshold: float = setting(
        0.3, "Score from which the guard flags; `Controversial` alone is about 0.5."
    )
    gpu_guard_max_tokens: int = setting(64, "Longest answer of the guard, tokens.")
    guard_timeout: float = setting(
        10.0, "Longest wait of the synchronous guard call, seconds; then it answers 504."
    )
    job_deadline: float = setting(3600.0, "Seconds after which an unfinished analysis expires.")

    rate_limit_enabled: bool = setting(False, "Limit requests per client.")
    rate_limit_requests: int = setting(100, "Requests allowed in one window.")
    rate_limit_window: int = setting(60, "Window of the rate limit, seconds.")
    rate_limit_by_ip: bool = setting(True, "Count per client address.")
    rate_limit_by_token: bool = setting(True, "Count per API key or JWT subject where one is sent.")

    database_url: SecretStr = setting(SecretStr(""), "PostgreSQL URL; empty means embedded.")
    redis_url: SecretStr = setting(SecretStr(""), "Redis or Valkey URL; empty means embedded.")
    redis_password: SecretStr = setting(
        SecretStr(""), "Password for REDIS_URL where the URL carries none."
    )
    redis_sentinel_master: str = setting(
        "mymaster", "Name by which the sentinels of a `sentinel://` REDIS_URL know the master."
    )
    redis_sentinel_password: SecretStr = setting(
        SecretStr(""), "Password of the sentinels themselves, where they ask for one."
    )
    broker_url: SecretStr = setting(
        SecretStr(""),
        "URL of the Celery broker where it is not REDIS_URL, e.g. `amqp://…` for RabbitMQ; "
        "Valkey still wakes waiters and keeps the cache.",
    )

    smtp_password: SecretStr = setting(SecretStr(""), "For `${SMTP_PASSWORD}` in alerts.yaml.")
    slack_webhook_url: SecretStr = setting(
        SecretStr(""), "For `${SLACK_WEBHOOK_URL}` in alerts.yaml."
    )
    application_id: str = setting("default", "Application of a request that names none.")
    central_aggregator: str = setting("", f"Farm to which a sidecar forwards. {LATER}")
