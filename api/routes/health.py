"""Liveness touches nothing; readiness asks database, broker and every worker class, and says."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify
from pydantic import BaseModel

from api.operations import operation
from core import __version__
from core.database import ping
from core.errors import SentinelError
from workers import presence
from workers.rescue import queue_lengths

blueprint = Blueprint("health", __name__)

REQUIRED_CLASSES = ("cpu", "io")
OPTIONAL_CLASSES = ("gpu", "control")


class Alive(BaseModel):
    """The process answers."""

    status: str
    version: str


class Check(BaseModel):
    """One dependency."""

    ok: bool
    detail: str


class Ready(BaseModel):
    """Whether the farm can take work, and each reason why not."""

    status: str
    version: str
    checks: dict[str, Check]


@blueprint.get("/health")
@blueprint.get("/health/live")
@operation("The process answers", tag="health", answers={200: ("Alive.", Alive)}, public=True)
def live() -> Response:
    """Answer without asking anybody."""
    return jsonify(status="ok", version=__version__)


@blueprint.get("/ready")
@blueprint.get("/health/ready")
@blueprint.get("/api/v1/health")
@operation(
    "Database, broker and workers answer",
    tag="health",
    answers={200: ("Ready.", Ready), 503: ("Not ready; the failing checks say why.", Ready)},
    public=True,
)
def ready() -> tuple[Response, int]:
    """Ask every dependency."""
    checks = {"database": _database(), "broker": _broker(), **_workers()}
    good = all(check["ok"] for check in checks.values())
    answer = jsonify(status="ready" if good else "not ready", version=__version__, checks=checks)
    return answer, 200 if good else 503


def _check(ok: bool, detail: str) -> dict[str, Any]:
    return {"ok": ok, "detail": detail}


def _database() -> dict[str, Any]:
    try:
        ping()
    except SentinelError as problem:
        return _check(False, str(problem))
    return _check(True, "answers")


def _broker() -> dict[str, Any]:
    try:
        lengths = queue_lengths()
    except SentinelError as problem:
        return _check(False, str(problem))
    return _check(True, ", ".join(f"{name}: {size} waiting" for name, size in lengths.items()))


def _workers() -> dict[str, Any]:
    try:
        up = presence.fresh()
    except SentinelError:
        return {f"workers.{name}": _check(False, "unknown") for name in REQUIRED_CLASSES}
    checks = {
        f"workers.{name}": _check(
            up.get(name, 0) > 0,
            f"{up[name]} up"
            if up.get(name)
            else f"no fresh heartbeat; start `sentinel worker --class {name}`",
        )
        for name in REQUIRED_CLASSES
    }
    for name in OPTIONAL_CLASSES:
        count = up.get(name, 0)
        checks[f"workers.{name}"] = _check(True, f"{count} up" if count else "none, optional")
    return checks
