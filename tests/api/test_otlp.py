"""OTLP/HTTP answers as its specification asks, in the format of the request."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from api.routes import otlp
from core.errors import BrokerDown, BufferFull
from core.telemetry import Event, Reject
from tests.api.otlp_samples import CALL, document, json_span, request, span

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}
HUGE = gzip.compress(bytes(otlp.MAX_BYTES + 1))


class Taken:
    """Stands where the workers' intake is, and keeps what comes."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.rejects: list[Reject] = []
        self.problem: Exception | None = None

    def accept(self, events: list[Event], *, tenant: str) -> None:
        if self.problem:
            raise self.problem
        self.events += events

    def reject(self, rejects: list[Reject], *, tenant: str) -> None:
        self.rejects += rejects


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Taken:
    intake = Taken()
    monkeypatch.setattr(otlp, "ingestion", intake)
    return intake


@pytest.fixture
def client(opened: Any) -> FlaskClient:
    found: FlaskClient = opened(GATEWAY_MAX_REQUEST_SIZE="1000")
    return found


def post(client: FlaskClient, data: Any, headers: dict[str, str]) -> Any:
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    return client.post("/v1/traces", data=body, headers=headers)


def test_protobuf_in_protobuf_out(client: FlaskClient, taken: Taken) -> None:
    answer = post(client, request(span(1), span(2)).SerializeToString(), PROTOBUF)
    assert (answer.status_code, answer.mimetype) == (200, "application/x-protobuf")
    assert not ExportTraceServiceResponse.FromString(answer.data).HasField("partial_success")
    assert [one.event_id for one in taken.events] == ["0000000000000001", "0000000000000002"]


def test_json_in_json_out(client: FlaskClient, taken: Taken) -> None:
    answer = post(client, document("shop", json_span(1)), JSON)
    assert (answer.status_code, answer.mimetype, answer.json) == (200, "application/json", {})
    found = taken.events[0]
    assert (found.event_id, found.application_id, found.latency_ms) == (
        "0000000000000001",
        "shop",
        1250.0,
    )
    assert (found.prompt_tokens, found.completion_tokens) == (100, 20)
    assert found.tags["trace_id"] == "5b8efff798038103d269b633813fc60c"


@pytest.mark.parametrize("headers", [PROTOBUF, JSON])
def test_gzip(client: FlaskClient, taken: Taken, headers: dict[str, str]) -> None:
    sent = request(span()).SerializeToString()
    if headers is JSON:
        sent = json.dumps(document("shop", json_span())).encode()
    answer = post(client, gzip.compress(sent), {**headers, "Content-Encoding": "gzip"})
    assert (answer.status_code, len(taken.events)) == (200, 1)


def test_more_than_the_request_size_of_json_is_taken(client: FlaskClient, taken: Taken) -> None:
    sent = request(*(span(number) for number in range(1, 50))).SerializeToString()
    assert len(sent) > 1000
    assert post(client, sent, PROTOBUF).status_code == 200


def test_an_empty_request_is_a_good_one(client: FlaskClient, taken: Taken) -> None:
    assert post(client, b"", PROTOBUF).status_code == 200
    assert post(client, {}, JSON).status_code == 200
    assert taken.events == []


def test_partial_success_counts_and_names_the_bad_spans(client: FlaskClient, taken: Taken) -> None:
    bad = span(2, {**CALL, "gen_ai.usage.input_tokens": -5})
    answer = post(client, request(span(1), bad, span(3)).SerializeToString(), PROTOBUF)
    partial = ExportTraceServiceResponse.FromString(answer.data).partial_success
    assert (answer.status_code, partial.rejected_spans, len(taken.events)) == (200, 1, 2)
    assert "span 1: gen_ai.usage.input_tokens must be a finite number" in partial.error_message
    assert [(one.index, one.source) for one in taken.rejects] == [(1, "otlp-http")]


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"traceId": "xyz"}, "traceId must be 32 hexadecimal digits"),
        ({"spanId": "5B8EFFF798038103D269B633813FC60C"}, "spanId must be 16 hexadecimal digits"),
        ({"startTimeUnixNano": "soon"}, "startTimeUnixNano must be a whole number"),
        ({"startTimeUnixNano": "-1"}, "startTimeUnixNano must be nanoseconds since 1970"),
        ({"name": 5}, "name must be a string"),
        ({"attributes": "none"}, "attributes must be an array"),
        ({"attributes": [{"key": "a", "value": {"intValue": "1.5"}}]}, "a must be a whole number"),
        ({"attributes": [{"key": "a", "value": {"stringValue": 5}}]}, "a does not fit its type"),
        ({"status": {"code": "BAD"}}, "status.code must be a whole number"),
    ],
)
def test_a_broken_span_of_json_costs_itself_alone(
    client: FlaskClient, taken: Taken, broken: dict[str, Any], said: str
) -> None:
    sent = document("shop", json_span(1) | broken, json_span(2))
    answer = post(client, sent, JSON)
    partial = answer.json["partialSuccess"]
    assert (answer.status_code, partial["rejectedSpans"], len(taken.events)) == (200, "1", 1)
    assert said in partial["errorMessage"]


