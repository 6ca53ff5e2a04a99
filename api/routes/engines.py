"""The catalogue of engines."""

from __future__ import annotations

from typing import Any, Literal

from flask import Blueprint, Response, jsonify
from pydantic import BaseModel, Field

from api.operations import operation
from core.analysis import Mode
from core.errors import NotFound
from engines.catalogue import catalogue
from engines.quality.page import measured

blueprint = Blueprint("engines", __name__, url_prefix="/api/v1/engines")


class Quality(BaseModel):
    """What this version of the engine alone flagged of labelled texts that it could read.

    The attacks are of every kind, so an engine for one threat is right to be silent on the rest.
    """

    attacks: int
    attacks_flagged: int
    harmless: int
    harmless_flagged: int
    recall: float | None = Field(description="Null where it read no attack.")
    false_positive_rate: float | None = Field(description="Null where it read no harmless text.")


class Engine(BaseModel):
    """What an engine is, where it runs and what it needs."""

    name: str
    version: str
    category: str
    engine_class: Literal["cpu", "gpu"]
    modes: list[Mode]
    inputs: list[str]
    timeout_ms: float
    summary: str
    quality: Quality | None = Field(description="Null where this version was not measured.")


class Engines(BaseModel):
    """Every engine of this farm."""

    items: list[Engine]


def _wire(engine: Any) -> dict[str, Any]:
    order = list(Mode)
    return {
        "name": engine.name,
        "version": engine.version,
        "category": engine.category,
        "engine_class": str(engine.engine_class),
        "modes": sorted((str(mode) for mode in engine.modes), key=[str(m) for m in order].index),
        "inputs": list(engine.inputs),
        "timeout_ms": engine.timeout * 1000,
        "summary": engine.summary,
        "quality": _quality(engine),
    }


def _quality(engine: Any) -> dict[str, Any] | None:
    figures = measured().get(engine.name)
    if figures is None or figures["version"] != engine.version:
        return None
    return {name: figures[name] for name in Quality.model_fields}


@blueprint.get("")
@operation("All engines", tag="engines", answers={200: ("The catalogue.", Engines)})
def listed() -> Response:
    """The catalogue, by name."""
    return jsonify(items=[_wire(engine) for _, engine in sorted(catalogue().items())])


@blueprint.get("/<name>")
@operation("One engine", tag="engines", answers={200: ("The engine.", Engine)}, problems=(404,))
def one(name: str) -> Response:
    """One engine by name."""
    engine = catalogue().get(name)
    if engine is None:
        raise NotFound("there is no such engine; GET /api/v1/engines lists them")
    return jsonify(_wire(engine))
