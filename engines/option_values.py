"""What a policy sets for one engine, read with errors that say what to mend."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from core.configfile import unknown_key
from core.errors import ConfigError

MAX_ENTRIES = 200


def demand_known(options: Mapping[str, Any], known: Collection[str]) -> None:
    """Raises ConfigError for an option that the engine does not have."""
    for key in options:
        if key not in known:
            raise ConfigError(unknown_key("options", str(key), known))


def phrases(
    options: Mapping[str, Any], name: str, *, shortest: int = 1, longest: int = 100
) -> tuple[str, ...]:
    """A list of texts, each once and without the blanks around it; empty where it is absent."""
    given = options.get(name)
    if given is None:
        return ()
    if not isinstance(given, list | tuple):
        raise ConfigError(f"`{name}` must be a list of texts, such as [one, two]")
    if len(given) > MAX_ENTRIES:
        raise ConfigError(f"`{name}` may have at most {MAX_ENTRIES} entries")
    for place, each in enumerate(given):
        if not isinstance(each, str) or not shortest <= len(each.strip()) <= longest:
            raise ConfigError(
                f"`{name}[{place}]` must be a text of {shortest} to {longest} characters"
            )
    return tuple(dict.fromkeys(each.strip() for each in given))


def share(options: Mapping[str, Any], name: str, default: float) -> float:
    """A number from 0 to 1."""
    given = options.get(name, default)
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise ConfigError(f"`{name}` must be a number from 0 to 1")
    if not 0 <= given <= 1:
        raise ConfigError(f"`{name}` must be a number from 0 to 1")
    return float(given)


def count(options: Mapping[str, Any], name: str, default: int, most: int) -> int:
    """A whole number from 1 to `most`."""
    given = options.get(name, default)
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= most:
        raise ConfigError(f"`{name}` must be a whole number from 1 to {most}")
    return given
