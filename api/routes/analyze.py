"""The guard call: submits a job and waits for its verdict. No engine runs in this process."""

from __future__ import annotations

import math
import time
from typing import Any

from flask import Blueprint, Response, g, jsonify

from api import jobs
from api.body import read
from api.operations import operation
from api.problems import Problem
from api.schemas import GuardAnswer, GuardRequest
from core.analysis import Action, JobState, Mode
from core.errors import BadInput
from core.metrics import REQUESTS
from core.settings import settings
from workers import reading, rescue, waiting
from workers.submission import Submission, submit

blueprint = Blueprint("analyze", __name__)

MODE_SECONDS = {Mode.FAST: 0.01, Mode.BALANCED: 0.05, Mode.THOROUGH: 0.2}
RISK_HEADER = "X-Sentinel-Risk"

for _status in ("success", "blocked", "error"):
    REQUESTS.labels(_status)


@blueprint.post("/api/v1/analyze")
@blueprint.post("/v1/analyze")
@operation(
    "Judge one input now",
    tag="guard",
    body=GuardRequest,
    answers={200: ("The verdict.", GuardAnswer)},
    problems=(502, 504),
)
def analyze() -> Response:
    """Wait for the job; 504 when no worker finished it within GUARD_TIMEOUT."""
    wanted = read(GuardRequest)
    ending = "error"
    try:
        answer = _judged(wanted)
        ending = "blocked" if answer["action"] == Action.BLOCK else "success"
    except BadInput:
        ending = ""
        raise
    finally:
        if ending:
            REQUESTS.labels(ending).inc()
    response = jsonify(answer)
    if answer["action"] != Action.ALLOW:
        response.headers[RISK_HEADER] = f"{answer['risk_score']:.4f}"
    return response


def _judged(wanted: GuardRequest) -> dict[str, Any]:
    limit = min(wanted.deadline_s or math.inf, settings().guard_timeout)
    mode = jobs.chosen_mode(wanted.mode)
    begun = time.monotonic()
    accepted = submit(
        Submission(
            contents=[wanted.content()],
            kind="guard",
            mode=mode,
            engines=tuple(wanted.engines or ()),
            tenant=g.tenant,
            application_id=wanted.application_id or settings().application_id,
            session_id=wanted.session_id,
            user_id=wanted.user_id,
            policy=wanted.policy,
            deadline_s=limit,
            watched=True,
        )
    )

    def ended() -> bool:
        return reading.ended(accepted.id)

    done = accepted.cached or (
        accepted.waits_for_gpu and waiting.wait(accepted.id, MODE_SECONDS[mode], ended)
    )
    if accepted.waits_for_gpu and not done:
        rescue.skip_without_gpu(accepted.id)
    left = limit - (time.monotonic() - begun)
    if not done and not waiting.wait(accepted.id, left, ended):
        rescue.end_job(accepted.id, "expired", "the caller's time was over")
    row = reading.judged(accepted.id)
    if row["state"] not in (JobState.COMPLETED, JobState.COMPLETED_WITH_ERRORS):
        status = 504 if row["state"] == JobState.EXPIRED else 502
        raise Problem(
            status,
            f"the analysis {accepted.id} ended {row['state']}: {row['error'] or 'no verdict'}; "
            "treat the input as not checked",
        )
    judgement = row["judgement"]
    spent = jobs.between(row["created_at"], row["finished_at"]) or 0.0
    g.log = {
        "analysis_id": str(accepted.id),
        "risk_score": row["risk_score"],
        "verdict": row["verdict"],
        "engines_triggered": judgement["engines_triggered"],
    }
    return {
        "request_id": g.request_id,
        "analysis_id": str(accepted.id),
        "risk_score": row["risk_score"],
        "verdict": row["verdict"],
        "action": row["action"],
        "recommendation": judgement["recommendation"],
        "is_safe": row["action"] in (Action.ALLOW, Action.AUDIT),
        "degraded": row["degraded"],
        "findings": judgement["findings"],
        "details": {
            "engines_triggered": judgement["engines_triggered"],
            "engines_run": judgement["engines_run"],
            "engines_skipped": judgement["engines_skipped"],
            "engines_failed": judgement["engines_failed"],
            "analysis_time_ms": spent,
            "cached": row["cached"],
        },
    }
