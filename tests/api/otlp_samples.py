"""Spans to send, as protobuf and as JSON."""

from __future__ import annotations

import time
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 20,
}


def pair(key: str, value: Any) -> KeyValue:
    kinds = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value"}
    return KeyValue(key=key, value=AnyValue(**{kinds[type(value)]: value}))


def span(number: int = 1, attributes: dict[str, Any] | None = None, **more: Any) -> Span:
    start = time.time_ns() - 2_000_000_000
    values: dict[str, Any] = {
        "trace_id": (7).to_bytes(16, "big"),
        "span_id": number.to_bytes(8, "big"),
        "name": "chat gpt-4o",
        "start_time_unix_nano": start,
        "end_time_unix_nano": start + 1_250_000_000,
        "status": Status(),
        **more,
    }
    return Span(
        attributes=[pair(*one) for one in (CALL if attributes is None else attributes).items()],
        **values,
    )


def request(*spans: Span, service: str = "shop") -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    group = made.resource_spans.add()
    group.resource.attributes.append(pair("service.name", service))
    group.scope_spans.add().spans.extend(spans)
    return made


def document(service: str, *spans: dict[str, Any]) -> dict[str, Any]:
    """An ExportTraceServiceRequest in OTLP's JSON."""
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]}


def json_span(number: int = 1, **more: Any) -> dict[str, Any]:
    start = time.time_ns() - 2_000_000_000
    return {
        "traceId": "5B8EFFF798038103D269B633813FC60C",
        "spanId": f"{number:016X}",
        "name": "chat gpt-4o",
        "kind": 3,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + 1_250_000_000),
        "attributes": [
            {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
            {"key": "gen_ai.request.model", "value": {"stringValue": "gpt-4o"}},
            {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "100"}},
            {"key": "gen_ai.usage.output_tokens", "value": {"intValue": 20}},
        ],
        "status": {"code": 1},
        "unknownMember": True,
        **more,
    }
