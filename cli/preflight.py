"""What can be known to fail before anything is started."""

from __future__ import annotations

from alerts.config import load_alerts
from cli.programs import kafka_wanted
from core import prices
from core.errors import ConfigError
from core.ports import demand_port
from core.settings import Settings
from detectors.config import load_detectors
from workers import kafka_client

LOOPBACK = "127.0.0.1"


def ports(chosen: Settings, *, with_flower: bool) -> dict[str, tuple[str, int]]:
    """Host and port that the farm will listen on, by the setting that names the port."""
    wanted = {
        "GATEWAY_PORT": (chosen.gateway_host, chosen.gateway_port),
        "GRPC_PORT": (chosen.gateway_host, chosen.grpc_port),
    }
    if chosen.metrics_enabled:
        wanted["METRICS_PORT"] = (chosen.gateway_host, chosen.metrics_port)
    if with_flower:
        wanted["FLOWER_PORT"] = (chosen.gateway_host, chosen.flower_port)
    if not chosen.database_url.get_secret_value():
        wanted["POSTGRES_PORT"] = (LOOPBACK, chosen.postgres_port)
    if not chosen.redis_url.get_secret_value():
        wanted["VALKEY_PORT"] = (LOOPBACK, chosen.valkey_port)
    return wanted


def demand_ports(wanted: dict[str, tuple[str, int]]) -> None:
    """Raise ConfigError for a port named twice, StartError for one that cannot be had."""
    owners: dict[int, str] = {}
    for setting, (_, port) in wanted.items():
        if other := owners.get(port):
            raise ConfigError(f"{other} and {setting} are both {port}; change one of them")
        owners[port] = setting
    for setting, (host, port) in wanted.items():
        demand_port(host, port, setting)


def demand_files(chosen: Settings) -> None:
    """Raise ConfigError for a detectors.yaml, alerts.yaml or prices that cannot be used."""
    load_detectors(chosen.detectors_file)
    load_alerts(chosen.alerts_file)
    prices.read(chosen.prices_file or prices.SHIPPED)


def demand_kafka(chosen: Settings) -> None:
    """Raise ConfigError where telemetry shall come from Kafka and cannot."""
    if kafka_wanted(chosen):
        kafka_client.demand(chosen)


def demand_stores(chosen: Settings) -> None:
    """Raise ConfigError where the mode wants stores of one's own and none are named."""
    if chosen.mode == "distributed":
        for setting, url in (
            ("DATABASE_URL", chosen.database_url),
            ("REDIS_URL", chosen.redis_url),
        ):
            if not url.get_secret_value():
                raise ConfigError(f"mode distributed needs {setting}; set it or use standalone")
