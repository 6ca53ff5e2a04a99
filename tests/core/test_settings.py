"""Settings: precedence, mounted secrets, config.yaml, and clear refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ConfigError
from core.settings import CONFIG_ENV, load

STANDALONE = """
mode: standalone

ingestion:
  grpc:
    port: 9090
  http:
    port: 8081

storage:
  path: /var/sentinel/data
  retention:
    raw: 7d
    aggregated: 90d

detectors:
  configFile: /etc/sentinel/detectors.yaml

alerts:
  configFile: /etc/sentinel/alerts.yaml

observability:
  metrics:
    enabled: true
    port: 9102
  logging:
    level: info
    format: json
"""

CONFIG_MAP = """
mode: distributed
ingestion:
  grpc: {port: 9090, tls: {enabled: false}}
  http: {port: 8080}
  kafka:
    enabled: true
    brokers: ["kafka.kafka.svc.cluster.local:9092"]
    topics: [llm-telemetry]
    consumerGroup: sentinel-prod
detection: {workers: 8, batchSize: 100}
storage:
  timeseries: {type: prometheus, url: "http://prometheus.monitoring.svc.cluster.local:9090"}
  events: {type: elasticsearch, urls: ["http://elasticsearch.logging.svc.cluster.local:9200"]}
observability:
  metrics: {enabled: true, port: 9102}
  logging: {level: info, format: json}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "config.yaml"
    monkeypatch.setenv(CONFIG_ENV, str(file))
    monkeypatch.delenv("SENTINEL_HOME", raising=False)
    return file


def test_the_standalone_file_of_the_guide_loads(config: Path) -> None:
    config.write_text(STANDALONE)
    found = load()
    assert (found.gateway_port, str(found.sentinel_home)) == (8081, "/var/sentinel/data")
    assert str(found.alerts_file) == "/etc/sentinel/alerts.yaml"


def test_the_config_map_of_the_guide_loads(config: Path) -> None:
    config.write_text(CONFIG_MAP)
    found = load()
    assert (found.mode, found.kafka_topics, found.brain_workers) == (
        "distributed",
        ("llm-telemetry",),
        8,
    )


def test_the_environment_wins_over_the_file(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text(STANDALONE)
    monkeypatch.setenv("GATEWAY_PORT", "7000")
    assert load().gateway_port == 7000


def test_an_unknown_key_names_the_nearest(config: Path) -> None:
    config.write_text("observability: {loging: {level: info}}")
    with pytest.raises(ConfigError, match=r"did you mean 'observability\.logging\.level'"):
        load()


def test_broken_yaml_names_file_line_and_column(config: Path) -> None:
    config.write_text("mode: standalone\n  bad: [")
    with pytest.raises(ConfigError, match=r"config\.yaml:2:\d+: not valid YAML"):
        load()


def test_a_key_that_stands_twice_is_refused(config: Path) -> None:
    config.write_text("mode: standalone\nmode: distributed\n")
    with pytest.raises(ConfigError, match=r":2:1: .*'mode' stands twice"):
        load()


def test_an_anchor_that_contains_itself_is_refused(config: Path) -> None:
    config.write_text("storage: &a\n  path: *a\n")
    with pytest.raises(ConfigError, match="contains itself"):
        load()


def test_a_file_that_is_not_there_is_named(config: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.yaml cannot be read"):
        load()


def test_a_variable_and_its_default_are_replaced(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_PORT", "8123")
    config.write_text("ingestion: {http: {port: '${MY_PORT}'}, grpc: {port: '${OTHER:-9191}'}}")
    assert (load().gateway_port, load().grpc_port) == (8123, 9191)


def test_an_unset_variable_is_named(config: Path) -> None:
    config.write_text("storage: {path: '${NO_SUCH_VARIABLE}'}")
    with pytest.raises(ConfigError, match=r"storage: path: \$\{NO_SUCH_VARIABLE\} is not set"):
        load()


def test_a_mounted_secret_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s" * 40 + "\n")
    monkeypatch.delenv("AUTH_SECRET", raising=False)
    monkeypatch.setenv("AUTH_SECRET_FILE", str(secret))
    assert load().auth_secret.get_secret_value() == "s" * 40


def test_a_missing_mounted_secret_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_PASSWORD_FILE", "/nowhere/secret")
    with pytest.raises(ConfigError, match="REDIS_PASSWORD_FILE names /nowhere/secret"):
        load()


@pytest.mark.parametrize("secret", ["", "short", "x" * 31])
def test_production_refuses_a_short_secret(secret: str) -> None:
    with pytest.raises(ConfigError, match="AUTH_SECRET must have at least 32 bytes"):
        load(gateway_mode="production", auth_secret=secret)


def test_authentication_is_off_on_loopback_only() -> None:
    assert load(gateway_host="127.0.0.1").authenticated is False
    assert load(gateway_host="0.0.0.0").authenticated is True
    with pytest.raises(ConfigError, match="loopback"):
        load(gateway_host="0.0.0.0", auth_enabled=False)


def test_thresholds_out_of_order_are_refused() -> None:
    with pytest.raises(ConfigError, match="AUDIT_THRESHOLD <= WARN_THRESHOLD"):
        load(warn_threshold=0.9)


def test_a_bad_value_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAIN_WORKERS", "many")
    with pytest.raises(ConfigError, match=r"^BRAIN_WORKERS: "):
        load()


def test_a_secret_never_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", "hunter2")
    assert "hunter2" not in repr(load())


@pytest.mark.parametrize(
    ("url", "password", "broker"),
    [
        ("redis://h:1/0", "", "redis://h:1/0"),
        ("redis://h:1/0", "p", "redis://:p@h:1/0"),
        ("redis://:q@h:1/0", "p", "redis://:q@h:1/0"),
    ],
)
def test_the_broker_password_fills_in(url: str, password: str, broker: str) -> None:
    assert load(redis_url=url, redis_password=password).broker() == broker


def test_the_database_driver_is_named() -> None:
    assert load(database_url="postgres://u@h/d").database() == "postgresql+psycopg2://u@h/d"
