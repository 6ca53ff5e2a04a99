"""Policies: what judges a request, and its versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from flask import Blueprint, Response, g, jsonify
from pydantic import BaseModel, Field

from api import paging
from api.jobs import moment
from api.operations import Parameter, operation
from workers import policies
from workers.policies import Version

blueprint = Blueprint("policies", __name__, url_prefix="/api/v1/policies")

MAX_VERSION = 2**31 - 1


class Limits(BaseModel):
    """The risks from which one acts."""

    audit: float = Field(ge=0, le=1)
    warn: float = Field(ge=0, le=1)
    block: float = Field(ge=0, le=1)


class PolicySummary(BaseModel):
    """A policy as it stands."""

    name: str
    version: int | None = Field(description="Null for a file's that has not judged anything yet.")
    origin: Literal["file", "stored", "calibrated"]
    digest: str
    description: str
    applications: list[str]
    thresholds: Limits
    created_at: datetime | None


class Policy(PolicySummary):
    """A policy with all that it says."""

    body: dict[str, Any] = Field(description="As in its YAML file.")
    about: dict[str, Any] | None = Field(description="How it was calibrated.")


class Policies(BaseModel):
    """Every policy that a request may name."""

    items: list[PolicySummary]


def summary(version: Version) -> dict[str, Any]:
    """A version in the shape of `PolicySummary`."""
    limits = version.thresholds
    return {
        "name": version.policy.name,
        "version": version.number,
        "origin": version.origin,
        "digest": version.policy.digest,
        "description": version.policy.description,
        "applications": list(version.policy.applications),
        "thresholds": {"audit": limits.audit, "warn": limits.warn, "block": limits.block},
        "created_at": moment(version.created_at),
    }


@blueprint.get("")
@operation("All policies", tag="policies", answers={200: ("As they stand.", Policies)})
def listed() -> Response:
    """Those that a request may name, by name."""
    return jsonify(items=[summary(version) for version in policies.standing(g.tenant)])


@blueprint.get("/<name>")
@operation(
    "One policy, or one of its versions",
    tag="policies",
    parameters=(
        Parameter(
            "version",
            {"type": "integer", "minimum": 1, "maximum": MAX_VERSION},
            "An earlier version; default: the policy as it stands.",
        ),
    ),
    answers={200: ("The policy.", Policy)},
    problems=(404, 422),
)
def one(name: str) -> Response:
    """What a policy says; versions never change."""
    number = paging.number("version", 0, low=1, high=MAX_VERSION) or None
    version = policies.find(name, g.tenant, number)
    about = None if version.about is None else dict(version.about)
    return jsonify({**summary(version), "body": version.policy.body, "about": about})
