"""A span as OpenTelemetry sends it, read from protobuf."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from core.errors import BadInput

STATUS_OK, STATUS_ERROR = 1, 2


@dataclass(frozen=True, slots=True)
class Span:
    """One span. Ids in lower-case hex, times in nanoseconds since 1970, 0 for none.

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
            for span in scope.spans:
                found.append(
                    Span(
                        trace_id=span.trace_id.hex(),
                        span_id=span.span_id.hex(),
                        parent_id=span.parent_span_id.hex(),
                        name=span.name,
                        start_ns=span.start_time_unix_nano,
                        end_ns=span.end_time_unix_nano,
                        status_code=int(span.status.code),
                        status_message=span.status.message,
                        attributes=_attributes(span.attributes),
                        events=tuple(
                            (one.name, _attributes(one.attributes)) for one in span.events
                        ),
                        resource=resource,
                    )
                )
    return found


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(part) for part in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return getattr(value, kind)
