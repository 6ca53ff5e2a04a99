"""What OTLP wants to hear: an export response, or google.rpc.Status in the request's own format."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, g, request
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from core.otlp import Harvest

PROTOBUF, JSON = "application/x-protobuf", "application/json"
_SHOWN = 5
_CODES = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    405: Code.UNIMPLEMENTED,
    413: Code.INVALID_ARGUMENT,
    415: Code.INVALID_ARGUMENT,
    422: Code.INVALID_ARGUMENT,
    429: Code.RESOURCE_EXHAUSTED,
    500: Code.INTERNAL,
    502: Code.UNAVAILABLE,
    503: Code.UNAVAILABLE,
    504: Code.DEADLINE_EXCEEDED,
}


def taken(harvest: Harvest) -> Response:
    """200, with what was rejected and why where anything was."""
    answer = ExportTraceServiceResponse()
    if harvest.rejected:
        answer.partial_success.rejected_spans = harvest.rejected
        answer.partial_success.error_message = _reasons(harvest)
    return _response(answer, 200)


def _reasons(harvest: Harvest) -> str:
    shown = [
        f"span {one.index}: {one.field + ' ' if one.field else ''}{one.reason}"
        for one in harvest.rejects[:_SHOWN]
    ]
    if harvest.rejected > len(shown):
        shown.append(f"and {harvest.rejected - len(shown)} more")
    return "; ".join(shown)


def as_status(answer: Response) -> Response:
    """The same answer, a problem document made a Status; headers such as Retry-After stay."""
    if answer.mimetype != "application/problem+json":
        return answer
    told = json.loads(answer.get_data())
    code = g.get("rpc_code") or _CODES.get(answer.status_code, Code.UNKNOWN)
    status = Status(code=code, message=str(told.get("detail", "")))
    if seconds := answer.headers.get("Retry-After"):
        again = RetryInfo()
        again.retry_delay.FromSeconds(int(seconds))
        status.details.add().Pack(again)
    made = _response(status, answer.status_code)
    for name, value in answer.headers.items():
        if name.lower() not in ("content-type", "content-length"):
            made.headers[name] = value
    return made


def _response(message: Message, status: int) -> Response:
    if request.mimetype == PROTOBUF:
        return Response(message.SerializeToString(), status, content_type=PROTOBUF)
    return Response(json.dumps(_plain(message)), status, content_type=JSON)


def _plain(message: Message) -> dict[str, Any]:
    return MessageToDict(message)
