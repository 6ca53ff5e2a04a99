"""Liveness touches nothing; readiness looks at database, broker and every queue's newest proof of
work, and says what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from flask import Blueprint, Response, jsonify
from pydantic import BaseModel

from api.operations import operation
from core import __version__
from core.database import ping
from core.errors import SentinelError
from workers import alert_config, canary, presence
from workers.canary import EVERY_SECONDS, Proof, proof_of
from workers.launch import CLASSES, command_for, served
from workers.queues import queue_lengths

blueprint = Blueprint("health", __name__)

REQUIRED_CLASSES = ("cpu", "io")
OPTIONAL_CLASSES = ("gpu", "control", "kafka")
PROVEN = {"cpu": ("cpu", "cpu-batch"), "io": ("io", "watch")}
"""The queues that must be served; `control` may be served by either of two classes."""


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
    """Look at every dependency. Nothing is waited for, and nobody makes it send more canaries than
    one per queue and EVERY_SECONDS."""
    broker = _broker()
    checks = {
        "database": _database(),
        "broker": broker,
        **_workers(may_send=broker["ok"]),
        "alerts.config": _check(True, _alerts()),
    }
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


def _alerts() -> str:
    """Which alerts.yaml is in force; one that did not load keeps no farm from being ready."""
    try:
        known = alert_config.state()
    except SentinelError:
        return "unknown"
    force = "none loaded yet"
    if known["loaded_at"] is not None:
        force = f"{known['path']}, in force since {known['loaded_at']:%Y-%m-%d %H:%M:%S}Z"
    if known["error"]:
        return f"{force}; not loaded at {known['error_at']:%Y-%m-%d %H:%M:%S}Z: {known['error']}"
    return force


def _workers(*, may_send: bool) -> dict[str, Any]:
    try:
        up, slots, proofs = presence.fresh(), presence.slots(), canary.proofs()
    except SentinelError:
        return {f"workers.{name}": _check(False, "unknown") for name in REQUIRED_CLASSES}
    if may_send and any(proof_of(queue, proofs).age_s > EVERY_SECONDS for queue in slots):
        with suppress(SentinelError):
            canary.send_due()
    checks = {}
    for name in REQUIRED_CLASSES:
        told = {queue: _queue(queue, slots, proofs) for queue in PROVEN[name]}
        bad = [detail for ok, detail in told.values() if not ok]
        checks[f"workers.{name}"] = _check(
            not bad, ", ".join(bad or [detail for _, detail in told.values()])
        )
    for name in OPTIONAL_CLASSES:
        checks[f"workers.{name}"] = _check(True, _optional(name, up.get(name, 0), slots, proofs))
    return checks


def _optional(name: str, count: int, slots: Mapping[str, int], proofs: Mapping[str, Proof]) -> str:
    if not count:
        return "none, optional"
    queues = served(name) if name in CLASSES else ()
    told = [_queue(queue, slots, proofs) for queue in queues if queue in slots]
    return ", ".join(
        [f"{count} up", *(detail if ok else f"not ok: {detail}" for ok, detail in told)]
    )


def _queue(queue: str, slots: Mapping[str, int], proofs: Mapping[str, Proof]) -> tuple[bool, str]:
    """Whether work of the queue is done, and the facts."""
    if not slots.get(queue):
        return False, f"{queue}: no worker serves it; start `{command_for(queue)}`"
    if queue not in proofs:
        return False, f"{queue}: its worker has yet to do its first task"
    proof = proofs[queue]
    if proof.silent:
        return False, (
            f"{queue}: nothing done for {proof.age_s:.0f} s although a worker reports, so its"
            " processes hang; restart it"
        )
    return True, f"{queue}: {proof.age_s:.1f} s ago"
