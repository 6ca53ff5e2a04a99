"""Telemetry events: the shape that senders use (guide 2) becomes one canonical event.

A value out of range is what detectors look for, so it is kept; only what is malformed is refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from core.errors import BadInput
from core.ids import new_id

EVENT_TYPES = ("llm.request", "llm.response", "llm.error", "metric", "trace")
STATUSES = ("success", "error", "timeout")
AHEAD = timedelta(hours=24)
MAX_NAME = 256
MAX_COUNT = 2**53
MAX_NUMBER = 1e15
"""No latency, cost or count; above it sums over many events lose their meaning."""


@dataclass(frozen=True, slots=True)
class Event:
    """One canonical event. Latency in milliseconds, cost in US dollars, `timestamp` in UTC."""

    event_id: str
    timestamp: datetime
    event_type: str
    application_id: str
    status: str
    model: str | None = None
    latency_ms: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    cost: float | None = None
    user_id: str | None = None
    session_id: str | None = None
    environment: str | None = None
    tags: Any = None
    prompt: str | None = None
    response: str | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """One event that was refused: its place in the request, why, and what was sent.

    `field` names the part at fault, `source` the way it came: http, otlp-http, otlp-grpc, kafka.
    """

    index: int
    reason: str
    field: str
    body: str
    source: str


def parse_event(
    raw: Any, *, now: datetime, default_application: str = "default", fallback_id: str = ""
) -> Event:
    """The canonical form of one event as sent; `fallback_id` is the id of one that has none.

    Raises BadInput whose `field` names the part that is malformed.
    """
    if not isinstance(raw, Mapping):
        raise BadInput("an event is a JSON object", field="")
    data = _mapping(raw, "data")
    metadata = _mapping(raw, "metadata")
    source = _mapping(raw, "source")
    application = _name(raw, "application_id") or _name(source, "service", "source.service")
    prompt_tokens = _count(data, "prompt_tokens")
    completion_tokens = _count(data, "completion_tokens")
    total = _count(data, "total_tokens")
    if total is None and prompt_tokens is not None and completion_tokens is not None:
        total = prompt_tokens + completion_tokens
    event_type = _name(raw, "event_type") or "llm.response"
    if event_type not in EVENT_TYPES:
        raise BadInput(f"must be one of {', '.join(EVENT_TYPES)}", field="event_type")
    status = _name(data, "status", "data.status") or (
        "error" if event_type == "llm.error" else "success"
    )
    if status not in STATUSES:
        raise BadInput(f"must be one of {', '.join(STATUSES)}", field="data.status")
    return Event(
        event_id=_name(raw, "event_id") or fallback_id or str(new_id()),
        timestamp=_moment(raw.get("timestamp"), now),
        event_type=event_type,
        application_id=application or default_application,
        status=status,
        model=_name(data, "model", "data.model"),
        latency_ms=_number(data, "latency_ms"),
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        total_tokens=total,
        cost=_number(data, "cost"),
        user_id=_name(metadata, "user_id", "metadata.user_id"),
        session_id=_name(metadata, "session_id", "metadata.session_id"),
        environment=_name(metadata, "environment", "metadata.environment"),
        tags=_tags(metadata.get("tags")),
        prompt=_text(data, "prompt"),
        response=_text(data, "response"),
    )


def _mapping(raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = raw.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise BadInput("must be a JSON object", field=key)
    return value


def _storable(text: str, field: str) -> str:
    if "\x00" in text:
        raise BadInput("must not contain NUL characters", field=field)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadInput("must not contain lone surrogates", field=field) from None
    return text


def _name(raw: Mapping[str, Any], key: str, field: str = "") -> str | None:
    value = raw.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < MAX_COUNT else ""
    if not isinstance(value, str) or not value or len(value) > MAX_NAME:
        raise BadInput(f"must be a string of 1 to {MAX_NAME} characters", field=field or key)
    return _storable(value, field or key)


def _text(data: Mapping[str, Any], key: str) -> str | None:
    value = data.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadInput("must be a string", field=f"data.{key}")
    return _storable(value, f"data.{key}")


def _number(data: Mapping[str, Any], key: str) -> float | None:
    value = data.get(key)
    if value is None:
        return None
    field = f"data.{key}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadInput("must be a number", field=field)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or number < 0:
        raise BadInput("must be a finite number of at least 0", field=field)
    if number > MAX_NUMBER:
        raise BadInput(f"must be at most {MAX_NUMBER:.0f}; check the sender", field=field)
    return number


def _count(data: Mapping[str, Any], key: str) -> int | None:
    number = _number(data, key)
    if number is None:
        return None
    if number != int(number):
        raise BadInput("must be a whole number", field=f"data.{key}")
    return int(number)


def _moment(value: Any, now: datetime) -> datetime:
    if value is None:
        raise BadInput(
            "is missing; send an RFC 3339 time such as 2025-11-06T12:00:00Z", field="timestamp"
        )
    try:
        if isinstance(value, bool):
            raise TypeError
        if isinstance(value, int | float):
            moment = datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
        else:
            moment = datetime.fromisoformat(value)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise BadInput(
            "is not a time; send RFC 3339 such as 2025-11-06T12:00:00Z", field="timestamp"
        ) from None
    if moment > now + AHEAD:
        raise BadInput("is more than 24 hours ahead; check the sender's clock", field="timestamp")
    return moment


def _tags(value: Any) -> Any:
    if value is None:
        return None
    if not isinstance(value, list | dict):
        raise BadInput("must be a list or an object", field="metadata.tags")
    _walk(value, 0)
    return value


def _walk(value: Any, depth: int) -> None:
    if depth > 5:
        raise BadInput("is nested too deeply", field="metadata.tags")
    if isinstance(value, str):
        _storable(value, "metadata.tags")
    elif isinstance(value, float) and not math.isfinite(value):
        raise BadInput("must hold finite numbers", field="metadata.tags")
    elif isinstance(value, list):
        for part in value:
            _walk(part, depth + 1)
    elif isinstance(value, dict):
        for key, part in value.items():
            _storable(key, "metadata.tags")
            _walk(part, depth + 1)
