"""Folders as registries: the one class that a plug-in's file defines."""

from __future__ import annotations

import importlib
import inspect
from typing import TypeVar

from core.errors import StartError

Base = TypeVar("Base")


def sole_class(module_name: str, base: type[Base]) -> type[Base]:
    """The one subclass of `base` that the module itself defines.

    Raises StartError when there is none or several, or when its name is not the module's.
    """
    module = importlib.import_module(module_name)
    here = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, base) and value.__module__ == module_name
    ]
    place = f"{module_name.replace('.', '/')}.py"
    if len(here) != 1:
        names = ", ".join(kind.__name__ for kind in here) or "none"
        raise StartError(f"{place} must define exactly one {base.__name__}; it has {names}")
    plain = module_name.rpartition(".")[2].replace("_", "")
    if here[0].__name__.lower() != plain:
        raise StartError(f"{place}: module and class {here[0].__name__!r} must be the same word")
    return here[0]
