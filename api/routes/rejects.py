"""Telemetry that was refused, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, g, jsonify
from pydantic import BaseModel, Field

from api import paging
from api.jobs import moment
from api.operations import Parameter, operation
from workers import telemetry

blueprint = Blueprint("rejects", __name__, url_prefix="/api/v1/telemetry")

SOURCES = ("http", "otlp-http", "otlp-grpc", "kafka", "store")


class RejectedEvent(BaseModel):
    """One event that was refused."""

    id: UUID
    at: datetime
    source: str = Field(description=f"How it came: {', '.join(SOURCES)}.")
    index: int = Field(description="Its place in the request.")
    field: str | None
    error: str
    body: str = Field(description="What was sent, the first 4,000 characters.")


class RejectPage(BaseModel):
    """Rejects, newest first."""

    items: list[RejectedEvent]
    next_cursor: str | None


@blueprint.get("/rejects")
@operation(
    "Telemetry events that were refused, newest first",
    tag="telemetry",
    parameters=(
        Parameter("source", {"type": "string", "enum": list(SOURCES)}, "Only those that came so."),
        *paging.PLACE,
    ),
    answers={200: ("One page.", RejectPage)},
    problems=(422,),
)
def rejects() -> Response:
    """One page of refused events."""
    rows = partial(telemetry.rejects, g.tenant, source=paging.choice("source", SOURCES))
    return jsonify(paging.listing(rows, _wire))


def _wire(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "at": moment(row["ts"]),
        "source": row["source"],
        "index": row["place"],
        "field": row["field"] or None,
        "error": row["reason"],
        "body": row["body"],
    }
