"""What a route promises: the decorator that OpenAPI is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from pydantic import BaseModel

View = TypeVar("View", bound=Callable[..., Any])

OPERATION = "__operation__"

Shape = type[BaseModel] | Mapping[str, Any] | None
"""A response body: a model, a plain JSON schema, or none."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query or header parameter, described by a JSON schema."""

    name: str
    schema: Mapping[str, Any]
    about: str
    place: str = "query"


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one route. `answers` maps status to (description, shape by media type)."""

    summary: str
    tag: str
    body: Shape = None
    body_types: tuple[str, ...] = ("application/json",)
    body_alternatives: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()
    answers: Mapping[int, tuple[str, Mapping[str, Shape]]] = field(default_factory=dict)
    problems: tuple[int, ...] = ()
    public: bool = False


def operation(
    summary: str,
    *,
    tag: str,
    answers: Mapping[int, tuple[str, Shape] | tuple[str, Mapping[str, Shape]]],
    **more: Any,
) -> Callable[[View], View]:
    """Attach the promise to a view. A shape without media type is `application/json`."""
    full: dict[int, tuple[str, Mapping[str, Shape]]] = {}
    for status, (about, shape) in answers.items():
        if shape is None:
            full[status] = (about, {})
        elif isinstance(shape, Mapping) and any("/" in key for key in shape):
            full[status] = (about, cast("Mapping[str, Shape]", shape))
        else:
            full[status] = (about, {"application/json": cast("Shape", shape)})

    def attach(view: View) -> View:
        setattr(view, OPERATION, Operation(summary=summary, tag=tag, answers=full, **more))
        return view

    return attach
