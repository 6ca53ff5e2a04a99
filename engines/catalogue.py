"""The folder is the registry: every engine is found by walking this package."""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType, ModuleType

import engines
from core.analysis import Mode
from core.errors import BadInput, ConfigError, SentinelError
from engines.base import Engine


class CatalogueError(SentinelError):
    """An engine's file, name and class name differ; give all three the same word."""


def engine_class_of(module: ModuleType) -> type[Engine] | None:
    """The engine that a module defines, None when it defines none.

    Raises CatalogueError when it defines several, or one under another name.
    """
    defined = [
        thing
        for thing in vars(module).values()
        if isinstance(thing, type)
        and issubclass(thing, Engine)
        and thing.__module__ == module.__name__
        and not thing.__dict__.get("abstract", False)
    ]
    if not defined:
        return None
    own = module.__name__.rpartition(".")[2]
    if len(defined) > 1:
        names = ", ".join(sorted(thing.__name__ for thing in defined))
        raise CatalogueError(f"engines/{own}.py defines several engines ({names}); one file each")
    found = defined[0]
    wanted = "".join(word.capitalize() for word in own.split("_"))
    name = found.__dict__.get("name")
    if name != own or found.__name__ != wanted:
        raise CatalogueError(
            f"engines/{own}.py must define class {wanted} with name = {own!r}; "
            f"it defines class {found.__name__} with name = {name!r}"
        )
    return found


@functools.cache
def catalogue() -> Mapping[str, Engine]:
    """Every engine of this process by name, sorted; none is loaded yet."""
    found = {}
    for entry in sorted(pkgutil.iter_modules(engines.__path__), key=lambda entry: entry.name):
        kind = engine_class_of(importlib.import_module(f"engines.{entry.name}"))
        if kind is not None:
            found[kind.name] = kind()
    return MappingProxyType(found)


def select(
    mode: Mode,
    names: Collection[str] | None = None,
    enabled: Collection[str] = (),
    disabled: Collection[str] = (),
) -> tuple[Engine, ...]:
    """The engines of an analysis, sorted by name.

    `names`, when given and not empty, are run whatever the mode. `enabled` and `disabled` are the
    operator's settings and bind a request too. Raises BadInput for an unknown or disabled name in
    `names`, ConfigError for an unknown one in a setting.
    """
    known = catalogue()
    for setting, given in (("ENABLED_ENGINES", enabled), ("DISABLED_ENGINES", disabled)):
        for name in _unknown(given, known):
            raise ConfigError(f"{setting}: {_no_such(name, known)}")
    allowed = [name for name in known if (not enabled or name in enabled) and name not in disabled]
    if not names:
        return tuple(known[name] for name in allowed if mode in known[name].modes)
    for name in _unknown(names, known):
        raise BadInput(_no_such(name, known), field="engines")
    for name in _unknown(names, allowed):
        raise BadInput(f"the engine {name!r} is disabled on this farm", field="engines")
    return tuple(known[name] for name in allowed if name in names)


def _unknown(names: Iterable[str], known: Collection[str]) -> list[str]:
    return [name for name in names if name not in known]


def _no_such(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0)
    return f"there is no engine {name!r}; did you mean {near[0]!r}?"
