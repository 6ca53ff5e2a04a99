"""Events as they wait and travel: one line of PostgreSQL's COPY text each, made once.

A line is the event's key, the columns of table `telemetry`, and, only where the event carries a
text, prompt and response. The API writes the line; a worker passes it on without reading more of it
than the rollups need.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from core.telemetry import Event, Reject

COLUMNS = (
    "ts",
    "tenant",
    "application_id",
    "event_id",
    "event_type",
    "model",
    "status",
    "latency_ms",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cost",
    "user_id",
    "session_id",
    "environment",
    "tags",
    "received_at",
)
REJECT_COLUMNS = ("id", "ts", "tenant", "source", "place", "field", "reason", "body")
KEY_LENGTH = 32
BODY_LIMIT = 4000
NULL = "\\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_UNESCAPES = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}


def key(tenant: str, application: str, event: str) -> str:
    """What makes an event the same: 32 hexadecimal digits."""
    named = f"{tenant}\0{application}\0{event}".encode()
    return hashlib.sha256(named).hexdigest()[:KEY_LENGTH]


def _line(values: Sequence[Any]) -> str:
    """Values as COPY text; most have nothing to escape, which one look at all of them tells."""
    fields = [NULL if value is None else str(value) for value in values]
    whole = "".join(fields)
    if not whole.isprintable() or whole.count("\\") != values.count(None):
        fields = [NULL if value is None else str(value).translate(_ESCAPES) for value in values]
    return "\t".join(fields)


def of_row(row: Sequence[Any]) -> str:
    """The line of a row of COLUMNS, prompt and response."""
    columns = row if row[-1] is not None or row[-2] is not None else row[:-2]
    return f"{key(row[1], row[2], row[3])}\t{_line(columns)}"


def of_event(event: Event, tenant: str, received: str) -> str:
    """The line of an event that was received at this time (ISO 8601)."""
    return of_row(
        (
            event.timestamp.isoformat(),
            tenant,
            event.application_id,
            event.event_id,
            event.event_type,
            event.model,
            event.status,
            event.latency_ms,
            event.prompt_tokens,
            event.completion_tokens,
            event.total_tokens,
            event.cost,
            event.user_id,
            event.session_id,
            event.environment,
            None if event.tags is None else json.dumps(event.tags),
            received,
            event.prompt,
            event.response,
        )
    )


def of_reject(reject: Reject, tenant: str, received: datetime, id: str) -> str:
    """The line of an event that was refused; NUL and lone surrogates become question marks."""
    texts = (reject.source, reject.index, reject.field, reject.reason, reject.body[:BODY_LIMIT])
    clean = (
        str(text).replace("\0", "?").encode(errors="replace").decode() if text else text
        for text in texts
    )
    return _line((id, received.isoformat(), tenant, *clean))


def plain(field: str) -> str:
    """A field without its escapes."""
    if "\\" not in field:
        return field
    parts = iter(field)
    return "".join(
        one if one != "\\" else _UNESCAPES.get(one + next(parts, ""), "") for one in parts
    )


def joined(lines: Iterable[str]) -> bytes:
    """Lines as one content."""
    return "\n".join(lines).encode()


def split(content: bytes) -> list[str]:
    """The lines of a content."""
    return content.decode().split("\n")
