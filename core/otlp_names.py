"""What the attributes of a span can tell by their names alone, worked out once for each set.

An instrumentation gives the same attributes to each of its spans, and a request holds hundreds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from core import otlp_texts
from core.otlp_dialects import NAMES, detail, details_name

Found = dict[str, tuple[Any, str]]
"""By field: its value and the attribute that holds it. What no attribute gives is absent."""
_KEPT = 512
_LONGEST = 4096
"""Characters of the names of one set that is kept."""


class Names(NamedTuple):
    """Of each field the attributes that may give it, the first that does counts; fields that may
    stand in an object; whether a prompt or a response may be there."""

    fields: tuple[tuple[str, tuple[str, ...]], ...]
    details: tuple[str, ...]
    texts: bool


_known: dict[tuple[str, ...], Names] = {}


def names_of(attributes: Mapping[str, Any]) -> Names:
    """What these attributes can tell."""
    names = tuple(attributes)
    known = _known.get(names)
    if known is None:
        known = _worked_out(names)
        if sum(map(len, names)) <= _LONGEST:
            if len(_known) >= _KEPT:
                _known.clear()
            _known[names] = known
    return known


def _worked_out(names: tuple[str, ...]) -> Names:
    there = set(names)
    fields = tuple(
        (field, present)
        for field, every in NAMES.items()
        if (present := tuple(name for name in every if name in there))
    )
    details = tuple(field for field in NAMES if details_name(field) in there)
    return Names(fields, details, otlp_texts.speak(names))


def look(attributes: Mapping[str, Any], names: Names) -> Found:
    """The fields that attributes of these names give, as `otlp_dialects.find` finds each."""
    found: Found = {}
    for field, present in names.fields:
        for name in present:
            value = attributes[name]
            if value is not None and value == value and value != "":
                found[field] = value, name
                break
    for field in names.details:
        if field not in found:
            value, name = detail(attributes, field)
            if value is not None:
                found[field] = value, name
    return found
