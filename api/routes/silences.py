"""Silences, in the fields of Alertmanager's API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

from flask import Blueprint, Response, g, jsonify
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from alerts.matchers import LABEL, Matcher, Operator
from alerts.silences import Silence
from api import paging
from api.body import read
from api.jobs import moment
from api.operations import Parameter, operation
from core.errors import BadInput, ConfigError
from workers import silences

blueprint = Blueprint("silences", __name__, url_prefix="/api/v1/silences")

_OPERATORS: Mapping[tuple[bool, bool], Operator] = {
    (False, True): "=",
    (False, False): "!=",
    (True, True): "=~",
    (True, False): "!~",
}
"""By `isRegex` and `isEqual`."""
_FIELDS = {"starts_at": "startsAt", "ends_at": "endsAt"}
_STATES = ("active", "pending", "expired")
_Text = Annotated[str, Field(min_length=1, max_length=1000)]


class SilenceMatcher(BaseModel):
    """One condition on one label; a missing label counts as the empty text."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(max_length=256, pattern=f"^{LABEL.pattern}$")]
    value: Annotated[str, Field(max_length=1024)]
    isRegex: bool = False
    isEqual: bool = True


class SilenceRequest(BaseModel):
    """Who wants quiet about which alerts, until when and why."""

    model_config = ConfigDict(extra="forbid")

    id: UUID | None = Field(default=None, description="Of the silence to change, for POST.")
    matchers: Annotated[list[SilenceMatcher], Field(min_length=1, max_length=100)]
    startsAt: AwareDatetime | None = Field(default=None, description="Now, where it is missing.")
    endsAt: AwareDatetime
    createdBy: _Text
    comment: _Text


class SilenceStatus(BaseModel):
    """Where its two ends lie."""

    state: Literal["active", "pending", "expired"]


class SilenceAnswer(BaseModel):
    """A silence as it stands."""

    id: UUID
    status: SilenceStatus
    matchers: list[SilenceMatcher]
    startsAt: datetime
    endsAt: datetime
    createdBy: str
    comment: str
    updatedAt: datetime
    replaces: UUID | None


class SilencePage(BaseModel):
    """Silences, newest first."""

    items: list[SilenceAnswer]
    next_cursor: str | None


class SilenceMade(SilenceAnswer):
    """A silence that now stands; `silenceID` is its id, under Alertmanager's name."""

    silenceID: UUID


@blueprint.get("")
@operation(
    "Silences, newest first",
    tag="watch",
    parameters=(
        Parameter("state", {"type": "string", "enum": list(_STATES)}, "Only these."),
        *paging.PLACE,
    ),
    answers={200: ("One page.", SilencePage)},
    problems=(422,),
)
def listed() -> Response:
    """One page of silences, those that are over included."""
    state = paging.choice("state", _STATES)
    rows = partial(silences.listed, g.tenant, datetime.now(UTC), state=state)
    return jsonify(paging.listing(rows, wire))


@blueprint.post("")
@operation(
    "Silence alerts for a time",
    tag="watch",
    body=SilenceRequest,
    answers={201: ("It stands.", SilenceMade)},
    problems=(404, 409),
)
def create() -> Response:
    """With an `id` the silence of that id is changed, as in Alertmanager."""
    now = datetime.now(UTC)
    wanted = read(SilenceRequest)
    return _stands(_kept(wanted, wanted.id, now), now, 201)


@blueprint.get("/<uuid:silence_id>")
@operation("One silence", tag="watch", answers={200: ("It.", SilenceAnswer)}, problems=(404,))
def one(silence_id: UUID) -> Response:
    """The silence as it stands, or stood."""
    return jsonify(wire(silences.one(silence_id, g.tenant, datetime.now(UTC))))


@blueprint.put("/<uuid:silence_id>")
@operation(
    "Change a silence",
    tag="watch",
    body=SilenceRequest,
    answers={200: ("It stands so, or another in its place does.", SilenceMade)},
    problems=(404, 409),
)
def change(silence_id: UUID) -> Response:
    """An active one with other matchers ends, and another with a new id begins."""
    now = datetime.now(UTC)
    wanted = read(SilenceRequest)
    if wanted.id not in (None, silence_id):
        raise BadInput("is not the id of the address; leave it out", field="id")
    return _stands(_kept(wanted, silence_id, now), now, 200)


@blueprint.delete("/<uuid:silence_id>")
@operation(
    "End a silence now", tag="watch", answers={200: ("It is over.", SilenceAnswer)}, problems=(404,)
)
def expire(silence_id: UUID) -> Response:
    """It stays on record; what it muted is told at the next look if it still fires."""
    now = datetime.now(UTC)
    silences.expire(silence_id, g.tenant, now)
    return jsonify(wire(silences.one(silence_id, g.tenant, now)))


def _kept(wanted: SilenceRequest, silence_id: UUID | None, now: datetime) -> UUID:
    """The id of the silence that stands now. Raises BadInput naming the field of the request."""
    asked = _silence(wanted, now)
    try:
        if silence_id is None:
            return silences.create(asked, g.tenant, now)
        return silences.change(silence_id, asked, g.tenant, now)
    except BadInput as problem:
        raise BadInput(str(problem), field=_FIELDS.get(problem.field, problem.field)) from None


def _silence(wanted: SilenceRequest, now: datetime) -> Silence:
    return Silence(
        id="",
        matchers=tuple(_matcher(place, one) for place, one in enumerate(wanted.matchers)),
        starts_at=_utc("startsAt", wanted.startsAt) if wanted.startsAt else now,
        ends_at=_utc("endsAt", wanted.endsAt),
        created_by=wanted.createdBy,
        comment=wanted.comment,
    )


def _utc(field: str, value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise BadInput("lies outside the years 1 to 9999", field=field) from None


def _matcher(place: int, given: SilenceMatcher) -> Matcher:
    try:
        return Matcher(given.name, _OPERATORS[given.isRegex, given.isEqual], given.value)
    except ConfigError as problem:
        raise BadInput(str(problem), field=f"matchers[{place}].value") from None


def _stands(silence_id: UUID, now: datetime, status: int) -> Response:
    answer = jsonify(
        {**wire(silences.one(silence_id, g.tenant, now)), "silenceID": str(silence_id)}
    )
    answer.status_code = status
    answer.headers["Location"] = f"/api/v1/silences/{silence_id}"
    return answer


def wire(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `silences` in the shape of `SilenceAnswer`."""
    return {
        "id": str(row["id"]),
        "status": {"state": row["state"]},
        "matchers": [
            {
                "name": each["name"],
                "value": each["value"],
                "isRegex": each["operator"] in ("=~", "!~"),
                "isEqual": each["operator"] in ("=", "=~"),
            }
            for each in row["matchers"]
        ],
        "startsAt": moment(row["starts_at"]),
        "endsAt": moment(row["ends_at"]),
        "createdBy": row["created_by"],
        "comment": row["comment"],
        "updatedAt": moment(row["updated_at"]),
        "replaces": str(row["replaces"]) if row["replaces"] else None,
    }
