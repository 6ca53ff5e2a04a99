"""Reports: ask for one, look how far it is, read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal
from uuid import UUID

from flask import Blueprint, Response, g, jsonify, request
from pydantic import BaseModel, ConfigDict, Field

from api import paging
from api.body import read
from api.jobs import moment
from api.operations import Parameter, operation
from api.problems import Problem
from api.schemas import Name
from api.watch_shapes import Attempt
from core.errors import BadInput, Conflict
from core.settings import settings
from reports.period import Period, between, last_complete
from reports.schedule import MAX_NAMES, demand_known, demand_period, demand_zone, words
from reports.tables import NAMES
from workers import reporting, reporting_rows, reporting_schedules, reporting_traffic
from workers.reporting_rows import Order

blueprint = Blueprint("reports", __name__, url_prefix="/api/v1/reports")

POLL_SECONDS = 1
STATES = ("queued", "running", "completed", "failed")
FORMATS = ("html", "text", "csv", "json")
_CSP = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'"
_ID = {"type": "string", "format": "uuid"}
_TEXT = {"type": "string"}


class ReportDelivery(BaseModel):
    """One receiver or address, and every attempt to deliver the report to it."""

    receiver: str
    state: Literal["pending", "sending", "delivered", "failed"]
    dedup_key: str
    created_at: datetime
    delivered_at: datetime | None
    next_attempt_at: datetime | None
    attempts: list[Attempt]


class ReportProgress(BaseModel):
    """How far a report is."""

    percent: int = Field(ge=0, le=100)
    step: str


class ReportLinks(BaseModel):
    """Where to go on."""

    self: str
    html: str
    text: str
    tables: dict[str, str]


class ReportSummary(BaseModel):
    """A report: what it is about and how far it is."""

    id: UUID
    status: Literal["queued", "running", "completed", "failed"]
    title: str
    schedule_id: UUID | None
    period: str
    timezone: str
    period_start: datetime
    period_end: datetime
    applications: list[str]
    receivers: list[str]
    progress: ReportProgress
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    links: ReportLinks


class Report(ReportSummary):
    """A report and who got it."""

    deliveries: list[ReportDelivery]


class ReportPage(BaseModel):
    """Reports, newest first."""

    items: list[ReportSummary]
    next_cursor: str | None


class ReportRequest(BaseModel):
    """A schedule by name, or a period; the newest complete one, unless `start` and `end` are given.

    Nobody is told but `receivers`, or with `send` those of the schedule.
    """

    model_config = ConfigDict(
        extra="allow", strict=True, json_schema_extra={"additionalProperties": False}
    )

    schedule: Name | None = None
    send: bool = False
    period: Name | None = Field(default=None, description="day, week, month or such as 6h.")
    start: datetime | None = Field(default=None, strict=False)
    end: datetime | None = Field(default=None, strict=False)
    timezone: Name | None = Field(default=None, description="Default: UTC.")
    title: Name | None = None
    applications: list[str] = Field(default=[], max_length=MAX_NAMES, description="Default: all.")
    receivers: list[str] = Field(
        default=[], max_length=MAX_NAMES, description="Names of alerts.yaml, or mail addresses."
    )
    mail_by: Name | None = None


@blueprint.post("")
@operation(
    "Ask for a report",
    tag="reports",
    body=ReportRequest,
    answers={202: ("Ordered; poll `Location`.", ReportSummary)},
    problems=(404, 429),
)
def create() -> Response:
    """Order it and answer at once; a worker makes it. 429 while REPORTS_MAX_OPEN are not made."""
    wanted = read(ReportRequest)
    now = datetime.now(UTC)
    demand_known(wanted.model_extra or {}, ReportRequest.model_fields)
    order = _scheduled(wanted, now) if wanted.schedule else _asked(wanted, now)
    _demand_kept(order.period, "schedule" if wanted.schedule else "period", now)
    report_id = reporting.ask(order, now)
    g.log = {"report": str(report_id)}
    answer = jsonify(_wire(reporting_rows.find(report_id, g.tenant)))
    answer.status_code = 202
    answer.headers["Location"] = f"/api/v1/reports/{report_id}"
    answer.headers["Retry-After"] = str(POLL_SECONDS)
    return answer


def _scheduled(wanted: ReportRequest, now: datetime) -> Order:
    given = wanted.model_fields_set - {"schedule", "send"}
    if given:
        raise BadInput("is the schedule's to say; leave it out", field=min(given))
    kept = reporting_schedules.named(str(wanted.schedule), g.tenant)
    return reporting.of_schedule_now(kept, now, send=wanted.send)


def _asked(wanted: ReportRequest, now: datetime) -> Order:
    zone = demand_zone(wanted.timezone or "UTC")
    if wanted.send:
        raise BadInput("goes with `schedule`; name `receivers` instead", field="send")
    if (wanted.start is None) != (wanted.end is None):
        raise BadInput("`start` and `end` go together", field="start" if wanted.end else "end")
    if wanted.start is not None and wanted.end is not None:
        if wanted.period is not None:
            raise BadInput("give `period`, or `start` and `end`", field="period")
        period = _span(wanted.start, wanted.end, zone)
    else:
        period = last_complete(demand_period(wanted.period or "week"), now, zone)
    given = {"applications": wanted.applications, "receivers": wanted.receivers}
    return Order(
        tenant=g.tenant,
        title=wanted.title or reporting.TITLES.get(period.kind, "Report"),
        period=period,
        applications=words(given, "applications"),
        receivers=words(given, "receivers"),
        mail_by=wanted.mail_by,
    )


def _span(start: datetime, end: datetime, zone: str) -> Period:
    try:
        return between(_aware(start), _aware(end), zone)
    except OverflowError:
        raise BadInput("is no time that anything can be known of", field="start") from None


def _aware(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _demand_kept(period: Period, field: str, now: datetime) -> None:
    since = reporting_traffic.oldest_sums(now)
    if period.start < since:
        raise BadInput(
            f"begins at {moment(period.start)}, and what is older than {moment(since)} is not kept"
            f" (RETENTION_AGGREGATED is {settings().retention_aggregated}); ask for a later one",
            field="start" if period.kind == "span" else field,
        )


@blueprint.get("")
@operation(
    "Reports, newest first",
    tag="reports",
    parameters=(
        Parameter("schedule", _ID, "Only of this schedule."),
        Parameter("state", {"type": "string", "enum": list(STATES)}, "Only these."),
        *paging.PLACE,
    ),
    answers={200: ("One page.", ReportPage)},
    problems=(422,),
)
def listed() -> Response:
    """One page of reports."""
    rows = partial(
        reporting_rows.listed,
        g.tenant,
        schedule=paging.uuid("schedule"),
        state=paging.choice("state", STATES),
    )
    return jsonify(paging.listing(rows, _wire))


@blueprint.get("/<uuid:report_id>")
@operation(
    "One report: as HTML, or its text, a table or what is known of it",
    tag="reports",
    parameters=(
        Parameter(
            "format",
            {"type": "string", "enum": list(FORMATS)},
            "Default: json where `Accept` asks for it, else html.",
        ),
        Parameter("table", {"type": "string", "enum": list(NAMES)}, "With `format=csv`."),
    ),
    answers={
        200: (
            "The report.",
            {
                "text/html": _TEXT,
                "text/plain": _TEXT,
                "text/csv": _TEXT,
                "application/json": Report,
            },
        ),
        202: ("Not made yet; poll.", Report),
    },
    problems=(404, 409, 422),
)
def one(report_id: UUID) -> Response:
    """HTML by default. Of a report that is not made yet, how far it is; 409 for one that failed."""
    form = paging.choice("format", FORMATS) or ("json" if _prefers_json() else "html")
    table = paging.choice("table", NAMES)
    if form == "csv" and table is None:
        raise Problem(422, f"name one of {', '.join(NAMES)}", field="table")
    row = reporting_rows.find(report_id, g.tenant)
    if form == "json" or row["finished_at"] is None:
        return _known(row, 200 if form == "json" else 202)
    if row["state"] == "failed":
        raise Conflict(f"the report failed: {row['error']}; ask for it again by POST")
    name, kind = {
        "html": ("report.html", "text/html"),
        "text": ("report.txt", "text/plain"),
        "csv": (f"{table}.csv", "text/csv"),
    }[form]
    answer = Response(reporting_rows.file(report_id, name), content_type=f"{kind}; charset=utf-8")
    answer.headers["Content-Security-Policy"] = _CSP
    answer.headers["Cache-Control"] = "private, max-age=86400, immutable"
    place = "attachment" if form == "csv" else "inline"
    day = row["period_start"].date()
    answer.headers["Content-Disposition"] = f'{place}; filename="{day}-{name}"'
    return answer


def _prefers_json() -> bool:
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return best == "application/json" and not request.accept_mimetypes.accept_html


def _known(row: Mapping[str, Any], status: int) -> Response:
    deliveries = [_delivery(one) for one in reporting_rows.deliveries(row["id"])]
    answer = jsonify({**_wire(row), "deliveries": deliveries})
    answer.status_code = status
    if row["finished_at"] is None:
        answer.headers["Retry-After"] = str(POLL_SECONDS)
    return answer


def _delivery(row: Mapping[str, Any]) -> dict[str, Any]:
    times = ("created_at", "delivered_at", "next_attempt_at")
    return {**row, **{name: moment(row[name]) for name in times}}


def _wire(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `reports` in the shape of `ReportSummary`."""
    own = f"/api/v1/reports/{row['id']}"
    tables: Sequence[str] = NAMES if row["state"] == "completed" else ()
    return {
        "id": str(row["id"]),
        "status": row["state"],
        "title": row["title"],
        "schedule_id": row["schedule_id"] and str(row["schedule_id"]),
        "period": row["period"],
        "timezone": row["timezone"],
        "period_start": moment(row["period_start"]),
        "period_end": moment(row["period_end"]),
        "applications": row["applications"],
        "receivers": row["receivers"],
        "progress": {"percent": row["percent"], "step": row["step"]},
        "error": row["error"],
        "created_at": moment(row["created_at"]),
        "started_at": moment(row["started_at"]),
        "finished_at": moment(row["finished_at"]),
        "links": {
            "self": f"{own}?format=json",
            "html": own,
            "text": f"{own}?format=text",
            "tables": {name: f"{own}?format=csv&table={name}" for name in tables},
        },
    }
