"""Ways to reach people: the folder is the registry, one file a `type`."""

from __future__ import annotations

import difflib
import functools
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType

from alerts.receivers.base import AnyReceiver, Receiver, configured
from core.errors import ConfigError, StartError
from core.http import HttpClient
from core.plugins import sole_class

FRAMEWORK = frozenset({"base"})


@functools.cache
def registry() -> Mapping[str, type[AnyReceiver]]:
    """Every receiver class by type. Raises StartError where file, class and type differ."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    return MappingProxyType({name: _only(name) for name in names if name not in FRAMEWORK})


def _only(name: str) -> type[AnyReceiver]:
    kind: type[AnyReceiver] = sole_class(f"{__name__}.{name}", Receiver)  # type: ignore[type-abstract]
    if kind.type != name:
        raise StartError(
            f"alerts/receivers/{name}.py: module and type {kind.type!r} must be the same word"
        )
    return kind


def make(where: str, name: str, kind: object, config: object, http: HttpClient) -> AnyReceiver:
    """A receiver from its entry in alerts.yaml. Raises ConfigError naming the key at fault."""
    known = registry()
    if kind is None:
        raise ConfigError(f"{where}: type: missing; write one of {', '.join(known)}")
    if not isinstance(kind, str) or kind not in known:
        near = difflib.get_close_matches(str(kind), list(known), n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
        raise ConfigError(f"{where}: type: unknown type {kind!r}; {hint}")
    found = known[kind]
    if config is None:
        config = {}
    if not isinstance(config, Mapping):
        raise ConfigError(f"{where}: config: must be a mapping of names to values")
    checked = configured(found, f"{where}: config", config)
    try:
        return found(name, checked, http)
    except ConfigError as problem:
        raise ConfigError(f"{where}: config: {problem}") from None
