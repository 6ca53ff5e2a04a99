"""The three JSON shapes of an event, each a table: where a canonical field is looked for, in order.

A place is the dotted name that errors show: `data.latency_ms` is the member of the object `data`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core import telemetry_fields as fields
from core.errors import BadInput

Place = tuple[str, str, str]
"""Object ("" for the event itself), member, and the name of both in errors."""

_CHECKS: dict[str, Callable[[Any, str], Any]] = {
    "event_id": fields.name,
    "event_type": fields.name,
    "application_id": fields.name,
    "model": fields.name,
    "status": fields.name,
    "latency_ms": fields.number,
    "prompt_tokens": fields.count,
    "completion_tokens": fields.count,
    "total_tokens": fields.count,
    "cached_tokens": fields.count,
    "cost": fields.number,
    "user_id": fields.name,
    "session_id": fields.name,
    "environment": fields.name,
    "tags": fields.tags,
    "prompt": fields.text,
    "response": fields.text,
}
FIELDS = tuple(_CHECKS)
"""In the order in which `read` gives them."""
_SLOT = {field: slot for slot, field in enumerate(FIELDS)}
_TAGS, _STATUS = _SLOT["tags"], _SLOT["status"]
_EVERYWHERE = {
    "event_type": "event_type",
    "user_id": "metadata.user_id user_id",
    "session_id": "metadata.session_id session_id",
    "environment": "metadata.environment environment",
    "tags": "metadata.tags tags",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """How one kind of sender names things. `parts` are the objects that its places look into.

    `places` lists every field with its check, `slots` the slot and check of each member by object,
    the event itself first. With `loose_metadata` members of `metadata` that have no meaning of
    their own become the tags.
    """

    name: str
    parts: tuple[str, ...]
    places: tuple[tuple[str, Callable[[Any, str], Any], tuple[Place, ...]], ...]
    slots: tuple[tuple[str, Mapping[str, tuple[int, str]]], ...]
    loose_metadata: bool


def _shape(name: str, loose_metadata: bool, **named: str) -> Shape:
    places = tuple(
        (field, _CHECKS[field], tuple(_place(one) for one in names.split()))
        for field, names in {**named, **_EVERYWHERE}.items()
    )
    parts = {part: None for _, _, found in places for part, _, _ in found if part}
    slots = tuple(
        (whole, {
            member: (_SLOT[field], _CHECKS[field].__name__)
            for field, _, found in places
            for part, member, _ in found
            if part == whole
        })
        for whole in ("", *parts)
    )  # fmt: skip
    return Shape(name, tuple(parts), places, slots, loose_metadata)


def _place(dotted: str) -> Place:
    part, _, member = dotted.rpartition(".")
    return part, member, dotted


GUIDE = _shape(
    "guide",
    False,
    event_id="event_id",
    application_id="application_id source.service",
    model="data.model",
    status="data.status",
    latency_ms="data.latency_ms",
    prompt_tokens="data.prompt_tokens",
    completion_tokens="data.completion_tokens",
    total_tokens="data.total_tokens",
    cached_tokens="data.cached_tokens",
    cost="data.cost",
    prompt="data.prompt",
    response="data.response",
)
SDK = _shape(
    "sdk",
    True,
    event_id="event_id request_id",
    application_id="service_name application_id source.service",
    model="model model_name",
    status="status",
    latency_ms="latency_ms",
    prompt_tokens="prompt.tokens prompt_tokens",
    completion_tokens="response.tokens completion_tokens",
    total_tokens="total_tokens",
    cached_tokens="prompt.cached_tokens cached_tokens",
    cost="cost_usd cost",
    prompt="prompt.text",
    response="response.text",
)
FLAT = _shape(
    "flat",
    True,
    event_id="event_id request_id",
    application_id="application_id service_name source.service",
    model="model_name model",
    status="status",
    latency_ms="latency_ms",
    prompt_tokens="prompt_tokens input_tokens",
    completion_tokens="completion_tokens output_tokens",
    total_tokens="total_tokens",
    cached_tokens="cached_tokens",
    cost="cost_usd cost",
    prompt="prompt_text prompt",
    response="response_text response",
)
STATUSES = ("success", "error", "timeout")
_METADATA = ("user_id", "session_id", "environment", "tags")


def shape_of(raw: Mapping[str, Any]) -> Shape:
    """The shape of this event, told by what only one of them has."""
    if raw.get("data") is not None:
        return GUIDE
    nested = isinstance(raw.get("prompt"), Mapping) or isinstance(raw.get("response"), Mapping)
    return SDK if nested or raw.get("errors") is not None else FLAT


def read(raw: Mapping[str, Any]) -> list[Any]:
    """The canonical FIELDS of an event, each checked; None for those it does not give.

    `cached_tokens` is among them, `timestamp` is not. Raises BadInput naming the part at fault.
    """
    shape = shape_of(raw)
    row = quick(raw, shape)
    if row is None:
        found = careful(raw, shape)
        row = [found.get(field) for field in FIELDS]
    return row


def quick(raw: Mapping[str, Any], shape: Shape) -> list[Any] | None:
    """What `careful` finds where all is as usual: by what the event has, each check the shortest.

    None where anything is not, be it wrong, given twice or only rare: then it takes care.
    """
    row: list[Any] = [None] * len(FIELDS)
    try:
        for part, slots in shape.slots:
            whole = raw.get(part) if part else raw
            if whole is None:
                continue
            if type(whole) is not dict:
                return None
            for member, value in whole.items():
                if value is None or (place := slots.get(member)) is None:
                    continue
                slot, check = place
                kind = type(value)
                if row[slot] is not None:
                    return None
                if kind is str:
                    if check == "name":
                        if not 0 < len(value) <= fields.MAX_NAME:
                            return None
                    elif check != "text":
                        return None
                    if not value.isascii() or "\0" in value:
                        fields.storable(value, member)
                elif kind is int or kind is float:
                    if not 0 <= value <= fields.MAX_NUMBER:
                        return None
                    if check == "number":
                        value = float(value)
                    elif check != "count" or kind is float:
                        return None
                elif check == "tags":
                    fields.tags(value, member)
                else:
                    return None
                row[slot] = value
        if shape.loose_metadata and row[_TAGS] is None and (metadata := raw.get("metadata")):
            row[_TAGS] = _loose(metadata)
    except BadInput:
        return None
    told = row[_STATUS]
    if told not in STATUSES and (told is not None or _may_have_failed(raw)):
        return None
    return row


def _loose(metadata: Mapping[str, Any]) -> Any:
    loose = {key: value for key, value in metadata.items() if key not in _METADATA}
    return fields.tags(loose, "metadata") if loose else None


def _may_have_failed(raw: Mapping[str, Any]) -> bool:
    return bool(raw.get("error")) or raw.get("errors") not in (None, [])


def careful(raw: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """The fields that an event gives, by the table of its shape. Raises BadInput."""
    parts: dict[str, Mapping[str, Any]] = {"": raw}
    for part in shape.parts:
        value = raw.get(part)
        if shape is SDK and isinstance(value, str) and part in ("prompt", "response"):
            value = {"text": value}
        parts[part] = fields.mapping(value, part)
    found: dict[str, Any] = {}
    for field, check, places in shape.places:
        for part, member, shown in places:
            value = parts[part].get(member)
            if value is not None and (checked := check(value, shown)) is not None:
                found[field] = checked
                break
    if shape.loose_metadata and "tags" not in found and (loose := _loose(parts["metadata"])):
        found["tags"] = loose
    if "status" not in found and (status := _failure(raw, shape)):
        found["status"] = status
    elif "status" in found and found["status"] not in STATUSES:
        place = "data.status" if shape is GUIDE else "status"
        raise BadInput(f"must be one of {', '.join(STATUSES)}", field=place)
    return found


def _failure(raw: Mapping[str, Any], shape: Shape) -> str | None:
    """The status that `errors` or `error` tells where none is named: error or timeout."""
    if shape is GUIDE:
        return None
    errors = raw.get("errors")
    if errors is not None and not isinstance(errors, list):
        raise BadInput("must be an array", field="errors")
    told = errors or raw.get("error")
    if not told:
        return None
    return "timeout" if tells_timeout(str(told)) else "error"


def tells_timeout(message: str) -> bool:
    """Whether words of an error say that time ran out."""
    plain = message.lower().replace(" ", "").replace("_", "").replace("-", "")
    return any(sign in plain for sign in ("timeout", "timedout", "deadlineexceeded"))
