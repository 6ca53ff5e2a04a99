"""Real OpenTelemetry exporters send to a real farm, by HTTP and by gRPC."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
    OTLPSpanExporter as GrpcExporter,
)
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
    OTLPSpanExporter as HttpExporter,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Status as SpanStatus
from opentelemetry.trace import StatusCode

from core.ports import accepts, free_port
from tests.api.otlp_samples import CALL, document, json_span, request, span
from tests.conftest import Farm, eventually
from tests.farm.test_telemetry import stored

pytestmark = pytest.mark.farm

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
HEALTH = "/grpc.health.v1.Health/Check"
SERVICE = b"opentelemetry.proto.collector.trace.v1.TraceService"


@pytest.fixture(scope="module")
def receiver(farm: Farm) -> Iterator[str]:
    """Address of a gRPC receiver of the farm."""
    yield from _receiver(farm, "grpc")


def _receiver(farm: Farm, name: str, **environment: str) -> Iterator[str]:
    port = free_port()
    before = dict(farm.environment)
    farm.environment.update(environment, GRPC_PORT=str(port))
    try:
        farm.start(name, "grpc")
    finally:
        farm.environment.clear()
        farm.environment.update(before)
    eventually(lambda: accepts("127.0.0.1", port), within=60)
    yield f"127.0.0.1:{port}"
    if name in farm.processes:
        farm.stop(name)


def send(exporter: SpanExporter, service: str, calls: int = 3) -> None:
    """An agent of `calls` model calls, the last of which fails, by a real SDK."""
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("tests")
    with tracer.start_as_current_span("invoke_agent") as agent:
        agent.set_attributes({"gen_ai.operation.name": "invoke_agent", **CALL_SUM})
        for number in range(calls):
            with tracer.start_as_current_span("chat gpt-4o", attributes=CALL) as one:
                if number == calls - 1:
                    one.set_status(SpanStatus(StatusCode.ERROR, "the request timed out"))
    provider.shutdown()


CALL_SUM = {"gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 300}


def checked(farm: Farm, service: str) -> None:
    found = stored(farm, service, 3)
    assert sorted(one["status"] for one in found) == ["success", "success", "timeout"]
    assert {(one["model"], one["prompt_tokens"], one["total_tokens"]) for one in found} == {
        ("gpt-4o", 100, 120)
    }
    assert {one["cost"] for one in found} == {0.00045}
    assert {one["tags"]["operation"] for one in found} == {"chat"}


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_the_http_exporter(farm: Farm, compression: Compression) -> None:
    service = f"otlp-http-{compression.value}"
    send(HttpExporter(f"{farm.url}/v1/traces", compression=compression), service)
    checked(farm, service)


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_the_grpc_exporter(farm: Farm, receiver: str, compression: grpc.Compression) -> None:
    service = f"otlp-grpc-{compression.name}"
    send(GrpcExporter(receiver, insecure=True, compression=compression), service)
    checked(farm, service)


def test_json_by_hand(farm: Farm) -> None:
    answer = farm.client.post("/v1/traces", json=document("otlp-json", json_span(5)))
    assert (answer.status_code, answer.json()) == (200, {})
    assert stored(farm, "otlp-json", 1)[0]["event_id"] == f"{5:016x}"


def test_rejected_spans_are_kept_with_their_reason(farm: Farm) -> None:
    from core.database import query

    sent = request(span(1, {**CALL, "gen_ai.usage.cost": -1.0}), service="otlp-rejects")
    headers = {"Content-Type": "application/x-protobuf"}
    answer = farm.client.post("/v1/traces", content=sent.SerializeToString(), headers=headers)
    assert ExportTraceServiceResponse.FromString(answer.content).partial_success.rejected_spans == 1

    def kept() -> Any:
        return query("SELECT * FROM telemetry_rejects WHERE source = 'otlp-http'")

    row = eventually(kept)[0]
    assert (row["field"], "at least 0" in row["reason"]) == ("gen_ai.usage.cost", True)
    assert '"gen_ai.usage.cost": -1.0' in row["body"]


def call(address: str, method: str, data: bytes, **metadata: str) -> bytes:
    with grpc.insecure_channel(address) as channel:
        answer: bytes = channel.unary_unary(method)(
            data, timeout=20, metadata=tuple((k.replace("_", "-"), v) for k, v in metadata.items())
        )
    return answer


def refusal(address: str, method: str, data: bytes, **metadata: str) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        call(address, method, data, **metadata)
    return caught.value


def test_grpc_partial_success(receiver: str) -> None:
    bad = span(1, {**CALL, "gen_ai.usage.input_tokens": -5})
    answer = call(receiver, EXPORT, request(bad, span(2)).SerializeToString())
    assert ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans == 1


def test_grpc_with_broken_protobuf_is_invalid_argument(receiver: str) -> None:
    problem = refusal(receiver, EXPORT, b"\xff\xff\xff")
    assert problem.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "protobuf" in problem.details()


def test_grpc_with_more_than_64_mib_is_resource_exhausted(receiver: str) -> None:
    problem = refusal(receiver, EXPORT, bytes(64 * 1024 * 1024 + 1))
    assert problem.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("service", [b"", b"\x0a" + bytes([len(SERVICE)]) + SERVICE])
def test_the_health_service(receiver: str, service: bytes) -> None:
    assert call(receiver, HEALTH, service) == b"\x08\x01"
    assert refusal(receiver, HEALTH, b"\x0a\x01x").code() == grpc.StatusCode.NOT_FOUND


def test_spans_are_counted_by_what_became_of_them(farm: Farm, receiver: str) -> None:
    def counted() -> float:
        lines = farm.client.get("/metrics").text.splitlines()
        name = 'sentinel_otlp_spans_total{result="no_call"} '
        return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))

    before = counted()
    call(receiver, EXPORT, request(span(1, {"http.route": "/"})).SerializeToString())
    assert counted() == before + 1


def test_a_key_is_asked_for_in_the_metadata(farm: Farm) -> None:
    from core import keys

    sent = request(span()).SerializeToString()
    for address in _receiver(farm, "grpc-keys", AUTH_ENABLED="true"):
        assert refusal(address, EXPORT, sent).code() == grpc.StatusCode.UNAUTHENTICATED
        unknown = refusal(address, EXPORT, sent, authorization="Bearer sk-sentinel-no")
        assert unknown.code() == grpc.StatusCode.UNAUTHENTICATED
        _, key = keys.create("grpc")
        assert call(address, EXPORT, sent, authorization=f"Bearer {key}") == b""
        assert call(address, EXPORT, sent, x_api_key=key) == b""


def test_without_a_broker_it_is_unavailable_and_its_service_not_healthy(farm: Farm) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    for address in _receiver(farm, "grpc-alone", REDIS_URL=nowhere):
        problem = refusal(address, EXPORT, request(span()).SerializeToString())
        assert problem.code() == grpc.StatusCode.UNAVAILABLE
        trailing = dict(problem.trailing_metadata())
        status, again = Status.FromString(trailing["grpc-status-details-bin"]), RetryInfo()
        assert status.details[0].Unpack(again)
        assert again.retry_delay.seconds > 0
        assert call(address, HEALTH, b"") == b"\x08\x01"
        named = b"\x0a" + bytes([len(SERVICE)]) + SERVICE
        assert call(address, HEALTH, named) == b"\x08\x02"


def test_a_full_buffer_is_resource_exhausted_with_a_time_to_come_back(
    farm: Farm, receiver: str
) -> None:
    from core import valkey
    from core.settings import settings
    from workers import pending

    waiting = settings().event_buffer_size
    valkey.client().incrby(pending.EVENTS, waiting)
    try:
        problem = refusal(receiver, EXPORT, request(span()).SerializeToString())
    finally:
        valkey.client().decrby(pending.EVENTS, waiting)
    if True:
        assert problem.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        trailing = dict(problem.trailing_metadata())
        assert (
            Status.FromString(trailing["grpc-status-details-bin"])
            .details[0]
            .Is(RetryInfo.DESCRIPTOR)
        )


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_it_leaves_in_order(farm: Farm, signum: signal.Signals) -> None:
    for _ in _receiver(farm, "grpc-leaving"):
        process = farm.processes.pop("grpc-leaving")
        process.send_signal(signum)
        assert process.wait(20) == 0


def test_a_taken_port_is_a_sentence(farm: Farm, receiver: str) -> None:
    port = receiver.rpartition(":")[2]
    before = farm.environment.get("GRPC_PORT")
    farm.environment["GRPC_PORT"] = port
    try:
        farm.start("grpc-second", "grpc")
    finally:
        if before is None:
            del farm.environment["GRPC_PORT"]
    assert farm.processes.pop("grpc-second").wait(60) == 2
    assert f"port {port} of 127.0.0.1 cannot be bound" in farm.log("grpc-second")


def test_the_gateway_serves_no_other_signal(farm: Farm) -> None:
    assert httpx.post(f"{farm.url}/v1/metrics").status_code == 404
