"""Jobs on the wire."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import request

from api.problems import Problem
from core.analysis import Mode
from core.settings import settings

MAX_WAIT_SECONDS = 60


def links(job_id: object) -> dict[str, str]:
    """Where a client goes on from a job."""
    own = f"/api/v1/analyses/{job_id}"
    return {
        "self": own,
        "events": f"{own}/events",
        "cancel": f"{own}/cancel",
        "retry": f"{own}/retry",
        "results": f"{own}/results",
    }


def wire(
    row: Mapping[str, Any], engines: Sequence[Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """A row of `analyses` in the shape of `schemas.Job`."""
    job: dict[str, Any] = {
        "id": str(row["id"]),
        "status": row["state"],
        "kind": row["kind"],
        "mode": row["mode"],
        "policy": row["policy"],
        "policy_version": row["options"].get("policy_version"),
        "application_id": row["application_id"],
        "session_id": row["session_id"],
        "user_id": row["user_id"],
        "progress": {"done": row["items_done"], "total": row["item_count"]},
        "risk_score": row["risk_score"],
        "verdict": row["verdict"],
        "action": row["action"],
        "degraded": row["degraded"],
        "cached": row["cached"],
        "retry_of": None if row["retry_of"] is None else str(row["retry_of"]),
        "error": row["error"],
        "created_at": moment(row["created_at"]),
        "started_at": moment(row["started_at"]),
        "finished_at": moment(row["finished_at"]),
        "timings": {
            "queued_ms": between(row["created_at"], row["started_at"]),
            "run_ms": between(row["started_at"], row["finished_at"]),
            "total_ms": between(row["created_at"], row["finished_at"]),
        },
        "links": links(row["id"]),
    }
    if engines is not None:
        skipped = row["options"].get("skipped", {})
        job["engines"] = [
            {key: value for key, value in engine.items() if value is not None} for engine in engines
        ] + [
            {
                "engine": name,
                "version": about["version"],
                "outcome": "skipped",
                "items": row["item_count"],
                "duration_ms": 0.0,
                "reason": about["reason"],
            }
            for name, about in skipped.items()
        ]
    return job


def item(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `items` in the shape of `schemas.Item`."""
    judgement = row["judgement"]
    return {
        "index": row["item_index"],
        "risk_score": row["risk_score"],
        "verdict": row["verdict"],
        "action": row["action"],
        "degraded": row["degraded"],
        "recommendation": judgement["recommendation"],
        "findings": judgement["findings"],
        "engines": [
            {key: value for key, value in engine.items() if key != "findings"}
            for engine in row["engines"]
        ],
    }


def moment(value: datetime | None) -> str | None:
    """RFC 3339 in UTC."""
    return None if value is None else value.isoformat().replace("+00:00", "Z")


def between(start: datetime | None, end: datetime | None) -> float | None:
    """Milliseconds, or None while one end is open."""
    if start is None or end is None:
        return None
    return round(max((end - start).total_seconds(), 0.0) * 1000, 3)


def chosen_mode(mode: Mode | None) -> Mode:
    """The mode asked for, or the farm's."""
    return mode or Mode(settings().brain_analysis_mode)


def etag(row: Mapping[str, Any]) -> str:
    """Changes whenever anything shown does; each run that ends adds outcomes of engines."""
    shown = [wire(row, ()), row["runs_left"]]
    return hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:20]


def preferred_wait() -> float:
    """Seconds of `Prefer: wait=N`, at most a minute; 0 without it."""
    for preference in request.headers.get("Prefer", "").split(","):
        name, _, value = preference.strip().partition("=")
        if name.lower() == "wait" and value.isascii() and value.isdigit():
            return float(min(int(value[:4]), MAX_WAIT_SECONDS))
    return 0.0


def idempotency_key() -> str | None:
    """The Idempotency-Key of the request. Raises Problem 422 for an unusable one."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (0 < len(key) <= 255 and key.isprintable() and key.isascii()):
        raise Problem(422, "must be 1 to 255 printable ASCII characters", field="Idempotency-Key")
    return key
