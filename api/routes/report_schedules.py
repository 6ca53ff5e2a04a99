"""Schedules of reports: list, make, change, take away."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal
from uuid import UUID

from flask import Blueprint, Response, g, jsonify
from pydantic import BaseModel, ConfigDict, Field

from api import paging
from api.body import read
from api.jobs import moment
from api.operations import operation
from api.schemas import Name
from core.errors import BadInput
from reports.schedule import KEYS, MAX_LENGTH, MAX_NAMES, Schedule, parse
from workers import reporting_schedules
from workers.reporting_schedules import Kept

blueprint = Blueprint("report_schedules", __name__, url_prefix="/api/v1/reports/schedules")


class ScheduleRequest(BaseModel):
    """When a report is due, what it is about, who gets it."""

    model_config = ConfigDict(
        extra="allow", strict=True, json_schema_extra={"additionalProperties": False}
    )

    name: Name
    cron: Name = Field(description="Five fields, such as `0 8 * * MON`.")
    timezone: Name = "UTC"
    period: Name = Field(default="week", description="day, week, month or such as 6h.")
    applications: list[str] = Field(default=[], max_length=MAX_NAMES, description="Default: all.")
    receivers: list[str] = Field(
        default=[], max_length=MAX_NAMES, description="Names of alerts.yaml, or mail addresses."
    )
    mail_by: Name | None = Field(
        default=None,
        description="The receiver of type email whose server carries mail to addresses; default:"
        " the first of alerts.yaml.",
    )
    title: str = Field(default="", max_length=MAX_LENGTH)
    enabled: bool = True


class StoredSchedule(BaseModel):
    """A schedule as it stands."""

    id: UUID
    origin: Literal["file", "stored"]
    name: str
    cron: str
    timezone: str
    period: str
    applications: list[str]
    receivers: list[str]
    mail_by: str | None
    title: str
    enabled: bool
    next_due: datetime | None = Field(description="Null while it is not enabled.")
    created_at: datetime
    updated_at: datetime


class SchedulePage(BaseModel):
    """Schedules, newest first."""

    items: list[StoredSchedule]
    next_cursor: str | None


@blueprint.get("")
@operation(
    "Schedules of reports, newest first",
    tag="reports",
    parameters=paging.PLACE,
    answers={200: ("One page.", SchedulePage)},
    problems=(422,),
)
def listed() -> Response:
    """One page of schedules, those of the file among them."""
    return jsonify(paging.listing(partial(reporting_schedules.listed, g.tenant), wire))


@blueprint.post("")
@operation(
    "Make a schedule",
    tag="reports",
    body=ScheduleRequest,
    answers={201: ("Made.", StoredSchedule)},
    problems=(409,),
)
def create() -> Response:
    """Its first report is due the next time that its cron expression comes."""
    kept = reporting_schedules.create(_read(), g.tenant, datetime.now(UTC))
    answer = jsonify(wire(kept))
    answer.status_code = 201
    answer.headers["Location"] = f"/api/v1/reports/schedules/{kept.id}"
    return answer


@blueprint.get("/<uuid:schedule_id>")
@operation(
    "One schedule",
    tag="reports",
    answers={200: ("The schedule.", StoredSchedule)},
    problems=(404,),
)
def one(schedule_id: UUID) -> Response:
    """The schedule as it stands."""
    return jsonify(wire(reporting_schedules.find(schedule_id, g.tenant)))


@blueprint.put("/<uuid:schedule_id>")
@operation(
    "Change a schedule; one of the file is then stored and stands above it",
    tag="reports",
    body=ScheduleRequest,
    answers={200: ("Changed.", StoredSchedule)},
    problems=(404,),
)
def replace(schedule_id: UUID) -> Response:
    """The whole schedule anew; its name stays."""
    wanted = _read()
    kept = reporting_schedules.find(schedule_id, g.tenant)
    if wanted.name != kept.schedule.name:
        raise BadInput("cannot change; make a new schedule by POST", field="name")
    return jsonify(wire(reporting_schedules.put(wanted, g.tenant, datetime.now(UTC))))


@blueprint.delete("/<uuid:schedule_id>")
@operation(
    "Take a schedule away; its reports stay",
    tag="reports",
    answers={204: ("Gone.", None)},
    problems=(404, 409),
)
def remove(schedule_id: UUID) -> Response:
    """409 for a schedule of the file."""
    reporting_schedules.remove(schedule_id, g.tenant, datetime.now(UTC))
    return Response(status=204)


def _read() -> Schedule:
    sent = read(ScheduleRequest)
    return parse({**sent.model_dump(include=set(KEYS)), **(sent.model_extra or {})})


def wire(kept: Kept) -> dict[str, Any]:
    """A schedule in the shape of `StoredSchedule`."""
    schedule = kept.schedule
    coming = schedule.next(datetime.now(UTC)) if schedule.enabled else None
    return {
        "id": str(kept.id),
        "origin": kept.origin,
        **schedule.body(),
        "next_due": moment(coming),
        "created_at": moment(kept.created_at),
        "updated_at": moment(kept.updated_at),
    }
