"""Spans become events: each model call one, with what its dialect says of it.

Spans that are no model call are taken and not stored. Nor is a span that only repeats what spans
below it in the same request say: a parent that sums its children's tokens counts nothing twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from core import otlp_texts, prices
from core import telemetry_fields as fields
from core.errors import BadInput
from core.otlp_dialects import OTHER, role
from core.otlp_names import Found, look, names_of
from core.otlp_span import STATUS_ERROR, STATUS_OK, Span
from core.otlp_sums import repeats
from core.telemetry import Event, Reject, marked
from core.telemetry_shapes import tells_timeout

MAX_REJECTS = 1000
"""Rejects of one request that are kept; all are counted."""
_BODY = 4000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMEOUTS = ("408", "504")
_NO_IDS = ("0" * 16, "0" * 32)
_SHORT = 128


@dataclass(slots=True)
class Harvest:
    """What a request held: events, refused spans, and how many were taken and not stored."""

    events: list[Event] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    rejected: int = 0
    others: int = 0
    repeated: int = 0


def harvest(
    spans: Sequence[Span | BadInput], *, now: datetime, default_application: str, source: str
) -> Harvest:
    """The events of the spans; a malformed call is a Reject and costs no neighbour."""
    done = Harvest()
    roles = {
        index: kind
        for index, span in enumerate(spans)
        if isinstance(span, Span) and (kind := role(span.attributes)) != OTHER
    }
    skipped = repeats(spans, roles)
    resource: Mapping[str, Any] | None = None
    around: Found = {}
    for index, span in enumerate(spans):
        if isinstance(span, Span) and index not in roles:
            done.others += 1
        elif index in skipped:
            done.repeated += 1
        else:
            try:
                if isinstance(span, BadInput):
                    raise span
                if span.resource is not resource:
                    resource = span.resource
                    around = look(resource, names_of(resource))
                done.events.append(event_of(span, around, now, default_application))
            except BadInput as problem:
                done.rejected += 1
                if len(done.rejects) < MAX_REJECTS:
                    body = _shown(span) if isinstance(span, Span) else ""
                    done.rejects.append(Reject(index, str(problem), problem.field, body, source))
    return done


def event_of(span: Span, around: Found, now: datetime, default_application: str) -> Event:
    """The event of a span that is a model call, and whose resource gives what is `around` it.

    Raises BadInput naming the attribute at fault.
    """
    attributes = span.attributes
    names = names_of(attributes)
    found = look(attributes, names)
    status, error = _status(span)
    prompt_tokens = _count(found, "prompt_tokens")
    completion_tokens = _count(found, "completion_tokens")
    total = _count(found, "total_tokens")
    if prompt_tokens is not None and completion_tokens is not None:
        total = prompt_tokens + completion_tokens
    cached, reasoning = _count(found, "cached_tokens"), _count(found, "reasoning_tokens")
    model = _name(found, around, "model")
    cost = fields.number(*_numeric(*found["cost"])) if "cost" in found else None
    tags: dict[str, Any] = {"trace_id": _id(span.trace_id, 32, "trace_id")}
    for tag in ("operation", "provider", "key"):
        if tag in found and (told := _short(found[tag][0])) is not None:
            tags[tag] = told
    if error is not None:
        tags["error_type"] = error
    if cached is not None:
        tags["cached_tokens"] = cached
    if reasoning is not None:
        tags["reasoning_tokens"] = reasoning
    if cost is None and model is not None:
        cost = prices.cost(model, prompt_tokens, completion_tokens, total=total, cached=cached)
        other = attributes.get("gen_ai.response.model")
        if cost is None and isinstance(other, str) and other != model:
            cost = prices.cost(other, prompt_tokens, completion_tokens, total=total, cached=cached)
        if cost is not None:
            tags = marked(tags)
    wordy = names.texts or span.events
    return Event(
        _id(span.span_id, 16, "span_id"),
        _start(span, now),
        "llm.response" if status == "success" else "llm.error",
        _application(span) or default_application,
        status,
        model,
        _latency(span),
        prompt_tokens,
        completion_tokens,
        total,
        cost,
        _name(found, around, "user_id"),
        _name(found, around, "session_id"),
        _name(found, around, "environment"),
        tags,
        otlp_texts.prompt(span) if wordy else None,
        otlp_texts.response(span) if wordy else None,
    )


def _count(found: Found, field: str) -> int | None:
    """A count of tokens, also one that is sent as text. Raises BadInput."""
    given = found.get(field)
    if given is None:
        return None
    value = given[0]
    if type(value) is int and 0 <= value <= fields.MAX_NUMBER:
        return value
    return fields.count(*_numeric(*given))


def _numeric(value: Any, name: str) -> tuple[Any, str]:
    if isinstance(value, str):
        try:
            return float(value), name
        except ValueError:
            pass
    return value, name


def _name(found: Found, around: Found, wanted: str) -> str | None:
    """A name that the span gives, or else its resource."""
    given = found.get(wanted) or around.get(wanted)
    return None if given is None else fields.name(*given)


def _application(span: Span) -> str | None:
    service = span.resource.get("service.name")
    if service is None or str(service).startswith("unknown_service"):
        service = span.attributes.get("gen_ai.application_name")
    return fields.name(service, "service.name")


def _id(value: str, digits: int, name: str) -> str:
    if len(value) != digits or value in _NO_IDS:
        raise BadInput(f"must be {digits // 2} bytes, not all of them zero", field=name)
    return value


def _start(span: Span, now: datetime) -> datetime:
    if not span.start_ns:
        raise BadInput("is missing", field="start_time_unix_nano")
    try:
        seconds, rest = divmod(span.start_ns, 10**9)
        start = _EPOCH + timedelta(0, seconds, rest // 1000)
    except OverflowError:
        raise BadInput("is not a time", field="start_time_unix_nano") from None
    return fields.not_ahead(start, now, "start_time_unix_nano")


def _latency(span: Span) -> float | None:
    if not span.end_ns:
        return None
    if span.end_ns < span.start_ns:
        raise BadInput("lies before start_time_unix_nano", field="end_time_unix_nano")
    return (span.end_ns - span.start_ns) / 1e6


def _status(span: Span) -> tuple[str, str | None]:
    """success, error or timeout, and the type of the error."""
    level = span.attributes.get("langfuse.observation.level")
    kind = span.attributes.get("error.type")
    failed = span.status_code == STATUS_ERROR or (
        span.status_code != STATUS_OK and (kind is not None or level == "ERROR")
    )
    if not failed:
        return "success", None
    raised = [attributes for name, attributes in span.events if name == "exception"]
    if kind is None and raised:
        kind = raised[-1].get("exception.type")
    words = [span.status_message, str(kind or "")]
    words += [str(one.get("exception.message", "")) for one in raised]
    late = str(kind) in _TIMEOUTS or any(tells_timeout(one) for one in words)
    return ("timeout" if late else "error"), _short(kind)


def _short(value: Any) -> str | None:
    if type(value) is str and 0 < len(value) <= _SHORT and value.isascii() and value.isprintable():
        return value
    if value is None or value == "":
        return None
    return str(value)[:_SHORT].replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _shown(span: Span) -> str:
    shown = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": dict(span.attributes),
    }
    return json.dumps(shown, default=repr, ensure_ascii=False)[:_BODY]
