"""What a message of Kafka holds: one event, an array of them, NDJSON, or OTLP spans; each is
checked alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from core import otlp
from core.errors import BadInput
from core.otlp_json import from_json
from core.otlp_span import Span, from_protobuf
from core.telemetry import Event, Reject, parse_event

SOURCE = "kafka"
PROTOBUF = "application/x-protobuf"
RESOURCE_SPANS = b"\n"
"""How an ExportTraceServiceRequest begins: the tag of its first field."""
LINES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})

STUMBLES = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What reading a document that nobody thought of may raise: it is the message's fault, and must
not keep its partition from going on."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message and where it stands; the names of its headers are in small letters."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
    headers: Mapping[str, str]

    @property
    def key(self) -> tuple[str, int]:
        """Its topic and partition."""
        return self.topic, self.partition

    @property
    def kind(self) -> str:
        """Its content type in small letters, empty where it says none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


def received(sent: Any) -> Message:
    """The client's message as ours; a header whose value is no text is left out."""
    headers = {}
    for name, value in sent.headers() or ():
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if isinstance(text, str):
            headers[str(name).lower()] = text
    return Message(sent.topic(), sent.partition(), sent.offset(), sent.value(), headers)


class _Unreadable:
    """A document or line that is no JSON."""

    def __init__(self, text: str, reason: str) -> None:
        self.text = text
        self.reason = reason


def read(
    message: Message, *, now: datetime, default_application: str
) -> tuple[list[Event], list[Reject]]:
    """The events of a message and what was refused of it, in order; `now` is in UTC.

    An event without an id gets one that follows from the message's place and bytes, so that the
    message counts once however often it is read, and two messages alike count twice. A message
    without a value holds nothing.
    """
    if not message.value:
        return [], []
    documents = list(_documents(message.value, message.kind))
    spans = _spans(message, documents)
    if spans is not None:
        found = otlp.harvest(spans, now=now, default_application=default_application, source=SOURCE)
        return found.events, [_placed(one, message) for one in found.rejects]
    events: list[Event] = []
    rejects: list[Reject] = []
    digest = hashlib.sha256(f"{message}/".encode() + message.value).hexdigest()[:24]
    for index, raw in enumerate(documents):
        try:
            if isinstance(raw, _Unreadable):
                raise BadInput(raw.reason)
            events.append(
                parse_event(
                    raw,
                    now=now,
                    default_application=default_application,
                    fallback_id=f"{digest}{index:08x}",
                )
            )
        except BadInput as problem:
            rejects.append(_reject(index, str(problem), problem.field, raw, message))
        except STUMBLES as problem:
            reason = f"cannot be read: {type(problem).__name__}"
            rejects.append(_reject(index, reason, "", raw, message))
    return events, rejects


def _spans(message: Message, documents: Sequence[Any]) -> Sequence[Span | BadInput] | None:
    """The spans of an OTLP message, in JSON or protobuf, which collectors send without a header;
    None for any other."""
    value = message.value or b""
    first = documents[0] if len(documents) == 1 else None
    try:
        if isinstance(first, Mapping) and "resourceSpans" in first:
            return from_json(first)
        if message.kind == PROTOBUF:
            return from_protobuf(value)
        if isinstance(first, _Unreadable) and value.startswith(RESOURCE_SPANS):
            return from_protobuf(value) or None
    except BadInput as problem:
        return [problem] if message.kind == PROTOBUF or isinstance(first, Mapping) else None
    except STUMBLES as problem:
        return [BadInput(f"cannot be read: {type(problem).__name__}")]
    return None


def refusal(event: Event, reason: str) -> Reject:
    """An event that no table takes."""
    return Reject(0, reason, "", f"{event.application_id} {event.event_id}", SOURCE)


def _reject(index: int, reason: str, field: str, raw: Any, message: Message) -> Reject:
    if isinstance(raw, _Unreadable):
        body = raw.text.replace("\x00", "\\x00")
    else:
        try:
            body = json.dumps(raw)
        except RecursionError:
            body = ""
    return _placed(Reject(index, reason, field, body, SOURCE), message)


def _placed(reject: Reject, message: Message) -> Reject:
    return replace(reject, reason=f"{reject.reason} (message {message})")


def _documents(value: bytes, kind: str) -> Iterator[Any]:
    """Each event's document; what is not JSON comes as _Unreadable."""
    try:
        text = value.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        shown = value.decode("utf-8", errors="backslashreplace")
        yield _Unreadable(shown, f"is not UTF-8: byte {problem.start} cannot be decoded")
        return
    lines = [line for line in text.split("\n") if line.strip()]
    if kind in LINES:
        yield from map(_parsed, lines)
        return
    whole = _parsed(text)
    if isinstance(whole, list):
        yield from whole
    elif isinstance(whole, _Unreadable) and len(lines) > 1:
        found = [_parsed(line) for line in lines]
        yield from found if any(isinstance(one, dict) for one in found) else [whole]
    else:
        yield whole


def _parsed(text: str) -> Any:
    try:
        document = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_distinct)
    except json.JSONDecodeError as problem:
        where = f"line {problem.lineno} column {problem.colno}"
        return _Unreadable(text, f"is not JSON: {problem.msg} at {where}")
    except RecursionError:
        return _Unreadable(text, "is nested too deeply")
    except ValueError as problem:
        return _Unreadable(text, f"is not acceptable JSON: {problem}")
    return document


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON; send a number or null")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object; send it once")
    return found
