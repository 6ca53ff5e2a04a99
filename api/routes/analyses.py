"""Jobs: submit, poll, read results, cancel, follow, list."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, g, jsonify, request

from api import jobs, paging, waiters
from api.body import read
from api.operations import Parameter, operation
from api.problems import Problem
from api.schemas import AnalysisRequest, ItemPage, Job, JobPage, Submitted
from core.analysis import TERMINAL_STATES, JobState, Verdict
from core.errors import Conflict
from core.settings import settings
from workers import reading, rescue, retry, waiting
from workers.submission import Accepted, Submission, submit

blueprint = Blueprint("analyses", __name__, url_prefix="/api/v1/analyses")

POLL_SECONDS = 1
EVENT_SECONDS = 0.25
EVENT_LIMIT_SECONDS = 300
KEEP_ALIVE_SECONDS = 5

_EVENT = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"type": "string", "enum": ["progress", "end"]},
        "data": {"type": "string", "description": "The job as JSON."},
    },
}
_KEY = Parameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "The same key and body give the same job; another body gives 422.",
    place="header",
)
_PREFER = Parameter(
    "Prefer",
    {"type": "string", "pattern": "^wait=[0-9]{1,2}$"},
    "`wait=N` waits up to N seconds (60 at most) and answers 200 when the job ended.",
    place="header",
)


@blueprint.post("")
@operation(
    "Submit one input or up to 10,000 items",
    tag="analyses",
    body=AnalysisRequest,
    parameters=(_KEY, _PREFER),
    answers={202: ("Accepted; poll `Location`.", Submitted), 200: ("Ended while waiting.", Job)},
    problems=(409,),
)
def create() -> Response:
    """Store the job and answer at once, or wait as long as the client prefers."""
    wanted = read(AnalysisRequest)
    contents = wanted.contents()
    wait_s = jobs.preferred_wait()
    key = jobs.idempotency_key()
    accepted = submit(
        Submission(
            contents=contents,
            kind="single" if wanted.items is None else "batch",
            mode=jobs.chosen_mode(wanted.mode),
            engines=tuple(wanted.engines or ()),
            tenant=g.tenant,
            application_id=wanted.application_id or settings().application_id,
            session_id=wanted.session_id,
            user_id=wanted.user_id,
            policy=wanted.policy,
            deadline_s=wanted.deadline_s or settings().job_deadline,
            watched=wait_s > 0,
            idempotency_key=key,
            request_hash=_hash(wanted) if key else None,
        )
    )
    g.log = {"analysis_id": str(accepted.id)}
    if wait_s and _ended_within(wait_s, accepted):
        return _job(accepted.id)
    return _accepted(accepted)


def _accepted(accepted: Accepted) -> Response:
    status = JobState.COMPLETED if accepted.cached else JobState.QUEUED
    answer = jsonify(id=str(accepted.id), status=status, links=jobs.links(accepted.id))
    answer.status_code = 202
    answer.headers["Location"] = jobs.links(accepted.id)["self"]
    answer.headers["Retry-After"] = str(POLL_SECONDS)
    if accepted.replayed:
        answer.headers["Idempotency-Replayed"] = "true"
    return answer


def _hash(wanted: AnalysisRequest) -> bytes:
    """What tells one body from another under the same Idempotency-Key."""
    return hashlib.sha256(wanted.model_dump_json(exclude_none=True).encode()).digest()


def _ended_within(seconds: float, accepted: Accepted) -> bool:
    def ended() -> bool:
        return reading.ended(accepted.id)

    if accepted.cached or (accepted.replayed and ended()):
        return True
    with waiters.slot() as free:
        return free and waiting.wait(accepted.id, seconds, ended)


@blueprint.get("")
@operation(
    "List jobs, newest first",
    tag="analyses",
    parameters=(
        Parameter("state", {"type": "string", "enum": [str(s) for s in JobState]}, "Only these."),
        Parameter(
            "application",
            {"type": "string", "minLength": 1, "maxLength": 256, "pattern": "^[^\\x00]+$"},
            "Only this application.",
        ),
        Parameter("verdict", {"type": "string", "enum": [str(v) for v in Verdict]}, "Only these."),
        paging.SINCE,
        paging.UNTIL,
        paging.LIMIT,
        paging.CURSOR,
    ),
    answers={200: ("One page.", JobPage)},
    problems=(422,),
)
def listed() -> Response:
    """One page of the tenant's jobs."""
    wanted = paging.limit()
    rows = reading.jobs(
        g.tenant,
        state=paging.choice("state", tuple(str(state) for state in JobState)),
        application=paging.word("application"),
        verdict=paging.choice("verdict", tuple(str(verdict) for verdict in Verdict)),
        since=paging.moment("since"),
        until=paging.moment("until"),
        before=paging.cursor(),
        limit=wanted + 1,
    )
    return jsonify(paging.page([jobs.wire(row) for row in rows], wanted))


@blueprint.get("/<uuid:job_id>")
@operation(
    "One job: state, progress, verdict, outcomes",
    tag="analyses",
    answers={200: ("The job.", Job), 304: ("Not changed since the given ETag.", None)},
    problems=(404,),
)
def one(job_id: UUID) -> Response:
    """Poll-friendly: an ETag, and Retry-After while the job is open."""
    return _job(job_id)


