"""Events as they wait and travel: one line of PostgreSQL's COPY text each, made once.

A line is the event's key, the columns of table `telemetry`, and, only where the event carries a
text, prompt and response. The API writes the line; a worker passes it on without reading more of it
than the rollups need.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from pydantic_core import to_json

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
    (id, moment, kind, application, status, model, latency, asked, said, total, cost,
     user, session, environment, given, prompt, response) = event  # fmt: skip
    ts = moment.isoformat()
    tags = None if given is None else to_json(given).decode()
    words = f"{tenant}{application}{id}{model}{user}{session}{environment}{tags}"
    if not words.isprintable() or "\\" in words:
        return of_row(
            (ts, tenant, application, id, kind, model, status, latency, asked, said, total, cost,
             user, session, environment, tags, received, prompt, response)
        )  # fmt: skip
    line = (
        f"{key(tenant, application, id)}\t{ts}\t{tenant}\t{application}\t{id}\t{kind}"
        f"\t{NULL if model is None else model}\t{status}"
        f"\t{NULL if latency is None else latency}\t{NULL if asked is None else asked}"
        f"\t{NULL if said is None else said}\t{NULL if total is None else total}"
        f"\t{NULL if cost is None else cost}\t{NULL if user is None else user}"
        f"\t{NULL if session is None else session}"
        f"\t{NULL if environment is None else environment}"
        f"\t{NULL if tags is None else tags}\t{received}"
    )
    if prompt is None and response is None:
        return line
    return f"{line}\t{_text(prompt)}\t{_text(response)}"


def _text(value: str | None) -> str:
    return NULL if value is None else value.translate(_ESCAPES)


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
