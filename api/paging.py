"""Cursors and query parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from flask import request

from api.operations import Parameter
from api.problems import Problem
from core.ids import parse_id

MAX_LIMIT = 1000

LIMIT = Parameter(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 50},
    "Rows of one page.",
)
CURSOR = Parameter(
    "cursor", {"type": "string", "format": "uuid"}, "`next_cursor` of the page before."
)
PLACE = (LIMIT, CURSOR)
SINCE = Parameter("since", {"type": "string", "format": "date-time"}, "Not before this time.")
UNTIL = Parameter("until", {"type": "string", "format": "date-time"}, "Before this time.")


def limit() -> int:
    """The page size asked for. Raises Problem 422."""
    return number("limit", 50, low=1, high=MAX_LIMIT)


def number(name: str, default: int, *, low: int, high: int) -> int:
    """A whole number of the query. Raises Problem 422."""
    text = request.args.get(name)
    if text is None:
        return default
    plain = text.isascii() and text.isdigit() and len(text) < 10
    if not plain or not low <= int(text) <= high:
        raise Problem(422, f"must be a whole number from {low} to {high}", field=name)
    return int(text)


def cursor() -> UUID | None:
    """The place to go on from. Raises Problem 422."""
    text = request.args.get("cursor")
    if text is None:
        return None
    place = parse_id(text)
    if place is None:
        raise Problem(422, "is not a cursor; take `next_cursor` of the page before", field="cursor")
    return place


def uuid(name: str) -> UUID | None:
    """An id of the query. Raises Problem 422."""
    text = request.args.get(name)
    if text is None:
        return None
    found = parse_id(text)
    if found is None:
        raise Problem(422, "is not an id; send a UUID", field=name)
    return found


def moment(name: str) -> datetime | None:
    """A time of the query, UTC where it names no zone. Raises Problem 422."""
    text = request.args.get(name)
    if text is None:
        return None
    try:
        value = datetime.fromisoformat(text.replace(" ", "+"))
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Problem(
            422, "is not a time; send RFC 3339 such as 2025-11-06T12:00:00Z", field=name
        ) from None


def choice(name: str, allowed: tuple[str, ...]) -> str | None:
    """One of a few words of the query. Raises Problem 422."""
    text = request.args.get(name)
    if text is not None and text not in allowed:
        raise Problem(422, f"must be one of {', '.join(allowed)}", field=name)
    return text


def word(name: str) -> str | None:
    """A short text of the query. Raises Problem 422."""
    text = request.args.get(name)
    if text is not None and (not text or len(text) > 256 or "\x00" in text):
        raise Problem(422, "must be 1 to 256 characters without NUL", field=name)
    return text


def page(rows: list[Any], wanted: int, key: str = "id") -> dict[str, Any]:
    """A page of wire rows and the cursor of the next one, if the page is full."""
    more = len(rows) > wanted
    kept = rows[:wanted]
    return {"items": kept, "next_cursor": str(kept[-1][key]) if more and kept else None}


Row = TypeVar("Row")


def listing(
    rows: Callable[..., Sequence[Row]], wire: Callable[[Row], dict[str, Any]]
) -> dict[str, Any]:
    """The page that the query's PLACE asks for. `rows` gives those older than `before`, newest
    first, at most `limit`; `wire` makes one of them what is sent. Raises Problem 422."""
    wanted = limit()
    found = rows(before=cursor(), limit=wanted + 1)
    return page([wire(row) for row in found], wanted)
