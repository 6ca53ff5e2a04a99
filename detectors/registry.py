"""The folder is the registry: every module here that is not framework holds one detector."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

import detectors
from core.errors import StartError
from detectors.base import Anomaly, Detector, DetectorSpec, Series

FRAMEWORK = frozenset({"base", "config", "metrics", "registry"})


@functools.cache
def registry() -> Mapping[str, Detector]:
    """Every detector by name.

    Raises StartError for a module whose name, class and `name` differ.
    """
    found: dict[str, Detector] = {}
    for module in pkgutil.iter_modules(detectors.__path__):
        if module.name not in FRAMEWORK:
            found[module.name] = _only(module.name)
    return MappingProxyType(found)


def _only(name: str) -> Detector:
    module = importlib.import_module(f"detectors.{name}")
    here = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, Detector)
        and value.__module__ == module.__name__
    ]
    if len(here) != 1:
        raise StartError(f"detectors/{name}.py must define exactly one Detector; it has {here}")
    kind = here[0]
    plain = name.replace("_", "")
    if kind.__name__.lower() != plain or kind.name != name or (kind.strategy or kind.type) != name:
        raise StartError(
            f"detectors/{name}.py: module, class {kind.__name__!r}, name {kind.name!r} and "
            f"strategy or type {kind.strategy or kind.type!r} must be the same word"
        )
    return kind()


def detector(name: str) -> Detector:
    """The detector of that name; a spec knows its own as `spec.detector`."""
    return registry()[name]


def evaluate(spec: DetectorSpec, series: Series, now: datetime) -> Anomaly | None:
    """What the entry's detector says about one series at `now`."""
    return detector(spec.detector).evaluate(spec, series, now)


def types() -> tuple[str, ...]:
    """The words `type` may take in detectors.yaml."""
    return tuple(sorted({kind.type for kind in registry().values()}))


def strategies(type_: str) -> tuple[str, ...]:
    """The words `strategy` may take for this type."""
    return tuple(kind.strategy for kind in registry().values() if kind.type == type_)
