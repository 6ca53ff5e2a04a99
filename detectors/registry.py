"""The folder is the registry: every module here that is not framework holds one detector."""

from __future__ import annotations

import functools
import pkgutil
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

import detectors
from core.errors import StartError
from core.plugins import sole_class
from detectors.base import Anomaly, Detector, DetectorSpec, Series

FRAMEWORK = frozenset(
    {
        "base",
        "config",
        "damping",
        "features",
        "metrics",
        "nab",
        "quantiles",
        "registry",
        "running",
        "shares",
        "sparkline",
        "statistical",
        "stream",
    }
)


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
    kind = sole_class(f"detectors.{name}", Detector)  # type: ignore[type-abstract]
    if kind.name != name or (kind.strategy or kind.type) != name:
        raise StartError(
            f"detectors/{name}.py: module, name {kind.name!r} and strategy or type "
            f"{kind.strategy or kind.type!r} must be the same word"
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
