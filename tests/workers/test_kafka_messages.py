"""What a message of Kafka holds, and what the consumer's settings become."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli.preflight import demand_kafka
from cli.programs import kafka_wanted
from core.errors import ConfigError
from core.settings import Settings, load
from core.telemetry import Event, Reject
from tests.api.otlp_samples import document, json_span, request, span
from tests.conftest import ROOT
from workers import kafka_client
from workers.kafka_messages import Message, read

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def event(number: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "event_id": f"event-{number}",
        "timestamp": "2025-11-06T12:00:00Z",
        "application_id": "shop",
        "data": {"latency_ms": 800},
    } | more


def found(
    value: bytes | str | Any, offset: int = 7, **headers: str
) -> tuple[list[Event], list[Reject]]:
    if not isinstance(value, bytes | str | None):
        value = json.dumps(value)
    body = value.encode() if isinstance(value, str) else value
    names = {name.replace("_", "-"): text for name, text in headers.items()}
    message = Message("llm-telemetry", 2, offset, body, names)
    return read(message, now=NOW, default_application="default")


def ids(value: Any, **more: Any) -> list[str]:
    return [one.event_id for one in found(value, **more)[0]]


SDK = {"request_id": "r-1", "service_name": "shop", "timestamp": "2025-11-06T12:00:00Z"}


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (event(1), ["event-1"]),
        (SDK, ["r-1"]),
        ([event(1), event(2)], ["event-1", "event-2"]),
        (f"{json.dumps(event(1))}\n{json.dumps(event(2))}\n", ["event-1", "event-2"]),
        (f"{json.dumps(event(1))}\r\n\r\n{json.dumps(event(2))}", ["event-1", "event-2"]),
        (json.dumps(event(1), indent=2), ["event-1"]),
        (b"\xef\xbb\xbf" + json.dumps(event(1)).encode(), ["event-1"]),
        (None, []),
        (b"", []),
        ([], []),
    ],
)
def test_one_event_an_array_or_lines(value: Any, names: list[str]) -> None:
    events, rejects = found(value)
    assert ([one.event_id for one in events], rejects) == (names, [])


def test_one_line_of_ndjson_may_be_named_so() -> None:
    assert ids(event(1), content_type="application/x-ndjson; charset=utf-8") == ["event-1"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("{broken", "is not JSON: "),
        (b"\xff\xfe", "is not UTF-8: byte 0 "),
        ("NaN", "is not acceptable JSON: NaN"),
        ('{"a": 1, "a": 2}', "a key stands twice"),
        ("[" * 100_000, "is nested too deeply"),
        ('{"a":' * 900 + "1" + "}" * 900, ""),
        ("5", "an event is a JSON object"),
        ("\x00", "is not JSON"),
        ('{\n"a": 1\nbroken', "is not JSON: "),
        (event(timestamp=None), "is missing"),
        (event(timestamp=10**400), "is not a time"),
    ],
)
def test_what_cannot_be_read_is_refused_and_told(value: Any, reason: str) -> None:
    events, rejects = found(value)
    assert (events, len(rejects), rejects[0].source) == ([], 1, "kafka")
    assert reason in rejects[0].reason
    assert rejects[0].reason.endswith("(message llm-telemetry[2]@7)")
    assert "\x00" not in rejects[0].body


def test_a_bad_neighbour_costs_no_good_event() -> None:
    events, rejects = found([event(1), event(2, data={"latency_ms": -1}), 5, event(3)])
    assert [one.event_id for one in events] == ["event-1", "event-3"]
    assert [one.index for one in rejects] == [1, 2]
    assert json.loads(rejects[0].body)["event_id"] == "event-2"


def test_a_broken_line_costs_no_other() -> None:
    events, rejects = found(f"{json.dumps(event(1))}\n{{broken\n{json.dumps(event(2))}")
    assert ([one.event_id for one in events], rejects[0].index) == (["event-1", "event-2"], 1)


def test_events_without_id_are_the_same_when_read_again_and_others_in_another_message() -> None:
    nameless = [event(event_id=None), event(event_id=None)]
    first, again, other = ids(nameless), ids(nameless), ids(nameless, offset=8)
    assert first == again
    assert len({*first, *other}) == 4


@pytest.mark.parametrize("headers", [{"content_type": "application/x-protobuf"}, {}])
def test_spans_in_protobuf_are_events_also_without_a_header(headers: dict[str, str]) -> None:
    now = datetime.now(UTC)
    value = request(
        span(1), span(2, {"gen_ai.usage.input_tokens": -1}, name="chat")
    ).SerializeToString()
    names = {name.replace("_", "-"): text for name, text in headers.items()}
    events, rejects = read(
        Message("llm-telemetry", 2, 7, value, names), now=now, default_application="default"
    )
    assert [(one.application_id, one.model, one.prompt_tokens) for one in events] == [
        ("shop", "gpt-4o", 100)
    ]
    assert all(one.source == "kafka" and "[2]@7" in one.reason for one in rejects)


def test_spans_in_json_are_events() -> None:
    value = json.dumps(document("shop", json_span(1))).encode()
    message = Message("llm-telemetry", 2, 7, value, {})
    events, rejects = read(message, now=datetime.now(UTC), default_application="default")
    assert ([one.application_id for one in events], rejects) == (["shop"], [])


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (b"\n\xff\xff", {}),
        (b"\n\x05hello", {}),
        (b"{}", {"content_type": "application/x-protobuf"}),
        ({"resourceSpans": 5}, {}),
    ],
)
def test_what_only_looks_like_spans_is_refused(value: Any, headers: dict[str, str]) -> None:
    events, rejects = found(value, **headers)
    assert (events, len(rejects)) == ([], 1)


def settings(**values: Any) -> Settings:
    return load(kafka_brokers="kafka-1:9092, kafka-2:9092", **values)


def test_offsets_are_never_committed_before_the_rows() -> None:
    options = kafka_client.options(settings())
    assert options["bootstrap.servers"] == "kafka-1:9092,kafka-2:9092"
    assert (options["group.id"], options["auto.offset.reset"]) == ("sentinel-prod", "earliest")
    assert options["enable.auto.commit"] is options["enable.auto.offset.store"] is False


def test_settings_for_sasl_and_tls_are_passed_on() -> None:
    options = kafka_client.options(
        settings(
            kafka_security_protocol="SASL_SSL",
            kafka_sasl_mechanism="SCRAM-SHA-512",
            kafka_sasl_username="farm",
            kafka_sasl_password="s3cret",
            kafka_ca_file="/ca.pem",
            kafka_options="session.timeout.ms=9000,ssl.endpoint.identification.algorithm=none",
        )
    )
    assert options["security.protocol"] == "SASL_SSL"
    assert options["sasl.mechanisms"] == "SCRAM-SHA-512"
    assert (options["sasl.username"], options["sasl.password"]) == ("farm", "s3cret")
    assert (options["ssl.ca.location"], options["session.timeout.ms"]) == ("/ca.pem", "9000")


def test_the_client_takes_a_password_by_scram() -> None:
    kafka_client.consumer(
        settings(
            kafka_security_protocol="SASL_PLAINTEXT",
            kafka_sasl_mechanism="SCRAM-SHA-512",
            kafka_sasl_username="farm",
            kafka_sasl_password="s3cret",
        )
    ).close()


def test_the_client_speaks_tls_where_told_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as broker:
        broker.settimeout(20)
        consumer = kafka_client.consumer(
            load(
                kafka_brokers=f"127.0.0.1:{broker.getsockname()[1]}", kafka_security_protocol="SSL"
            ),
            error_cb=lambda _: None,
        )
        consumer.subscribe(["llm-telemetry"])
        peer, _ = broker.accept()
        with peer:
            assert peer.recv(2) == b"\x16\x03"
        consumer.close()


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("enable.auto.commit=true", "enable.auto.commit is set by the farm"),
        ("no.such.thing=1", "No such configuration property"),
        ("session.timeout.ms", "not name=value"),
    ],
)
def test_an_option_that_cannot_be_is_refused_by_name(option: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        kafka_client.consumer(settings(kafka_options=option))


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({}, False),
        ({"kafka_brokers": "k:1"}, True),
        ({"kafka_brokers": "k:1", "kafka_enabled": False}, False),
        ({"kafka_enabled": True}, True),
    ],
)
def test_the_whole_farm_runs_a_consumer_where_brokers_are_named(
    values: dict[str, Any], wanted: bool
) -> None:
    assert kafka_wanted(load(**values)) is wanted


def test_a_farm_that_shall_consume_and_names_no_broker_is_refused() -> None:
    with pytest.raises(ConfigError, match="KAFKA_BROKERS is not set"):
        demand_kafka(load(kafka_enabled=True))


def refused(script: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.argv = ['sentinel', 'kafka']; {script}"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stderr


START = "from cli.sentinel import main; main()"


def test_without_a_broker_it_says_which_setting_to_set() -> None:
    status, said = refused(START)
    assert status == 2
    assert said.startswith("sentinel: KAFKA_BROKERS is not set; name bootstrap servers")


def test_without_the_client_it_says_what_to_install() -> None:
    status, said = refused(f"sys.modules['confluent_kafka'] = None; {START}", KAFKA_BROKERS="k:1")
    assert status == 2
    assert "pip install 'sentinel-farm[kafka]'" in said


def test_a_price_that_cannot_be_read_is_refused_before_a_message_comes(tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("models: {gpt-x: {input: free}}\n")
    status, said = refused(START, KAFKA_BROKERS="k:1", PRICES_FILE=str(prices))
    assert status == 2
    assert said == (
        f"sentinel: {prices}: gpt-x: input must be US dollars per million tokens, 0 or more\n"
    )
