"""Single values of a telemetry event, checked: each reader takes a value and the field's name.

All raise BadInput with that name for what is malformed. A value that is only large is kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from core.errors import BadInput

AHEAD = timedelta(hours=24)
MAX_NAME = 256
MAX_COUNT = 2**53
MAX_NUMBER = 1e15
"""No latency, cost or count; above it sums over many events lose their meaning."""
MAX_TAG_DEPTH = 5
_NUMERIC = (int, float)


def mapping(value: Any, field: str) -> Mapping[str, Any]:
    """A JSON object; nothing is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise BadInput("must be a JSON object", field=field)
    return value


def storable(text: str, field: str) -> str:
    """Text that a database can hold."""
    if text.isascii() and "\x00" not in text:
        return text
    if "\x00" in text:
        raise BadInput("must not contain NUL characters", field=field)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadInput("must not contain lone surrogates", field=field) from None
    return text


def name(value: Any, field: str) -> str | None:
    """A short string; a whole number becomes one, and an empty one is none."""
    if type(value) is str and 0 < len(value) <= MAX_NAME:
        return storable(value, field)
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < MAX_COUNT else ""
    if not isinstance(value, str) or not value or len(value) > MAX_NAME:
        raise BadInput(f"must be a string of 1 to {MAX_NAME} characters", field=field)
    return storable(value, field)


def text(value: Any, field: str) -> str | None:
    """A string of any length."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadInput("must be a string", field=field)
    return storable(value, field)


def number(value: Any, field: str) -> float | None:
    """A finite number from 0 to MAX_NUMBER."""
    if type(value) in _NUMERIC and 0 <= value <= MAX_NUMBER:
        return float(value)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadInput("must be a number", field=field)
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found) or found < 0:
        raise BadInput("must be a finite number of at least 0", field=field)
    if found > MAX_NUMBER:
        raise BadInput(f"must be at most {MAX_NUMBER:.0f}; check the sender", field=field)
    return found


def count(value: Any, field: str) -> int | None:
    """A whole number from 0 to MAX_NUMBER."""
    if type(value) is int and 0 <= value <= MAX_NUMBER:
        return value
    found = number(value, field)
    if found is None:
        return None
    if found != int(found):
        raise BadInput("must be a whole number", field=field)
    return int(found)


def moment(value: Any, now: datetime, field: str = "timestamp") -> datetime:
    """A time in UTC, from RFC 3339 or from seconds or milliseconds since 1970."""
    if value is None:
        raise BadInput(
            "is missing; send an RFC 3339 time such as 2025-11-06T12:00:00Z", field=field
        )
    try:
        if type(value) is str:
            found = datetime.fromisoformat(value)
            if found.tzinfo is not UTC:
                found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found = datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
        else:
            raise TypeError
    except (TypeError, ValueError, OverflowError, OSError):
        raise BadInput(
            "is not a time; send RFC 3339 such as 2025-11-06T12:00:00Z", field=field
        ) from None
    return not_ahead(found, now, field)


def not_ahead(found: datetime, now: datetime, field: str) -> datetime:
    """The time, which lies at most 24 hours ahead."""
    if found > now + AHEAD:
        raise BadInput("is more than 24 hours ahead; check the sender's clock", field=field)
    return found


def tags(value: Any, field: str) -> Any:
    """A list or an object of what can be stored as JSON."""
    if value is None:
        return None
    if not isinstance(value, list | dict):
        raise BadInput("must be a list or an object", field=field)
    _walk(value, 0, field)
    return value


def _walk(value: Any, depth: int, field: str) -> None:
    if depth > MAX_TAG_DEPTH:
        raise BadInput("is nested too deeply", field=field)
    if isinstance(value, str):
        storable(value, field)
    elif isinstance(value, float) and not math.isfinite(value):
        raise BadInput("must hold finite numbers", field=field)
    elif isinstance(value, list):
        for part in value:
            _walk(part, depth + 1, field)
    elif isinstance(value, dict):
        for key, part in value.items():
            storable(key, field)
            _walk(part, depth + 1, field)
