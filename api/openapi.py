"""The OpenAPI 3.1 document, made from the routes themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import Flask
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.operations import OPERATION, Operation, Shape
from api.schemas import ProblemDocument
from core import __version__
from core.settings import settings

_REFERENCE = "#/components/schemas/{model}"
_CONVERTER = re.compile(r"<(?:(?P<kind>\w+):)?(?P<name>\w+)>")
_PATH_TYPES = {
    "uuid": {"type": "string", "format": "uuid"},
    "int": {"type": "integer", "minimum": 0},
    None: {"type": "string", "minLength": 1, "pattern": "^[^/]+$"},
}
TAGS = {
    "guard": "Judge one input now.",
    "analyses": "Jobs: submit, poll, read results, cancel.",
    "engines": "What looks at an input.",
    "telemetry": "Events of model calls: in, out, aggregated.",
    "watch": "Detectors, anomalies, alerts, receivers.",
    "reports": "Reports on a schedule or on demand, and their schedules.",
    "auth": "Keys and tokens.",
    "health": "Liveness, readiness, metrics.",
    "docs": "This document.",
}
_COMMON_PROBLEMS = (429, 500, 503)
_SHARING = frozenset({"put", "patch", "delete"})
"""Methods whose path others share: werkzeug answers them 405 where the path holds no UUID."""


def document(app: Flask) -> dict[str, Any]:
    """Every route that carries an `operation`, as an OpenAPI 3.1 document."""
    found: list[tuple[str, str, str, Operation]] = []
    for rule in app.url_map.iter_rules():
        promise = getattr(app.view_functions[rule.endpoint], OPERATION, None)
        if promise is None:
            continue
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            found.append((rule.rule, method.lower(), rule.endpoint, promise))
    components = _schemas([promise for _, _, _, promise in found])
    paths: dict[str, dict[str, Any]] = {}
    for path, method, endpoint, promise in sorted(found, key=lambda one: (one[0], one[1])):
        shown = _CONVERTER.sub(r"{\g<name>}", path)
        paths.setdefault(shown, {})[method] = _operation(path, method, endpoint, promise)
    secured = settings().authenticated
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sentinel",
            "version": __version__,
            "description": "Guard and watch LLM applications: analyses, telemetry, alerts.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"apiKey": []}] if secured else [],
        "tags": [{"name": tag, "description": about} for tag, about in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key, or a JWT from POST /api/v1/auth/token.",
                },
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def _models(shape: Shape | Mapping[str, Shape]) -> list[type[BaseModel]]:
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        return [shape]
    return []


def _schemas(promises: list[Operation]) -> dict[str, Any]:
    models: dict[tuple[type[BaseModel], str], None] = {(ProblemDocument, "serialization"): None}
    for promise in promises:
        for model in _models(promise.body):
            models[(model, "validation")] = None
        for _, shapes in promise.answers.values():
            for shape in shapes.values():
                for model in _models(shape):
                    models[(model, "serialization")] = None
    _, definitions = models_json_schema(list(models), ref_template=_REFERENCE)  # type: ignore[arg-type]
    return dict(definitions["$defs"])


def _shape(shape: Shape) -> Mapping[str, Any]:
    if isinstance(shape, type):
        return {"$ref": _REFERENCE.format(model=shape.__name__)}
    return shape or {}


def _operation(path: str, method: str, endpoint: str, promise: Operation) -> dict[str, Any]:
    one: dict[str, Any] = {
        "summary": promise.summary,
        "tags": [promise.tag],
        "operationId": f"{endpoint.replace('.', '_')}_{method}",
        "responses": {},
    }
    parameters = [
        {
            "name": match["name"],
            "in": "path",
            "required": True,
            "schema": _PATH_TYPES[match["kind"]],
        }
        for match in _CONVERTER.finditer(path)
    ] + [
        {
            "name": parameter.name,
            "in": parameter.place,
            "required": False,
            "description": parameter.about,
            "schema": dict(parameter.schema),
        }
        for parameter in promise.parameters
    ]
    if parameters:
        one["parameters"] = parameters
    if promise.body is not None:
        content: dict[str, Any] = {
            kind: {"schema": _shape(promise.body)} for kind in promise.body_types
        }
        content |= {kind: {"schema": dict(s)} for kind, s in promise.body_alternatives.items()}
        one["requestBody"] = {"required": True, "content": content}
    for status, (about, shapes) in promise.answers.items():
        answer: dict[str, Any] = {"description": about}
        if shapes:
            answer["content"] = {kind: {"schema": _shape(shape)} for kind, shape in shapes.items()}
        one["responses"][str(status)] = answer
    for status in _problems(method, promise):
        if status in promise.answers:
            continue
        one["responses"][str(status)] = {
            "description": _titles(status),
            "content": {
                "application/problem+json": {
                    "schema": {"$ref": _REFERENCE.format(model="ProblemDocument")}
                }
            },
        }
    if promise.public:
        one["security"] = []
    return one


def _problems(method: str, promise: Operation) -> list[int]:
    found = {*promise.problems, *_COMMON_PROBLEMS}
    if promise.body is not None:
        found |= {400, 413, 415, 422}
    if method in _SHARING:
        found.add(405)
    if not promise.public:
        found.add(401)
    if not settings().authenticated:
        found |= {400} if method == "get" else {400, 403}
    return sorted(found)


def _titles(status: int) -> str:
    from api.problems import TITLES

    return TITLES[status]
