"""Which programs make up the farm on this node, and the environment they are given."""

from __future__ import annotations

import importlib.util
import signal
import sys

from cli.supervision import FARM, STORES, Program
from core import embedded, metrics_home
from core.home import Home
from core.settings import Settings


def programs(home: Home, chosen: Settings, *, with_flower: bool) -> list[Program]:
    """Every program of this node in the order in which they are shown."""
    found = []
    if not chosen.database_url.get_secret_value():
        command = embedded.postgres_command(home, chosen.postgres_port)
        found.append(Program("postgres", command, STORES, signal.SIGINT))
    if not chosen.redis_url.get_secret_value():
        command = embedded.valkey_command(home, chosen.valkey_port)
        found.append(Program("valkey", command, STORES))
    found += [_role("api"), _role("grpc")]
    found.append(_worker("cpu", "--lane", "single"))
    found.append(_worker("cpu", "--lane", "batch", name="worker-cpu-batch"))
    if _gpu_extra():
        found.append(_worker("gpu"))
    found += [_worker("io"), _worker("control")]
    found.append(_role("beat"))
    if kafka_wanted(chosen):
        found.append(_role("kafka"))
    if with_flower:
        found.append(_role("flower"))
    if chosen.metrics_enabled:
        found.append(_role("metrics"))
    return found


def kafka_wanted(chosen: Settings) -> bool:
    """Whether telemetry comes from Kafka as well: as told, else where brokers are named."""
    if chosen.kafka_enabled is not None:
        return chosen.kafka_enabled
    return bool(chosen.kafka_brokers)


def shared_environment(home: Home, chosen: Settings) -> dict[str, str]:
    """Variables that this process and every program read their settings from."""
    shared = {"SENTINEL_HOME": str(home.root)}
    if not chosen.database_url.get_secret_value():
        shared["DATABASE_URL"] = embedded.database_url(home, chosen.postgres_port)
    if not chosen.redis_url.get_secret_value():
        shared["REDIS_URL"] = embedded.redis_url(home, chosen.valkey_port)
    if not chosen.auth_secret.get_secret_value():
        shared["AUTH_SECRET"] = home.secret("auth-secret")
    if not chosen.flower_password.get_secret_value():
        shared["FLOWER_PASSWORD"] = home.secret("flower-password")
    return shared


def child_environment(home: Home) -> dict[str, str]:
    """What the programs inherit on top of the shared variables; tidies the metrics folder."""
    metrics = home.run / "metrics"
    metrics_home.tidy(metrics)
    return {
        "OMP_NUM_THREADS": "1",
        **home.child_environment(),
        metrics_home.VARIABLE: str(metrics),
        "PYTHONUNBUFFERED": "1",
    }


def _role(*arguments: str, name: str = "") -> Program:
    command = (sys.executable, "-P", "-m", "cli.sentinel", "--tethered", *arguments)
    return Program(name or arguments[0], command, FARM)


def _worker(engine_class: str, *options: str, name: str = "") -> Program:
    command = ("worker", "--class", engine_class, *options)
    return _role(*command, name=name or f"worker-{engine_class}")


def _gpu_extra() -> bool:
    return all(importlib.util.find_spec(module) for module in ("torch", "transformers"))
