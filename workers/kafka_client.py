"""The settings of Kafka's client, and what must be there before it can be started."""

from __future__ import annotations

import importlib.util
import os
import socket
from collections.abc import Callable
from typing import Any

from core.errors import ConfigError
from core.settings import Settings

EXTRA = "confluent_kafka"
OURS = frozenset(
    {"bootstrap.servers", "group.id", "enable.auto.commit", "enable.auto.offset.store"}
)
"""What KAFKA_OPTIONS may not change: the promise that what is committed is stored hangs on it."""


def demand(chosen: Settings) -> None:
    """Raise ConfigError where no broker is named or the client is not installed."""
    if not chosen.kafka_brokers:
        raise ConfigError(
            "KAFKA_BROKERS is not set; name bootstrap servers, such as kafka-1:9092,kafka-2:9092"
        )
    if not chosen.kafka_topics:
        raise ConfigError("KAFKA_TOPICS is empty; name a topic, such as llm-telemetry")
    if importlib.util.find_spec(EXTRA) is None:
        raise ConfigError(
            "Kafka's client is not installed; run `pip install 'sentinel-farm[kafka]'`, or set"
            " KAFKA_ENABLED=false"
        )


def options(chosen: Settings) -> dict[str, Any]:
    """The client's settings under librdkafka's names, secrets in clear. Raises ConfigError."""
    extras = chosen.kafka_extras()
    if taken := sorted(OURS & extras.keys()):
        raise ConfigError(f"KAFKA_OPTIONS: {taken[0]} is set by the farm; leave it out")
    named = {
        "security.protocol": chosen.kafka_security_protocol,
        "sasl.mechanisms": chosen.kafka_sasl_mechanism,
        "sasl.username": chosen.kafka_sasl_username,
        "sasl.password": chosen.kafka_sasl_password.get_secret_value(),
        "ssl.ca.location": chosen.kafka_ca_file,
        "ssl.certificate.location": chosen.kafka_cert_file,
        "ssl.key.location": chosen.kafka_key_file,
        "ssl.key.password": chosen.kafka_key_password.get_secret_value(),
    }
    return {
        "bootstrap.servers": ",".join(chosen.kafka_brokers),
        "group.id": chosen.kafka_group,
        "client.id": f"sentinel-{socket.gethostname()}-{os.getpid()}",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "partition.assignment.strategy": "cooperative-sticky",
        "queued.max.messages.kbytes": 32768,
        **{name: str(value) for name, value in named.items() if value},
        **extras,
    }


def consumer(chosen: Settings, **callbacks: Callable[..., Any] | Any) -> Any:
    """A consumer that has not subscribed yet. Raises ConfigError for a setting it refuses."""
    from confluent_kafka import Consumer, KafkaException

    try:
        return Consumer({**options(chosen), **callbacks})
    except KafkaException as problem:
        raise ConfigError(
            f"Kafka's client refuses its settings: {problem.args[0].str()}; mend KAFKA_…"
        ) from problem
