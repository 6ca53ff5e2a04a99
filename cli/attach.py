"""Finds the farm that an operator's command is about."""

from __future__ import annotations

import json
import os
from pathlib import Path

from core.errors import ConfigError
from core.home import write_private
from core.settings import Settings, settings

ENVIRONMENT = "environment.json"


def remember(run: Path) -> None:
    """Keep this farm's settings where `sentinel-cli` finds them, for its owner alone."""
    given = {name.upper() for name in Settings.model_fields}
    kept = {name: value for name, value in os.environ.items() if name.upper() in given}
    write_private(run / ENVIRONMENT, json.dumps(kept))


def attach(home: str | None) -> None:
    """Set the variables of the farm under `home`, unless DATABASE_URL names another one.

    Raises ConfigError when there is no farm to be found.
    """
    if home is None and os.environ.get("DATABASE_URL"):
        return
    root = Path(home or os.environ.get("SENTINEL_HOME") or ".sentinel")
    file = root / "run" / ENVIRONMENT
    try:
        variables = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"no farm was started under {root}; give --home DIR, or set DATABASE_URL and REDIS_URL"
        ) from None
    except (OSError, ValueError) as problem:
        raise ConfigError(f"{file} cannot be read: {problem}; run as its owner") from problem
    for name, value in variables.items():
        if home is not None:
            os.environ[name] = value
        else:
            os.environ.setdefault(name, value)
    settings.cache_clear()
