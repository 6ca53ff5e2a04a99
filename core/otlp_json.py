"""Spans from OTLP's JSON: camelCase keys, hex ids, 64-bit numbers as strings, enums as numbers.

What is broken in one span costs that span alone: it comes as its BadInput in the span's place.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from core.errors import BadInput
from core.otlp_span import Span

_CODES = {"STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}
_MAX_NS = 2**64 - 1
_MAX_DIGITS = 24
_ONLY_OBJECTS = frozenset((dict,))


def from_json(document: Any) -> list[Span | BadInput]:
    """The spans of an ExportTraceServiceRequest. Raises BadInput where its frame is broken."""
    if not isinstance(document, Mapping):
        raise BadInput("an ExportTraceServiceRequest is a JSON object")
    found: list[Span | BadInput] = []
    for group in _objects(document, "resourceSpans"):
        resource = _attributes(_object(group.get("resource"), "resource"))
        for scope in _objects(group, "scopeSpans"):
            for span in _list(scope, "spans"):
                try:
                    found.append(_span(_object(span, "span"), resource))
                except BadInput as problem:
                    found.append(problem)
    return found


def _span(raw: Mapping[str, Any], resource: Mapping[str, Any]) -> Span:
    status = _object(raw.get("status"), "status")
    return Span(
        _hex(raw, "traceId", 32),
        _hex(raw, "spanId", 16),
        _hex(raw, "parentSpanId", 16),
        _string(raw, "name"),
        _nanoseconds(raw, "startTimeUnixNano"),
        _nanoseconds(raw, "endTimeUnixNano"),
        _code(status.get("code")),
        _string(status, "message"),
        _attributes(raw),
        tuple([(_string(one, "name"), _attributes(one)) for one in _objects(raw, "events")]),
        resource,
    )


def _object(value: Any, field: str) -> Mapping[str, Any]:
    if type(value) is dict:
        return value
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise BadInput("must be a JSON object", field=field)
    return value


def _list(raw: Mapping[str, Any], key: str) -> list[Any]:
    value = raw.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadInput("must be an array", field=key)
    return value


def _objects(raw: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    values = _list(raw, key)
    if _ONLY_OBJECTS.issuperset(map(type, values)):
        return values
    return [_object(value, key) for value in values]


def _string(raw: Mapping[str, Any], key: str) -> str:
    value = raw.get(key)
    if type(value) is str:
        return value
    if value is not None:
        raise BadInput("must be a string", field=key)
    return ""


def _hex(raw: Mapping[str, Any], key: str, digits: int) -> str:
    value = _string(raw, key)
    if not value:
        return ""
    try:
        if len(value) != digits:
            raise ValueError
        return bytes.fromhex(value).hex()
    except ValueError:
        raise BadInput(f"must be {digits} hexadecimal digits", field=key) from None


def _nanoseconds(raw: Mapping[str, Any], key: str) -> int:
    found = _integer(raw.get(key) or 0, key)
    if not 0 <= found <= _MAX_NS:
        raise BadInput("must be nanoseconds since 1970", field=key)
    return found


def _integer(value: Any, field: str) -> int:
    if type(value) is str and len(value) < _MAX_DIGITS and value.isascii() and value.isdigit():
        return int(value)
    try:
        if isinstance(value, bool) or len(str(value)) > _MAX_DIGITS:
            raise ValueError
        if isinstance(value, float) and not value.is_integer():
            raise ValueError
        return int(value)
    except (ValueError, TypeError, OverflowError):
        raise BadInput("must be a whole number, as a string or a number", field=field) from None


def _code(value: Any) -> int:
    if isinstance(value, str) and value in _CODES:
        return _CODES[value]
    return _integer(value or 0, "status.code")


def _attributes(raw: Mapping[str, Any]) -> dict[str, Any]:
    return _pairs(_objects(raw, "attributes"))


def _pairs(pairs: list[Mapping[str, Any]]) -> dict[str, Any]:
    found = {}
    for pair in pairs:
        key, value = _string(pair, "key"), pair.get("value")
        if type(value) is not dict:
            value = _object(value, key)
        text = value.get("stringValue")
        plain = type(text) is str and len(value) == 1
        found[key] = text if plain else _value(value, key)
    return found


def _value(value: Mapping[str, Any], field: str) -> Any:
    for kind, content in value.items():
        if kind == "intValue":
            return _integer(content, field)
        if kind == "doubleValue":
            return _double(content, field)
        if kind == "arrayValue":
            values = _objects(_object(content, field), "values")
            return [_value(one, field) for one in values]
        if kind == "kvlistValue":
            return _pairs(_objects(_object(content, field), "values"))
        if kind == "bytesValue":
            return _bytes(content, field)
        if kind in ("stringValue", "boolValue"):
            if not isinstance(content, str if kind == "stringValue" else bool):
                raise BadInput(f"does not fit its type {kind}", field=field)
            return content
    return None


def _double(content: Any, field: str) -> float:
    try:
        if isinstance(content, bool):
            raise ValueError
        return float(content)
    except (ValueError, TypeError, OverflowError):
        raise BadInput("does not fit its type doubleValue", field=field) from None


def _bytes(content: Any, field: str) -> bytes:
    try:
        return base64.b64decode(content)
    except (ValueError, TypeError):
        raise BadInput("does not fit its type bytesValue", field=field) from None