def _job(job_id: UUID) -> Response:
    row = reading.job(job_id, g.tenant)
    tag = jobs.etag(row)
    if request.method == "GET" and request.if_none_match.contains_weak(tag):
        answer = Response(status=304)
    else:
        answer = jsonify(jobs.wire(row, reading.engine_summary(job_id)))
    answer.set_etag(tag)
    if row["state"] not in TERMINAL_STATES:
        answer.headers["Retry-After"] = str(POLL_SECONDS)
    return answer


_CSV_COLUMNS = ("index", "risk_score", "verdict", "action", "degraded", "engines_triggered")


@blueprint.get("/<uuid:job_id>/results")
@operation(
    "The verdict over each item",
    tag="analyses",
    parameters=(
        paging.LIMIT,
        Parameter("after", {"type": "integer", "minimum": 0}, "Items after this index."),
        Parameter(
            "cursor",
            {"type": "integer", "minimum": 0},
            "`next_cursor` of the page before; means the same as `after` and goes before it.",
        ),
    ),
    answers={
        200: (
            "JSON pages; NDJSON and CSV carry all items at once.",
            {
                "application/json": ItemPage,
                "application/x-ndjson": {"type": "string"},
                "text/csv": {"type": "string"},
            },
        )
    },
    problems=(404, 406, 422),
)
def results(job_id: UUID) -> Response:
    """By `Accept`: a page of JSON, or everything as NDJSON or CSV."""
    reading.job(job_id, g.tenant)
    kinds = ["application/json", "application/x-ndjson", "text/csv"]
    kind = request.accept_mimetypes.best_match(kinds) if request.accept_mimetypes else kinds[0]
    if kind == "application/x-ndjson":
        return Response(_ndjson(job_id), content_type=kind)
    if kind == "text/csv":
        return Response(_csv(job_id), content_type="text/csv; charset=utf-8")
    if kind is None:
        raise Problem(406, f"ask for one of {', '.join(kinds)}")
    wanted = paging.limit()
    after = paging.number("after", -1, low=0, high=10**9 - 1)
    after = paging.number("cursor", after, low=0, high=10**9 - 1)
    rows = [jobs.item(row) for row in reading.items(job_id, after=after, limit=wanted + 1)]
    page = paging.page(rows, wanted, key="index")
    return jsonify(page)


def _ndjson(job_id: UUID) -> Iterator[str]:
    for row in reading.every_item(job_id):
        yield json.dumps(jobs.item(row)) + "\n"


def _csv(job_id: UUID) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(_CSV_COLUMNS)
    for row in reading.every_item(job_id):
        triggered = " ".join(row["judgement"]["engines_triggered"])
        writer.writerow([row["item_index"], *(row[name] for name in _CSV_COLUMNS[1:5]), triggered])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


@blueprint.post("/<uuid:job_id>/cancel")
@operation(
    "Cancel a job",
    tag="analyses",
    answers={200: ("The job, cancelled.", Job)},
    problems=(404, 409),
)
def cancel(job_id: UUID) -> Response:
    """A fact in the database at once; workers see it between engines."""
    reading.job(job_id, g.tenant)
    rescue.end_job(job_id, "cancelled", "cancelled by the client")
    state = reading.job(job_id, g.tenant)["state"]
    if state != JobState.CANCELLED:
        raise Conflict(f"the analysis is {state} already; there is nothing to cancel")
    return _job(job_id)


@blueprint.post("/<uuid:job_id>/retry")
@operation(
    "Do the failed part of a job again",
    tag="analyses",
    answers={
        202: ("A new job over all items; what went well is taken over.", Submitted),
    },
    problems=(404, 409),
)
def retried(job_id: UUID) -> Response:
    """Sent twice it gives the same job; 409 while the job is open or when nothing failed."""
    return _accepted(retry.retry(job_id, g.tenant))


@blueprint.get("/<uuid:job_id>/events")
@operation(
    "Progress and end, as server-sent events",
    tag="analyses",
    answers={200: ("`progress` events and one `end`.", {"text/event-stream": _EVENT})},
    problems=(404,),
)
def events(job_id: UUID) -> Response:
    """One event whenever the job changed, until it ended; 503 when too many clients wait."""
    first = reading.job(job_id, g.tenant)
    give_back = waiters.take()
    answer = Response(
        _follow(job_id, g.tenant, dict(first)),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
    answer.call_on_close(give_back)
    return answer


def _follow(job_id: UUID, tenant: str, row: dict[str, Any]) -> Iterator[str]:
    spoke = time.monotonic()
    until = spoke + EVENT_LIMIT_SECONDS
    seen = ""
    while True:
        if jobs.etag(row) != seen:
            seen, spoke = jobs.etag(row), time.monotonic()
            name = "end" if row["state"] in TERMINAL_STATES else "progress"
            yield f"event: {name}\ndata: {json.dumps(jobs.wire(row))}\n\n"
        elif time.monotonic() - spoke >= KEEP_ALIVE_SECONDS:
            spoke = time.monotonic()
            yield ": keep-alive\n\n"
        if row["state"] in TERMINAL_STATES or time.monotonic() > until:
            return
        time.sleep(EVENT_SECONDS)
        row = dict(reading.job(job_id, tenant))
