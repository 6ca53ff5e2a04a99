"""A span as OpenTelemetry sends it, read from protobuf."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent

from core.errors import BadInput

STATUS_OK, STATUS_ERROR = 1, 2


class Span(NamedTuple):
    """One span, quickly made. Ids in lower-case hex, times in nanoseconds since 1970, 0 for none.

    `events` are pairs of name and attributes; `resource` describes the process that sent it.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    start_ns: int
    end_ns: int
    status_code: int
    status_message: str
    attributes: Mapping[str, Any]
    events: tuple[tuple[str, Mapping[str, Any]], ...]
    resource: Mapping[str, Any]


def from_protobuf(data: bytes) -> list[Span]:
    """The spans of an ExportTraceServiceRequest. Raises BadInput for bytes that are none."""
    try:
        request = ExportTraceServiceRequest.FromString(data)
    except DecodeError:
        raise BadInput(
            "the body is no ExportTraceServiceRequest in protobuf; send what an OTLP exporter sends"
        ) from None
    found = []
    for group in request.resource_spans:
        resource = _attributes(group.resource.attributes)
        for scope in group.scope_spans:
            found += [_span(span, resource) for span in scope.spans]
    return found


def _span(span: Sent, resource: Mapping[str, Any]) -> Span:
    code, message, events = 0, "", span.events
    if span.HasField("status"):
        code, message = int(span.status.code), span.status.message
    return Span(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.name,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        code,
        message,
        _attributes(span.attributes),
        tuple((one.name, _attributes(one.attributes)) for one in events) if events else (),
        resource,
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """By key. A value of another kind reads as empty or nought, so what is neither is the value."""
    found = {}
    for pair in pairs:
        value = pair.value
        found[pair.key] = value.string_value or value.int_value or _value(value)
    return found


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(part) for part in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return getattr(value, kind)
