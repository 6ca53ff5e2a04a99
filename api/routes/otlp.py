"""Spans in, by OTLP/HTTP; the gRPC receiver hands its requests to the same view."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from flask import Blueprint, Response, g, request
from google.rpc.code_pb2 import Code

from api import body, otlp_answers
from api.arrivals import awaited
from api.operations import operation
from api.otlp_answers import JSON, PROTOBUF
from api.problems import Problem
from core import otlp
from core.errors import BadInput, BufferFull
from core.metrics import INGESTION_ERRORS, OTLP_SPANS
from core.otlp_json import from_json
from core.otlp_span import Span, from_protobuf
from core.settings import settings
from workers import ingestion

blueprint = Blueprint("otlp", __name__)
blueprint.after_request(otlp_answers.as_status)

PATH = "/v1/traces"
SOURCE = "sentinel.source"
"""Key of the WSGI environment under which the gRPC receiver names itself."""
MAX_BYTES = 64 * 1024 * 1024
MAX_VALUES = 2_000_000

_BYTES = {"type": "string", "format": "binary"}
_STATUS = {
    "type": "object",
    "properties": {
        "code": {"type": "integer", "description": "A code of google.rpc.Code."},
        "message": {"type": "string"},
        "details": {"type": "array"},
    },
}
_TAKEN = {
    "type": "object",
    "properties": {
        "partialSuccess": {
            "type": "object",
            "properties": {
                "rejectedSpans": {"type": "string", "description": "A 64-bit number."},
                "errorMessage": {"type": "string"},
            },
        }
    },
}
_FAILURES = {
    400: "The request cannot be decoded.",
    401: "No known key or token.",
    403: "From another origin.",
    413: "More than 64 MiB after decompression.",
    415: "Neither protobuf nor JSON, or an unknown Content-Encoding.",
    429: "Too many requests; try again after Retry-After.",
    500: "Internal error.",
    503: "The broker is away or its buffer full; try again after Retry-After.",
}


@blueprint.post(PATH)
@operation(
    "Send spans by OTLP/HTTP, protobuf or JSON",
    tag="telemetry",
    body={"type": "object"},
    body_types=(),
    body_alternatives={PROTOBUF: _BYTES, JSON: {"type": "object"}},
    answers={
        200: ("Taken, but for the spans that partial success counts.",
              {PROTOBUF: _BYTES, JSON: _TAKEN}),
        **{status: (about, {PROTOBUF: _BYTES, JSON: _STATUS})
           for status, about in _FAILURES.items()},
    },
)  # fmt: skip
@awaited
def export() -> Response:
    """Take every model call among the spans as an event; name those that are malformed."""
    source = str(request.environ.get(SOURCE, "otlp-http"))
    try:
        found = otlp.harvest(
            _received(),
            now=datetime.now(UTC),
            default_application=settings().application_id,
            source=source,
        )
    except BadInput as problem:
        where = f"{problem.field}: " if problem.field else ""
        raise Problem(400, f"{where}{problem}") from None
    if found.events:
        try:
            ingestion.accept(found.events, tenant=g.tenant)
        except BufferFull:
            g.rpc_code = Code.RESOURCE_EXHAUSTED
            raise
    if found.rejects:
        ingestion.reject(found.rejects, tenant=g.tenant)
    _count(found)
    return otlp_answers.taken(found)


def _received() -> Sequence[Span | BadInput]:
    if request.mimetype == PROTOBUF:
        return from_protobuf(body.raw(MAX_BYTES))
    if request.mimetype == JSON:
        return from_json(body.parse(body.decode(body.raw(MAX_BYTES)), MAX_VALUES))
    raise Problem(415, f"Content-Type {request.mimetype!r} is not OTLP; send {PROTOBUF} or {JSON}")


def _count(found: otlp.Harvest) -> None:
    for result, spans in (
        ("event", len(found.events)),
        ("no_call", found.others),
        ("repeated", found.repeated),
        ("rejected", found.rejected),
    ):
        if spans:
            OTLP_SPANS.labels(result).inc(spans)
    if found.rejected:
        INGESTION_ERRORS.inc(found.rejected)
