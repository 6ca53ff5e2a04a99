"""The part of JSON Schema that tool declarations use, checked without a library.

Patterns and formats are not checked: a declaration may come from a stranger, and its regular
expressions are not worth running. What is not understood is let through.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

MAX_DEPTH = 24
"""Deeper values and references are let through unchecked."""
MAX_STEPS = 20_000
"""Values compared with a schema in one check; a schema that refers to itself may ask for more."""

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int, float),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}
_BOUNDS: tuple[tuple[str, Callable[[float, float], bool], str], ...] = (
    ("minimum", operator.lt, "is too small"),
    ("maximum", operator.gt, "is too large"),
    ("exclusiveMinimum", operator.le, "is too small"),
    ("exclusiveMaximum", operator.ge, "is too large"),
)
_LENGTHS = (
    (str, "minLength", "maxLength"),
    (list, "minItems", "maxItems"),
    (dict, "minProperties", "maxProperties"),
)
_PLAIN = re.compile(r"[\w.-]{1,40}")


def breaches(value: object, schema: object) -> Iterator[str]:
    """How the value breaks the schema, a short phrase each; none of them repeats the value."""
    return _Check(schema).of(value, schema, "", 0)


def undeclared(value: object, schema: object) -> list[str]:
    """The keys of the value that the schema does not name, when it names any."""
    if not isinstance(value, dict) or not isinstance(schema, Mapping):
        return []
    named = schema.get("properties")
    open_ended = schema.get("additionalProperties") or schema.get("patternProperties")
    if not isinstance(named, Mapping) or open_ended:
        return []
    return [key for key in value if key not in named]


def shown(name: str) -> str:
    """A name fit for a message, whoever chose it."""
    return name if _PLAIN.fullmatch(name) else "of an odd name"


class _Check:
    def __init__(self, root: object) -> None:
        self._root = root
        self._steps = 0

    def of(self, value: object, schema: object, at: str, depth: int) -> Iterator[str]:
        self._steps += 1
        where = f"argument {at}" if at else "the object of arguments"
        if schema is False:
            yield f"{where} is not allowed"
        if depth > MAX_DEPTH or self._steps > MAX_STEPS or not isinstance(schema, Mapping):
            return
        if "$ref" in schema:
            yield from self.of(value, self._resolved(schema["$ref"]), at, depth + 1)
        kinds = schema.get("type")
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if isinstance(kinds, list) and not any(_is(value, kind) for kind in kinds):
            yield f"{where} has the wrong type"
            return
        options = schema.get("enum")
        if isinstance(options, list) and not any(_same(value, option) for option in options):
            yield f"{where} is none of the allowed values"
        if "const" in schema and not _same(value, schema["const"]):
            yield f"{where} is not the only allowed value"
        yield from (f"{where} {what}" for what in _out_of_bounds(value, schema))
        for part in _list(schema.get("allOf")):
            yield from self.of(value, part, at, depth + 1)
        for word in ("anyOf", "oneOf"):
            parts = _list(schema.get(word))
            if parts and not any(self._fits(value, part, at, depth + 1) for part in parts):
                yield f"{where} fits no alternative"
        if isinstance(value, dict):
            yield from self._object(value, schema, at, depth + 1)
        elif isinstance(value, list) and isinstance(schema.get("items"), Mapping | bool):
            for each in value:
                yield from self.of(each, schema["items"], f"{at}[]", depth + 1)

    def _object(
        self, value: dict[str, Any], schema: Mapping[str, Any], at: str, depth: int
    ) -> Iterator[str]:
        for key in _list(schema.get("required")):
            if isinstance(key, str) and key not in value:
                yield f"argument {_path(at, key)} is missing"
        named = schema.get("properties")
        named = named if isinstance(named, Mapping) else {}
        rest = True if schema.get("patternProperties") else schema.get("additionalProperties", True)
        for key, each in value.items():
            yield from self.of(each, named.get(key, rest), _path(at, key), depth)

    def _fits(self, value: object, schema: object, at: str, depth: int) -> bool:
        return next(self.of(value, schema, at, depth), None) is None

    def _resolved(self, reference: object) -> object:
        """What a local reference such as `#/$defs/city` points to; anything goes where it fails."""
        if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
            return True
        found = self._root
        for step in reference.split("/")[1:]:
            if not isinstance(found, Mapping):
                return True
            found = found.get(step.replace("~1", "/").replace("~0", "~"), True)
        return found


def _out_of_bounds(value: object, schema: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        for word, breaks, what in _BOUNDS:
            bound = schema.get(word)
            if isinstance(bound, int | float) and breaks(value, bound):
                yield what
    for kind, least, most in _LENGTHS:
        if isinstance(value, kind):
            if isinstance(schema.get(least), int) and len(value) < schema[least]:
                yield "is too short"
            if isinstance(schema.get(most), int) and len(value) > schema[most]:
                yield "is too long"


def _is(value: object, kind: object) -> bool:
    expected = _TYPES.get(kind) if isinstance(kind, str) else None
    if expected is None:
        return True
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, expected)


def _same(value: object, other: object) -> bool:
    """Equal, where true is not 1."""
    return isinstance(value, bool) == isinstance(other, bool) and value == other


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _path(at: str, key: str) -> str:
    return f"{at}.{shown(key)}" if at else shown(key)