def test_every_kind_of_value_of_json_is_read(client: FlaskClient, taken: Taken) -> None:
    values: dict[str, dict[str, Any]] = {
        "gen_ai.usage.cost": {"doubleValue": 0.25},
        "gen_ai.input.messages": {
            "arrayValue": {"values": [{"kvlistValue": {"values": [
                {"key": "role", "value": {"stringValue": "user"}},
                {"key": "content", "value": {"stringValue": "hello"}}]}}]}
        },
        "flag": {"boolValue": True},
        "raw": {"bytesValue": "AAE="},
        "nothing": {},
    }  # fmt: skip
    one = json_span()
    one["attributes"] += [{"key": key, "value": value} for key, value in values.items()]
    assert post(client, document("shop", one), JSON).json == {}
    assert (taken.events[0].cost, taken.events[0].prompt) == (0.25, "hello")


@pytest.mark.parametrize(
    ("data", "headers", "status"),
    [
        (b"\xff\xff\xff", PROTOBUF, 400),
        (request(span()).SerializeToString()[:-3], PROTOBUF, 400),
        (b"{broken", JSON, 400),
        (b"\xff", JSON, 400),
        ([], JSON, 400),
        ({"resourceSpans": 5}, JSON, 400),
        ({"resourceSpans": [{"scopeSpans": [{"spans": {}}]}]}, JSON, 400),
        (b"not gzip", {**PROTOBUF, "Content-Encoding": "gzip"}, 400),
        (b"", {**PROTOBUF, "Content-Encoding": "br"}, 415),
        (b"x", {"Content-Type": "text/plain"}, 415),
        (HUGE, {**PROTOBUF, "Content-Encoding": "gzip"}, 413),
        (HUGE, {**JSON, "Content-Encoding": "gzip"}, 413),
    ],
)
def test_what_cannot_be_taken_is_a_status_in_the_format_of_the_request(
    client: FlaskClient, taken: Taken, data: Any, headers: dict[str, str], status: int
) -> None:
    answer = post(client, data, headers)
    assert answer.status_code == status
    if headers["Content-Type"] == "application/x-protobuf":
        told = Status.FromString(answer.data)
        assert (told.code, bool(told.message)) == (3, True)
    else:
        assert (answer.mimetype, answer.json["code"]) == ("application/json", 3)
    assert (taken.events, taken.rejects) == ([], [])


@pytest.mark.parametrize(("problem", "code"), [(BrokerDown(), 14), (BufferFull(), 8)])
def test_what_may_be_sent_again_says_when(
    client: FlaskClient, taken: Taken, problem: Exception, code: int
) -> None:
    taken.problem = problem
    answer = post(client, request(span()).SerializeToString(), PROTOBUF)
    told, again = Status.FromString(answer.data), RetryInfo()
    assert (answer.status_code, told.code) == (503, code)
    assert told.details[0].Unpack(again)
    assert again.retry_delay.seconds == int(answer.headers["Retry-After"]) > 0


@pytest.mark.farm
def test_without_a_key_it_is_a_status_too(stores: Any, opened: Any) -> None:
    client = opened(AUTH_ENABLED="true")
    answer = post(client, request(span()).SerializeToString(), PROTOBUF)
    assert (answer.status_code, Status.FromString(answer.data).code) == (401, 16)
    assert "WWW-Authenticate" in answer.headers


@pytest.mark.farm
def test_too_many_requests_may_be_sent_again(stores: Any, opened: Any, taken: Taken) -> None:
    client = opened(RATE_LIMIT_ENABLED="true", RATE_LIMIT_REQUESTS="1", RATE_LIMIT_WINDOW="600")
    answers = [post(client, {}, JSON) for _ in range(2)]
    assert answers[1].status_code == 429
    assert (answers[1].json["code"], int(answers[1].headers["Retry-After"]) > 0) == (8, True)
