"""Telemetry in, events and aggregates out."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from flask import Blueprint, Response, g, jsonify, request
from pydantic import BaseModel, Field

from api import body, paging
from api.arrivals import awaited
from api.event_shapes import TelemetryEvent
from api.jobs import moment
from api.operations import Parameter, operation
from api.problems import Problem
from core.analysis import Verdict
from core.configfile import parse_duration
from core.errors import BadInput, ConfigError
from core.metrics import INGESTION_ERRORS
from core.settings import settings
from core.telemetry import EVENT_TYPES, STATUSES, Event, Reject, parse_event
from workers import ingestion, sampled, telemetry

blueprint = Blueprint("telemetry", __name__, url_prefix="/api/v1/telemetry")

NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
MAX_EVENTS = 50_000
MAX_VALUES = 20 * MAX_EVENTS
MAX_REPORTED = 1000
MAX_KEPT = 4000
"""Characters of a refused event that are kept."""
BUCKETS = ("1m", "5m", "15m", "1h", "6h", "1d")
LAST_DAY = timedelta(days=1)


class Rejection(BaseModel):
    """An event that was refused, by its place in the request."""

    index: int
    error: str
    field: str | None = None


class Receipt(BaseModel):
    """How many events were taken; every good one is, whatever its neighbours."""

    accepted: int
    rejected: list[Rejection] = Field(description=f"The first {MAX_REPORTED} at most.")
    rejected_total: int


class StoredEvent(BaseModel):
    """One event in its canonical form."""

    event_id: str
    timestamp: datetime
    event_type: Literal[EVENT_TYPES]  # type: ignore[valid-type]
    application_id: str
    model: str | None
    status: Literal[STATUSES]  # type: ignore[valid-type]
    latency_ms: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    cost: float | None
    user_id: str | None
    session_id: str | None
    environment: str | None
    tags: Any
    received_at: datetime
    analysis_id: UUID | None = Field(description="The analysis of its text, if it was sampled.")
    verdict: Verdict | None = Field(description="Null until the analysis is over.")
    risk_score: float | None


class EventPage(BaseModel):
    """Events, newest first."""

    items: list[StoredEvent]
    next_cursor: str | None


class Bucket(BaseModel):
    """Aggregates of one application and model over one time bucket; percentiles within 2 %."""

    bucket: datetime
    application_id: str
    model: str | None
    count: int
    errors: int
    latency_ms: dict[str, float | None]
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost: float


class Stats(BaseModel):
    """Aggregates of the whole minutes from `since` to `until`, newest bucket first."""

    since: datetime
    until: datetime
    bucket: str
    items: list[Bucket]


_TEXT = {"type": "string", "minLength": 1, "maxLength": 256, "pattern": "^[^\\x00]+$"}
_FILTERS = (
    Parameter("application", _TEXT, "Only this application."),
    Parameter("model", _TEXT, "Only this model."),
    Parameter("since", paging.SINCE.schema, "Default: a day ago."),
    Parameter("until", paging.UNTIL.schema, "Default: a day ahead, as far as events may be."),
)
_EVENT = {"$ref": "#/components/schemas/TelemetryEvent"}
_ONE_OR_MANY = {"oneOf": [_EVENT, {"type": "array", "items": _EVENT}]}


@blueprint.post("/events")
@operation(
    "Send one event, an array, or NDJSON",
    tag="telemetry",
    body=TelemetryEvent,
    body_types=(),
    body_alternatives={
        "application/json": _ONE_OR_MANY,
        "application/x-ndjson": {"type": "string"},
    },
    answers={
        202: ("The good events are taken; the others are named.", Receipt),
        422: ("No event was acceptable.", {"application/json": Receipt,
              "application/problem+json": {"$ref": "#/components/schemas/ProblemDocument"}}),
    },
)  # fmt: skip
@awaited
def send() -> tuple[Response, int]:
    """Check every event, hand the good ones over, name the bad ones."""
    now = datetime.now(UTC)
    data = body.raw()
    reading = _Reading(data, now, settings().application_id)
    good: list[Event] = []
    rejected: list[Reject] = []
    rejected_total = 0
    for index, raw in enumerate(_received(data)):
        try:
            good.append(reading.event(index, raw))
        except BadInput as problem:
            rejected_total += 1
            if rejected_total <= MAX_REPORTED:
                rejected.append(_reject(index, raw, problem))
    if good:
        ingestion.accept(good, tenant=g.tenant)
    if rejected:
        ingestion.reject(rejected, tenant=g.tenant)
    INGESTION_ERRORS.inc(rejected_total)
    reported = [_reported(one) for one in rejected]
    answer = jsonify(accepted=len(good), rejected=reported, rejected_total=rejected_total)
    return answer, 202 if good or not rejected_total else 422


class _Reading:
    """Reads the events of one body, which came at one time."""

    def __init__(self, data: bytes, now: datetime, application: str) -> None:
        self._data, self._now, self._application = data, now, application

    def event(self, index: int, raw: Any) -> Event:
        """The id of an event that has none follows from the body, so that a resend counts once."""
        if isinstance(raw, _Unreadable):
            raise BadInput(str(raw.problem))
        given = type(raw) is dict and raw.get("event_id")
        return parse_event(
            raw,
            now=self._now,
            default_application=self._application,
            fallback_id="" if given else f"{self._digest}{index:08x}",
        )

    @functools.cached_property
    def _digest(self) -> str:
        return hashlib.sha256(self._data).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """A line that is no JSON."""

    line: str
    problem: Problem


def _reject(index: int, raw: Any, problem: BadInput) -> Reject:
    sent = raw.line if isinstance(raw, _Unreadable) else json.dumps(raw, ensure_ascii=False)
    return Reject(index, str(problem), problem.field, sent[:MAX_KEPT], "http")


def _reported(reject: Reject) -> dict[str, Any]:
    reason = f"{reject.field}: {reject.reason}" if reject.field else reject.reason
    return {"index": reject.index, "error": reason, "field": reject.field or None}


def _received(data: bytes) -> Iterable[Any]:
    """The document of each event sent; a line that is no JSON comes as _Unreadable."""
    if request.mimetype in NDJSON:
        text = body.decode(data).strip()
        _demand_few_events(text.count("\n") + 1)
        return map(_parsed, body.lines(text))
    document = body.document(data, MAX_VALUES)
    if isinstance(document, dict):
        return [document]
    if not isinstance(document, list):
        raise Problem(422, "send an event object, an array of them, or NDJSON")
    _demand_few_events(len(document))
    return document


def _parsed(line: str) -> Any:
    try:
        return body.parse(line)
    except Problem as problem:
        return _Unreadable(line, problem)


def _demand_few_events(count: int) -> None:
    if count > MAX_EVENTS:
        raise Problem(413, f"{count} events in one request; send at most {MAX_EVENTS}")


@blueprint.get("")
@operation(
    "Events, newest first",
    tag="telemetry",
    parameters=(
        *_FILTERS,
        Parameter("status", {"type": "string", "enum": list(STATUSES)}, "Only this status."),
        paging.LIMIT,
        Parameter("cursor", {"type": "string"}, "`next_cursor` of the page before."),
    ),
    answers={200: ("One page.", EventPage)},
    problems=(422,),
)
def listed() -> Response:
    """One page of events."""
    since, until = _span()
    wanted = paging.limit()
    rows = telemetry.events(
        g.tenant,
        since=since,
        until=until,
        application=paging.word("application"),
        model=paging.word("model"),
        status=paging.choice("status", STATUSES),
        before=_cursor(),
        limit=wanted + 1,
    )
    kept = rows[:wanted]
    following = None
    if len(rows) > wanted:
        last = kept[-1]
        place = [last["ts"].isoformat(), last["application_id"], last["event_id"]]
        following = base64.urlsafe_b64encode(json.dumps(place).encode()).decode()
    judged = sampled.outcomes(g.tenant, [(row["application_id"], row["event_id"]) for row in kept])
    return jsonify(items=[_wire(row, judged) for row in kept], next_cursor=following)


@blueprint.get("/stats")
@operation(
    "Aggregates by application, model and time bucket",
    tag="telemetry",
    parameters=(
        *_FILTERS,
        Parameter("environment", _TEXT, "Only this environment."),
        Parameter("bucket", {"type": "string", "enum": list(BUCKETS), "default": "1h"}, "Width."),
        Parameter(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": 1000, "default": 1000},
            "Rows at most.",
        ),
    ),
    answers={200: ("Aggregates.", Stats)},
    problems=(422,),
)
def aggregated() -> Response:
    """Counts, errors, percentiles, tokens and cost, of whole minutes."""
    since, until = _whole_minutes(*_span())
    width = paging.choice("bucket", BUCKETS) or "1h"
    try:
        seconds = parse_duration(width)
    except ConfigError as problem:
        raise Problem(422, str(problem), field="bucket") from None
    rows = telemetry.stats(
        g.tenant,
        since=since,
        until=until,
        application=paging.word("application"),
        model=paging.word("model"),
        environment=paging.word("environment"),
        bucket_s=seconds,
        limit=paging.number("limit", 1000, low=1, high=1000),
    )
    items = [
        {
            "bucket": moment(row["bucket"]),
            "application_id": row["application_id"],
            "model": row["model"],
            "count": row["count"],
            "errors": int(row["errors"]),
            "latency_ms": {name: row[name] for name in ("p50", "p95", "p99")},
            "prompt_tokens": int(row["prompt_tokens"]),
            "completion_tokens": int(row["completion_tokens"]),
            "total_tokens": int(row["total_tokens"]),
            "cost": row["cost"],
        }
        for row in rows
    ]
    return jsonify(since=moment(since), until=moment(until), bucket=width, items=items)


def _span() -> tuple[datetime, datetime]:
    until = paging.moment("until") or datetime.now(UTC) + LAST_DAY
    try:
        since = paging.moment("since") or until - 2 * LAST_DAY
    except OverflowError:
        raise Problem(422, "is too early", field="until") from None
    return since, until


def _whole_minutes(since: datetime, until: datetime) -> tuple[datetime, datetime]:
    """The minutes that the span touches."""
    try:
        whole = until.replace(second=0, microsecond=0)
        return since.replace(second=0, microsecond=0), (
            whole if whole == until else whole + timedelta(minutes=1)
        )
    except OverflowError:
        raise Problem(422, "is too late", field="until") from None


def _cursor() -> tuple[datetime, str, str] | None:
    text = request.args.get("cursor")
    if text is None:
        return None
    try:
        when, application, event = json.loads(base64.urlsafe_b64decode(text))
        if not (isinstance(application, str) and isinstance(event, str)):
            raise TypeError
        if body.unstorable(application + event):
            raise ValueError
        return datetime.fromisoformat(when), application, event
    except (ValueError, TypeError, RecursionError):
        raise Problem(
            422, "is not a cursor; take `next_cursor` of the page before", field="cursor"
        ) from None


def _wire(row: Any, judged: Mapping[sampled.Name, Mapping[str, Any]]) -> dict[str, Any]:
    skipped = ("tenant", "ts", "received_at")
    event = {name: value for name, value in row.items() if name not in skipped}
    event["timestamp"] = moment(row["ts"])
    event["received_at"] = moment(row["received_at"])
    return {**event, **judged.get((row["application_id"], row["event_id"]), sampled.UNSAMPLED)}
