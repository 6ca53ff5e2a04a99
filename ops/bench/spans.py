"""Requests of OTLP for a benchmark: written once, then sent again and again with other span ids."""

from __future__ import annotations

import json
import time
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

PATH = "/v1/traces"
PROTOBUF, JSON = "application/x-protobuf", "application/json"
_ENDED = 10 * 10**9
"""Nanoseconds since the spans."""


class Template:
    """Requests of so many spans, each a model call of ten attributes whose parent is elsewhere."""

    def __init__(self, kind: str, application: str, spans: int) -> None:
        made = _request(application, spans)
        self._hex = kind == JSON
        written = _json(made) if self._hex else made.SerializeToString()
        marks = [self._id(_mark(number)) for number in range(spans)]
        self._written = bytearray(written)
        self._places = [written.index(mark) for mark in marks]
        self._width = len(marks[0])

    def body(self, first: int) -> bytes:
        """A request whose spans are numbered from `first` on."""
        for number, place in enumerate(self._places, first + 1):
            self._written[place : place + self._width] = self._id(number.to_bytes(8, "big"))
        return bytes(self._written)

    def _id(self, plain: bytes) -> bytes:
        return plain.hex().encode() if self._hex else plain


def _mark(number: int) -> bytes:
    return b"\xab\xcd\xef" + number.to_bytes(5, "big")


def _request(application: str, spans: int) -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    group = made.resource_spans.add()
    resource = {"service.name": application, "deployment.environment.name": "production"}
    group.resource.attributes.extend(_pairs(resource))
    scope, start = group.scope_spans.add(), time.time_ns() - _ENDED
    for number in range(spans):
        begun = start + number * 10_000
        scope.spans.add(
            trace_id=(number + 1).to_bytes(16, "big"),
            span_id=_mark(number),
            parent_span_id=b"\xff" * 8,
            name="chat gpt-4o",
            kind=3,
            start_time_unix_nano=begun,
            end_time_unix_nano=begun + (200 + number * 7919 % 3001) * 10**6,
            attributes=_pairs(_attributes(number)),
        )
    return made


def _attributes(number: int) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.response.id": f"chatcmpl-{number}",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.usage.input_tokens": 900,
        "gen_ai.usage.output_tokens": 1 + number % 500,
        "user.id": f"user-{number % 1000}",
        "server.address": "api.openai.com",
    }


def _pairs(given: dict[str, Any]) -> list[KeyValue]:
    kinds = {int: "int_value", float: "double_value", str: "string_value"}
    return [
        KeyValue(key=key, value=AnyValue(**{kinds[type(value)]: value}))
        for key, value in given.items()
    ]


def _json(made: ExportTraceServiceRequest) -> bytes:
    """OTLP's JSON has ids in hexadecimal digits, where that of protobuf has base64."""
    document = MessageToDict(made, use_integers_for_enums=True)
    spans = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    for span, sent in zip(spans, made.resource_spans[0].scope_spans[0].spans, strict=True):
        span["traceId"] = sent.trace_id.hex()
        span["spanId"] = sent.span_id.hex()
        span["parentSpanId"] = sent.parent_span_id.hex()
    return json.dumps(document).encode()
